// Preloaded into a gateway of a run (F11): with each SIGUSR2 its wall clock jumps, an hour ahead, an hour behind, back to the
// true time. Its monotonic clock goes on, as that of the kernel does.

const hourMs = 3_600_000;
const jumps = [hourMs, -hourMs, 0];
const trueNow = Date.now;
let aheadMs = 0;
let turn = 0;

Date.now = () => trueNow() + aheadMs;
globalThis.Date = new Proxy(Date, {
  construct: (date, args, target) =>
    Reflect.construct(date, args.length === 0 ? [Date.now()] : args, target) as Date,
});

process.on("SIGUSR2", () => {
  aheadMs = jumps[turn++ % jumps.length] ?? 0;
  console.log(JSON.stringify({ event: "clock", aheadMs }));
});
