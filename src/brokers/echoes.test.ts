import { afterEach, expect, jest, test } from "bun:test";
import { publicationWith } from "../../test/support/publication.ts";
import { Echoes } from "./echoes.ts";
import { decodeEnvelope, encodeEnvelope } from "./envelope.ts";
import { withPosition } from "./log-store.ts";

const publication = publicationWith({ rooms: ["news"], event: "message", args: ['"grüß"'] });

afterEach(() => {
  jest.useRealTimers();
});

test("what is back in time says to how many it went, what is not says nothing, and one timer serves all", async () => {
  jest.useFakeTimers();
  let now = 0;
  const advance = (ms: number): void => {
    now += ms;
    jest.advanceTimersByTime(ms);
  };
  const echoes = new Echoes(() => now);
  const early = echoes.wait(publication);
  const late = echoes.wait(publication);
  advance(1_000);
  const later = echoes.wait(publication);
  expect(jest.getTimerCount()).toBe(1);
  echoes.settle(early.sent.id, 3);
  echoes.settle("unknown", 1);
  expect(await early.echo).toBe(3);
  advance(1_000);
  expect(await late.echo).toBeUndefined();
  echoes.settle(late.sent.id, 5);
  expect(jest.getTimerCount()).toBe(1);
  advance(1_000);
  expect(await later.echo).toBeUndefined();
  expect(jest.getTimerCount()).toBe(0);
});

function sendOne(echoes: Echoes): { readonly id: string; readonly text: string } {
  const { sent } = echoes.wait(publication);
  sent.text = encodeEnvelope(sent);
  return { id: sent.id, text: sent.text };
}

test("what comes back as it was sent is known without a second reading, with and without its position in a log", () => {
  jest.useFakeTimers();
  const echoes = new Echoes(() => 0);
  const { id, text } = sendOne(echoes);
  expect(echoes.recognise(text)).toEqual({ id, publication, at: undefined });
  expect(echoes.recognise(text)?.publication).toBe(publication);
  const stored = withPosition(text, { epoch: "e1", offset: 7, tag: "a0" });
  expect(echoes.recognise(stored)).toEqual({ id, publication, at: "e1:7.a0" });
  // And the reading of the same text says the same.
  expect(decodeEnvelope(stored)).toMatchObject({ id, at: "e1:7.a0", publication: { ...publication } });
});

test("what is not, character by character, what was sent has to be read", () => {
  jest.useFakeTimers();
  const echoes = new Echoes(() => 0);
  const { id, text } = sendOne(echoes);
  const others = [
    text.replace("grüß", "gruß"),
    text.replace(id, crypto.randomUUID()),
    text.replace('"rooms"', '"extra":1,"rooms"'),
    `${text} `,
    ` ${text}`,
    text.slice(0, -1),
    `{"at":"no position",${text.slice(1)}`,
    `{"at":"e1:7.a0",${withPosition(text, { epoch: "e1", offset: 7, tag: "a0" }).slice(1)}`,
    "",
    "{}",
  ];
  for (const other of others) expect(echoes.recognise(other), other).toBeUndefined();
  echoes.settle(id, 1);
  expect(echoes.recognise(text)).toBeUndefined();
});

test("what is written without its text, or not awaited, has to be read", () => {
  jest.useFakeTimers();
  const echoes = new Echoes(() => 0);
  const { sent } = echoes.wait(publication);
  expect(echoes.recognise(encodeEnvelope(sent))).toBeUndefined();
});

test("thousands are told apart, in whatever order they come back", async () => {
  jest.useFakeTimers();
  const echoes = new Echoes(() => 0);
  const all = Array.from({ length: 5_000 }, () => echoes.wait(publication));
  // The first one keeps its place in front of all that are back.
  const [first, ...others] = all;
  for (const [index, { sent }] of others.toReversed().entries()) echoes.settle(sent.id, index);
  const next = echoes.wait(publication);
  if (first) echoes.settle(first.sent.id, -1);
  echoes.settle(next.sent.id, -2);
  const delivered = await Promise.all([...all, next].map(({ echo }) => echo));
  expect(delivered).toEqual([-1, ...others.map((_, index) => index).toReversed(), -2]);
  expect(new Set([...all, next].map(({ sent }) => sent.id)).size).toBe(5_001);
});
