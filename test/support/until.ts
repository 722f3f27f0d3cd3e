// The one way in which tests wait for what no event tells.

/** Polls until it holds; rejects after `timeoutMs` with what was expected. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 5_000,
  describe = (): string => String(holds),
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Expected within ${timeoutMs} ms: ${describe()}`);
    await Bun.sleep(5);
  }
}
