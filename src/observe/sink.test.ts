// The queue before standard output, with a writer that stalls, fails and writes halves; and the real one, in a
// process of its own.

import { describe, expect, test } from "bun:test";
import { LineSink } from "./sink.ts";
import type { WriteBytes } from "./sink.ts";

const decoder = new TextDecoder();

/** A writer that keeps what it got. */
function recorder(perCall = Infinity): { readonly write: WriteBytes; text(): string } {
  let text = "";
  const write = (bytes: Uint8Array): Promise<number> => {
    const part = bytes.subarray(0, perCall);
    text += decoder.decode(part);
    return Promise.resolve(part.length);
  };
  return { write, text: () => text };
}

function failing(code: string, times: number): { readonly write: WriteBytes; text(): string } {
  const inner = recorder();
  let left = times;
  const write: WriteBytes = (bytes) =>
    left-- > 0 ? Promise.reject(Object.assign(new Error(code), { code })) : inner.write(bytes);
  return { write, text: () => inner.text() };
}

const never: WriteBytes = () => new Promise(() => {});

describe("the queue", () => {
  test("lines leave whole and in order, also by writes of 7 bytes", async () => {
    const out = recorder(7);
    const sink = new LineSink(out.write);
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index}\n`);
    for (const line of lines) sink.write(line);
    await sink.flush(5_000);
    expect(out.text()).toBe(lines.join(""));
    expect(sink.dropped).toBe(0);
  });

  test("SEC-06 a stalled reader costs a bounded queue; the rest is dropped and counted", () => {
    const sink = new LineSink(never);
    const line = `${"x".repeat(1_023)}\n`;
    for (let index = 0; index < 3_000; index++) sink.write(line);
    expect(sink.dropped).toBe(3_000 - 1_024);
  });

  test("SEC-06 what has left makes room", async () => {
    const out = recorder();
    const sink = new LineSink(out.write);
    const line = `${"x".repeat(1_023)}\n`;
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 1_000; index++) sink.write(line);
      await sink.flush(5_000);
    }
    expect(sink.dropped).toBe(0);
    expect(out.text()).toHaveLength(5_000 * 1_024);
  });

  test("a stalled reader delays the end by the deadline only", async () => {
    const sink = new LineSink(never);
    sink.write("a\n");
    await sink.flush(20);
    expect(sink.dropped).toBe(0);
  });

  test("a full disk loses lines, is counted, and is tried again with the next ones", async () => {
    const out = failing("ENOSPC", 1);
    const sink = new LineSink(out.write);
    sink.write("lost\n");
    await sink.flush(5_000);
    sink.write("kept\n");
    await sink.flush(5_000);
    expect(out.text()).toBe("kept\n");
    expect(sink.dropped).toBe(1);
  });

  test("a busy terminal is tried again without loss", async () => {
    const out = failing("EAGAIN", 2);
    const sink = new LineSink(out.write);
    sink.write("kept\n");
    await sink.flush(5_000);
    expect(out.text()).toBe("kept\n");
    expect(sink.dropped).toBe(0);
  });

  test("the rest is what the system does not have yet, and a write of 100 ms is a stalled one", async () => {
    let now = 0;
    const started = Promise.withResolvers<void>();
    const write: WriteBytes = () => {
      started.resolve();
      return never(new Uint8Array());
    };
    const sink = new LineSink(write, () => now);
    expect(sink.state).toBe("idle");
    for (const line of ["a\n", "b\n"]) sink.write(line);
    expect(sink.takeRest()).toBe("a\nb\n");
    sink.write("c\n");
    await started.promise;
    sink.write("d\n");
    now = 100;
    expect(sink.state).toBe("writing");
    now = 101;
    expect(sink.state).toBe("stalled");
    expect(sink.takeRest()).toBe("d\n");
    expect(sink.takeRest()).toBe("");
  });
});

/** Runs the code in a process of its own. */
function run(code: string) {
  return Bun.spawn({
    cmd: [process.execPath, "-e", code],
    stdout: "pipe",
    stderr: "inherit",
    stdin: "ignore",
  });
}

describe("standard output of a process", () => {
  const module = new URL("./output.ts", import.meta.url).href;
  const writes = (count: number, rest: string): string =>
    `const { openStandardOutput } = await import(${JSON.stringify(module)});
     const output = openStandardOutput();
     for (let i = 0; i < ${count}; i++) output.write(i + "x".repeat(99) + "\\n");
     ${rest}`;
  test("every line arrives when it is closed", async () => {
    const child = run(writes(5_000, "await output.close(); process.exit(0)"));
    const text = await new Response(child.stdout).text();
    expect(text.split("\n")).toHaveLength(5_001);
    expect(await child.exited).toBe(0);
  });

  test.each(["", "setImmediate(() => output.write('last\\n')); await Bun.sleep(1);"])(
    "lines before an end at once arrive too, in order (%s)",
    async (more) => {
      const child = run(writes(50, `${more} process.exit(3)`));
      const lines = (await new Response(child.stdout).text()).trimEnd().split("\n");
      const numbers = lines.filter((line) => line !== "last").map((line) => Number.parseInt(line, 10));
      expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => index));
      expect(lines.at(-1)).toBe(more === "" ? lines[49] : "last");
      expect(await child.exited).toBe(3);
    },
  );

  test.each(["await output.close();", "await Bun.sleep(300);"])(
    "a reader that stalls does not keep the process from ending (%s)",
    async (more) => {
      // The right side of the pipe holds it open and reads nothing until our end of its standard input closes.
      const script = 'exec 3<&0; ("$0" -e "$1" </dev/null; echo $? >&2) | read -r line <&3';
      const child = Bun.spawn({
        cmd: ["sh", "-c", script, process.execPath, writes(30_000, `${more} process.exit(4)`)],
        stdin: "pipe",
        stderr: "pipe",
      });
      const { value } = await child.stderr.getReader().read();
      expect(new TextDecoder().decode(value)).toBe("4\n");
      await child.stdin.end();
      await child.exited;
    },
  );

  test("a full disk does not keep the process from running and ending", async () => {
    const child = Bun.spawn({
      cmd: [process.execPath, "-e", writes(3, "await output.close(); process.exit(5 + output.dropped)")],
      stdout: Bun.file("/dev/full"),
    });
    expect(await child.exited).toBe(8);
  });
});
