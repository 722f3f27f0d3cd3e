import { expect, test } from "bun:test";
import { bodyOf } from "./poll-answer.ts";
import type { Sending } from "./poll-answer.ts";

/** Someone who waits for an answer, and notes what it hears. */
function setUp() {
  const abort = new AbortController();
  const said: string[] = [];
  const state = { isWanted: true };
  const sending: Sending = {
    request: new Request("http://localhost/", { signal: abort.signal }),
    hold: (seconds) => void said.push(`hold ${seconds}`),
    isWanted: () => state.isWanted,
    progressed: () => void said.push("progressed"),
    sent: () => void said.push("sent"),
    lost: () => void said.push("lost"),
  };
  return { abort, said, state, sending };
}

const readerOf = (body: BodyInit): ReadableStreamDefaultReader<Uint8Array> =>
  (body as ReadableStream<Uint8Array>).getReader();

test("SEC-06 an answer that the kernel takes at once goes out in one piece, and is sent", () => {
  const { said, sending } = setUp();
  const text = "x".repeat(65_536);
  expect(bodyOf(text, sending)).toBe(text);
  const bytes = Buffer.from(text);
  expect(bodyOf(bytes, sending)).toBe(bytes);
  expect(said).toEqual(["sent", "sent"]);
});

test("SEC-06 a larger one goes out in pieces, each when the one before was taken", async () => {
  for (const text of ["x".repeat(150_000), "é".repeat(75_000)]) {
    const { said, sending } = setUp();
    const reader = readerOf(bodyOf(text, sending));
    const pieces: Uint8Array[] = [];
    for (let read = await reader.read(); !read.done; read = await reader.read()) pieces.push(read.value);
    expect(pieces.map(({ length }) => length)).toEqual([65_536, 65_536, 18_928]);
    expect(Buffer.concat(pieces).toString()).toBe(text);
    expect(said).toEqual(["hold 10", "progressed", "progressed", "progressed", "sent"]);
  }
});

test("SEC-06 one that nobody wants any more is cut off, not ended", async () => {
  const { said, state, sending } = setUp();
  const reader = readerOf(bodyOf("x".repeat(150_000), sending));
  await reader.read();
  state.isWanted = false;
  const next = reader.read();
  const isOver = await Promise.race([next.then(() => true), Bun.sleep(50).then(() => false)]);
  expect(isOver).toBe(false);
  expect(said).toEqual(["hold 10", "progressed", "hold 1"]);
});

test("SEC-06 one whose connection ends is lost, before the first piece too", () => {
  const { abort, said, sending } = setUp();
  bodyOf("x".repeat(150_000), sending);
  abort.abort();
  expect(said).toEqual(["hold 10", "lost"]);
  const gone = setUp();
  gone.abort.abort();
  expect(bodyOf("x".repeat(150_000), gone.sending)).toBe("");
  expect(gone.said).toEqual(["lost"]);
});
