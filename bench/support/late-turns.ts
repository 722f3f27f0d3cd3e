// Preloaded into a server: notes each turn of its event loop that is late, as a line of JSON in the file that the environment
// names. An own file, because the server's output is its log.

import { appendFileSync } from "node:fs";

const intervalMs = 5;
/** Less than this is the timer's own, ms. */
const noteMs = 3;

const path = Bun.env["LATE_TURNS"];
let last = performance.now();
setInterval(() => {
  const now = performance.now();
  const lateMs = now - last - intervalMs;
  last = now;
  if (path !== undefined && lateMs > noteMs)
    appendFileSync(path, `${JSON.stringify({ at: performance.timeOrigin + now, lateMs })}\n`);
}, intervalMs).unref();
