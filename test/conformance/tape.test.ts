// The tape against a model of gateways and clients (test/support/tape-history.ts), in random histories: what it answers is
// never too good, and too bad only after an outage or past its bounds. And the model against tapes with a fault, each of
// which it must find. `npm run test:tape` plays a million new ones.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assert, array, check, nat, property } from "fast-check";
import { Line } from "../../src/brokers/redis/line.ts";
import { TapeRecovery } from "../../src/recovery/tape-recovery.ts";
import { type Subject, playHistory, takenOver } from "../support/tape-history.ts";

const root = join(import.meta.dir, "../..");
const histories = Number(Bun.env["HISTORIES"] ?? 100_000);
/** Of the usual run; other ones have a new one each, which is printed when they fail. */
const seed = Bun.env["HISTORIES"] === undefined ? { seed: 11 } : {};
const steps = array(nat(0xff_ff), { minLength: 2, maxLength: 90, size: "max" });

const holds = (subject: Subject) =>
  property(steps, (history) => {
    playHistory(subject, history);
  });

test(`in ${histories} histories no verdict is too good, and without an outage none too bad`, () => {
  assert(holds({ TapeRecovery, Line }), { numRuns: histories, ...seed });
  expect(takenOver.count).toBeGreaterThan(histories / 100);
}, 600_000);

type Edit = readonly [
  file: "tape" | "tape-ring" | "tape-join" | "tape-recovery" | "line",
  from: string,
  to: string,
];

/** What could be wrong with a tape, as changes of its source; each text stands there once. */
const mutants: Record<string, readonly Edit[]> = {
  "skips a publication": [
    [
      "tape",
      "const used = this.#use(source);",
      "if (this.#serial % 5 === 0) return at;\nconst used = this.#use(source);",
    ],
  ],
  "keeps a publication twice": [
    [
      "tape",
      "[...new Set(names.map((name) => this.#open(namespace, name)))]",
      "names.map((name) => this.#open(namespace, name))",
    ],
  ],
  "counts some messages twice": [["tape", "this.#serial++;", "this.#serial += this.#hasBeenCut ? 2 : 1;"]],
  "does not count junk": [
    ["tape", "this.#serial++;", ""],
    ["tape", "const marker = this.#marker;", "this.#serial++;\nconst marker = this.#marker;"],
    ["tape", "this.#line = marker.line;", "this.#serial++;\nthis.#line = marker.line;"],
  ],
  "keeps its markers over an outage": [["tape", "this.#markers.clear();", ""]],
  "goes on after an outage without a new marker": [["tape", "this.#marker = undefined;", ""]],
  "does not notice an outage": [["line", "if (this.#isWhole) this.#observer?.cut();", ""]],
  "tells no gap": [["tape-recovery", "for (const listener of this.#onGap) listener();", ""]],
  "tells a gap behind what came first": [
    ["tape-recovery", "if (this.#isCut && !this.#isGapTold) this.#tellGap();", ""],
  ],
  "takes what is past its end for its end": [
    ["tape", 'if (serial > this.#serial) return { kind: "ahead" };', ""],
  ],
  "takes what is ahead for recovered": [
    [
      "tape-recovery",
      'place.kind === "here")',
      'place.kind === "ahead") return { recovered: true, missed: [] };\nif (place.kind === "here")',
    ],
  ],
  "does not wait": [["tape-recovery", "asked.some((one) => this.#isAhead(one))) {", "asked.length > 9) {"]],
  "forgets one that nobody may miss": [["tape", "serial < lostUpTo ?", "serial + 1 < lostUpTo ?"]],
  "forgets one too early": [["tape", "serial < lostUpTo ?", "serial <= lostUpTo ?"]],
  "does not know what it dropped": [
    ["tape", "room.lostUpTo = serial;", ""],
    ["tape", "keyOf(room.name), serial)", "keyOf(room.name), 0)"],
  ],
  "drops from the wrong room": [["tape", "this.#rooms.get(this.#ring.roomOf(record))", "this.#rooms.get(0)"]],
  "gives the latest again": [["tape", "order <= serial)", "order < serial)"]],
  "starts one too late": [["tape", "order <= serial)", "order <= serial + 1)"]],
  "gives them in another order": [["tape", "missed.toReversed()", "missed"]],
  "answers for the wrong room": [
    ["tape", "this.#named.get(namespace, room)?.last", 'this.#named.get(namespace, "a")?.last'],
  ],
  "does not look at `only`": [
    ["tape", "mayHear(dialect, kept.publication)", "kept.publication.not !== dialect"],
  ],
  "does not look at `not`": [
    ["tape", "mayHear(dialect, kept.publication)", "[undefined, dialect].includes(kept.publication.only)"],
  ],
  "keeps what is volatile": [["tape", "volatile || isTree", "isTree"]],
  "takes the markers of another line": [
    ["line", "readMarker(token)?.line === this.#name", "readMarker(token)"],
  ],
  "answers for another line": [["tape", "marker.line !== this.#line", "false"]],
  "follows a chain to what it dropped": [
    ["tape-ring", "before < this.#start ? nowhere : before", "before"],
    ["tape", "order <= serial) break", "order > 9e9) break"],
  ],
  "writes over what it keeps": [
    [
      "tape-ring",
      "this.#end = roundUp(body + channel.length + payload.length);",
      "this.#end = roundUp(body + payload.length);",
    ],
  ],
  "mixes up the parts of a long message": [
    ["tape-ring", "bytes.subarray(done, done + count)", "bytes.subarray(0, count)"],
  ],
  "gives each of several rooms other bytes": [
    ["tape-ring", "words[word + fields.body] = body;", "words[word + fields.body] = head + headBytes;"],
  ],
  "gives the message another channel": [["tape", 'source.filter.kind === "pattern"', "false"]],
  "joins one off": [
    ["tape-join", "this.#shift = place - offer.serial;", "this.#shift = place - offer.serial + 1;"],
    ["tape-join", "=== this.#offer.serial + this.#shift", "!== undefined"],
    ["tape-join", "known !== serial", "false"],
  ],
  "repeats what both have": [
    ["tape-join", "own.items(this.#followed, serial)", "own.items(Number.NEGATIVE_INFINITY, serial)"],
  ],
  "leaves a hole behind the marker": [
    ["tape-join", "own.items(this.#followed, serial)", "own.items(this.#followed + 1, serial)"],
  ],
  "joins again what was joined while it came": [["tape-join", "this.#followed = item.serial;", ""]],
  "leaves out what came while it was joined": [["tape-join", "return serial - this.#followed;", "break;"]],
  "leaves a hole in what is handed over": [
    ["tape-join", "serial < end && this.#put", "serial % 7 === 0 || this.#put"],
  ],
  "hands over what it dropped in part": [
    ["tape", "this.#dropped = this.#ring.serialOf(record);", "const gone = this.#ring.serialOf(record);"],
    ["tape", "this.#shorten(room, this.#dropped)", "this.#shorten(room, gone)"],
  ],
  "hands a message over for one of its rooms and again": [["tape", "own === body || ", ""]],
  "gives a position that is one off": [["tape", "${at - serial}", "${at - serial + 1}"]],
  "gives what is kept another position": [
    ["tape", "at: positionOf(start, order)", "at: positionOf(start, order + 1)"],
  ],
};

