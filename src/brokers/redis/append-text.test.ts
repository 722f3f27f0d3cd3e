import { expect, test } from "bun:test";
import { AppendText, isUsual } from "./append-text.ts";
import { commandText } from "./direct-link.ts";
import { append } from "./log-scripts.ts";

const target = { meta: "log:meta", stream: "log:stream", label: "/,grüße" };
const entry = {
  name: { namespace: "/", room: "grüße" },
  history: { size: 100, seconds: 60 },
  body: '{"text":"grüß"}',
  channel: "channel",
};

function write(text: AppendText, changed: Partial<typeof entry> = {}): string {
  // Both are random: what stands there is judged by its form.
  return text
    .write({ ...entry, ...changed })
    .replace(/\$12\r\n[0-9a-f]{12}\r\n/, "<epoch>")
    .replace(/\$8\r\n[0-9a-f]{8}\r\n$/, "<tag>");
}

function expected({ history, channel, body }: typeof entry): string {
  const { size, seconds } = history;
  const front = ["EVALSHA", append.sha, "2", target.meta, target.stream];
  const rest = [body, size, seconds, seconds + 7 * 86_400, channel, "", target.label, 300].map(String);
  return commandText([...front, "epoch-digits", ...rest, "tag-8digi"])
    .replace("$12\r\nepoch-digits\r\n", "<epoch>")
    .replace("$9\r\ntag-8digi\r\n", "<tag>");
}

test("a usual append is written as the list of its parts would be, also where its rule or its channel changes", () => {
  const text = new AppendText(target);
  const rule = { size: 7, seconds: 9 };
  for (const changed of [{}, { body: "{}" }, { history: rule }, { channel: "another" }, {}])
    expect(write(text, changed)).toBe(expected({ ...entry, ...changed }));
});

test("each append has an epoch and a tag of its own", () => {
  const text = new AppendText(target);
  expect(text.write(entry)).not.toBe(text.write(entry));
});

test("what has a key or a version is written in full", () => {
  expect(isUsual(entry)).toBe(true);
  expect(isUsual({ ...entry, key: "k" })).toBe(false);
  expect(isUsual({ ...entry, version: 0 })).toBe(false);
});
