import { afterEach, expect, jest, test } from "bun:test";
import { publicationWith } from "../../test/support/publication.ts";
import { Echoes } from "./echoes.ts";
import type { Sent } from "./echoes.ts";
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
  const early = echoes.wait({ id: "early", publication });
  const late = echoes.wait({ id: "late", publication });
  advance(1_000);
  const later = echoes.wait({ id: "later", publication });
  expect(jest.getTimerCount()).toBe(1);
  echoes.settle("early", 3);
  echoes.settle("unknown", 1);
  expect(await early).toBe(3);
  advance(1_000);
  expect(await late).toBeUndefined();
  echoes.settle("late", 5);
  expect(jest.getTimerCount()).toBe(1);
  advance(1_000);
  expect(await later).toBeUndefined();
  expect(jest.getTimerCount()).toBe(0);
});

function sendOne(echoes: Echoes): Required<Pick<Sent, "id" | "text">> {
  const id = crypto.randomUUID();
  const sent: Sent = { id, publication };
  sent.text = encodeEnvelope(sent);
  void echoes.wait(sent);
  return { id, text: sent.text };
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
  const sent = { id: crypto.randomUUID(), publication };
  void echoes.wait(sent);
  expect(echoes.recognise(encodeEnvelope(sent))).toBeUndefined();
});