describe("a tape with a fault is found out", () => {
  const folder = mkdtempSync(join(root, ".cache/mutants-"));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const sources = {
    tape: "src/recovery/tape.ts",
    "tape-ring": "src/recovery/tape-ring.ts",
    "tape-join": "src/recovery/tape-join.ts",
    "tape-recovery": "src/recovery/tape-recovery.ts",
    line: "src/brokers/redis/line.ts",
  };

  async function mutate(edits: readonly Edit[]): Promise<Subject> {
    const place = mkdtempSync(join(folder, "one-"));
    for (const [name, source] of Object.entries(sources)) {
      let text = readFileSync(join(root, source), "utf8");
      for (const [file, from, to] of edits) {
        if (file !== name) continue;
        expect(text.split(from), `of ${from}`).toHaveLength(2);
        text = text.replace(from, () => to);
      }
      // The mutated tape and its ring are the only neighbours that it gets; all else it imports from where it stands.
      const home = dirname(join(root, source));
      const imported = text.replaceAll(/from "(\.[^"]+)"/g, (whole, path: string) =>
        ["./tape.ts", "./tape-ring.ts", "./tape-join.ts"].includes(path)
          ? whole
          : `from "${join(home, path)}"`,
      );
      writeFileSync(join(place, `${name}.ts`), imported);
    }
    const recovery: Pick<Subject, "TapeRecovery"> = await import(join(place, "tape-recovery.ts"));
    const line: Pick<Subject, "Line"> = await import(join(place, "line.ts"));
    return { TapeRecovery: recovery.TapeRecovery, Line: line.Line };
  }

  test("without a change it is not", async () => {
    assert(holds(await mutate([])), { numRuns: 300, seed: 11 });
  });

  for (const [fault, edits] of Object.entries(mutants)) {
    test(`one that ${fault}`, async () => {
      const found = check(holds(await mutate(edits)), { numRuns: 3_000, seed: 11, endOnFailure: true });
      expect(found.failed).toBe(true);
    });
  }
});
