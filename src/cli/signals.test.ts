import { describe, expect, test } from "bun:test";
import { signalExitCode, stopOnSignal } from "./signals.ts";
import type { StopSignal } from "./signals.ts";

/** A process with signals, clock and drain in the hands of the test. */
class FakeProcess {
  now = 0;
  readonly events: string[] = [];
  readonly drain = Promise.withResolvers<void>();
  onSignal: ((signal: StopSignal) => void) | undefined;

  run(): Promise<void> {
    return stopOnSignal({
      listen: (onSignal) => {
        this.onSignal = onSignal;
        return () => {
          this.onSignal = undefined;
        };
      },
      now: () => this.now,
      stop: (signal) => {
        this.events.push(`stop ${signal}`);
        return this.drain.promise;
      },
      end: (signal) => {
        this.events.push(`end ${signal}`);
      },
    });
  }

  async signal(signal: StopSignal, at: number): Promise<void> {
    this.now = at;
    this.onSignal?.(signal);
    await Promise.resolve();
    await Promise.resolve();
  }
}

describe("signals", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "SEC-14 %s drains, then the run is over",
    async (signal) => {
      const fake = new FakeProcess();
      const run = fake.run();
      await fake.signal(signal, 5_000);
      expect(fake.events).toEqual([`stop ${signal}`]);
      fake.drain.resolve();
      await run;
      expect(fake.events).toEqual([`stop ${signal}`]);
      expect(fake.onSignal).toBe(undefined);
    },
  );

  test("SEC-14 what follows within a second is the same signal, as npm doubles it", async () => {
    const fake = new FakeProcess();
    const run = fake.run();
    await fake.signal("SIGINT", 5_000);
    await fake.signal("SIGINT", 5_001);
    await fake.signal("SIGTERM", 5_999);
    expect(fake.events).toEqual(["stop SIGINT"]);
    fake.drain.resolve();
    await run;
  });

  test("SEC-14 a second one ends at once", async () => {
    const fake = new FakeProcess();
    const run = fake.run();
    await fake.signal("SIGTERM", 5_000);
    await fake.signal("SIGINT", 6_000);
    expect(fake.events).toEqual(["stop SIGTERM", "end SIGINT"]);
    fake.drain.resolve();
    await run;
  });

  test("SEC-14 a drain that fails is not swallowed, and nothing listens afterwards", async () => {
    const fake = new FakeProcess();
    const run = fake.run();
    await fake.signal("SIGTERM", 1);
    fake.drain.reject(new Error("no"));
    expect(run).rejects.toThrow("no");
    await run.catch(() => undefined);
    expect(fake.onSignal).toBe(undefined);
  });

  test("SEC-14 exit codes are those of shells", () => {
    const signals = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
    expect(signals.map(signalExitCode)).toEqual([129, 130, 143]);
  });
});
