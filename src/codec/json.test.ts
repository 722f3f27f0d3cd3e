// The raw JSON reader against JSON.parse, and where it means to differ: digits, bare words, bounds.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Scanner } from "./json-scanner.ts";
import { findObjects, readArray, readMembers, readObject, readString, stringMember } from "./json.ts";

/** The text of any one JSON value, without the white space around it. */
function readJson(text: string): string | undefined {
  return new Scanner(text, {}).readJson();
}

/** [value] or nothing: undefined is no JSON value, but an exception is no answer either. */
function parse(text: string): readonly unknown[] {
  try {
    return [JSON.parse(text) as unknown];
  } catch {
    return [];
  }
}

/** Fails unless all readers say of the text what JSON.parse says. */
function expectAgreement(text: string): void {
  const [value, ...none] = parse(text);
  const isValid = value !== undefined && none.length === 0;
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const raw = readJson(text);
  const members = readObject(text);
  const items = readArray(text);
  if (raw !== (isValid ? text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "") : undefined))
    throw new Error("readJson");
  if ((members !== undefined) !== isObject) throw new Error("readObject");
  expectSameMembers(text, members);
  if ((items !== undefined) !== Array.isArray(value)) throw new Error("readArray");
  if (items) expect(items.map((item) => JSON.parse(item) as unknown)).toEqual(value as unknown[]);
  if (members) {
    expect(members.size).toBe(Object.keys(value as object).length);
    for (const [name, member] of members) {
      expect(Object.hasOwn(value as object, name)).toBe(true);
      expect(JSON.parse(member)).toEqual((value as Record<string, unknown>)[name]);
    }
  }
  const expected = typeof value === "string" && text.startsWith('"') ? value : undefined;
  if (readString(text) !== expected) throw new Error("readString");
}

/** Fails unless members that are asked for are those of the whole object. */
function expectSameMembers(text: string, members: ReadonlyMap<string, string> | undefined): void {
  const asked = readMembers(text);
  if ((asked === undefined) !== (members === undefined)) throw new Error("readMembers");
  for (const name of ["a", "b", "toString", "__proto__", ...(members?.keys() ?? [])]) {
    if (asked?.get(name) !== members?.get(name)) throw new Error(`get ${name}`);
    if (asked?.has(name) !== members?.has(name)) throw new Error(`has ${name}`);
    if (!asked || !members) continue;
    if (stringMember(asked, name) !== stringMember(members, name)) throw new Error(`string ${name}`);
  }
}

const valid = [
  "0",
  "-0",
  "-0.0",
  "1e5",
  "1E+5",
  "1.5e-300",
  "12345678901234567890",
  '""',
  '"\\u0000\\"\\\\\\/\\b\\f\\n\\r\\t"',
  '"\\ud800"',
  '"\u2028é€\u{1f514}\u007f"',
  "true",
  "false",
  "null",
  "[]",
  "{}",
  " \t\r\n[ 1 , 2 ] \n",
  '{"a":1,"a":2,"":3}',
  '{"__proto__":{"x":1},"constructor":2,"toString":3}',
  '{"\\u0061":1,"a":2}',
  '{"10":1,"9":2}',
  `["${"long ".repeat(100)}","\\n${"x".repeat(100)}"]`,
];

const invalid = [
  "",
  " ",
  "01",
  "-",
  "+1",
  ".5",
  "1.",
  "1e",
  "1e+",
  "-01",
  "0x10",
  "1e-Infinity",
  "1.NaN",
  "- 1",
  "--1",
  '"',
  '"a',
  '"\\"',
  '"\\x41"',
  '"\\u12g4"',
  '"\\u12',
  '"\n"',
  '"\u0000"',
  `"${"x".repeat(100)}\u001f"`,
  '"\ud800"',
  '"\\\ud800"',
  "'a'",
  "[",
  "]",
  "[1,]",
  "[,1]",
  "[1 2]",
  "[1,,2]",
  "[1]]",
  "{",
  "{a:1}",
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{"a":1 "b":2}',
  "{1:2}",
  "{]",
  "[}",
  "tru",
  "True",
  "nulll",
  "undefined",
  "nan",
  "infinity",
  "-NaN",
  "1 2",
  "\ufeff1",
  "[1]\u00a0",
  "/**/1",
];

describe("SIO-15 the grammar is that of JSON.parse", () => {
  test.each(valid)("SIO-15 %j is read", (text) => {
    expectAgreement(text);
    expect(readJson(text)).toBe(text.trim());
  });

  test.each(invalid)("SIO-15 %j is refused", (text) => {
    expect(readJson(text)).toBe(undefined);
    expect(readJson(`[${text}]`)).toBe(text.trim() === "" ? `[${text}]` : undefined);
    expect(readObject(`{"a":${text}}`)).toBe(undefined);
  });
});

test("SIO-15 what is passed on keeps its digits, its escapes and its white space", () => {
  const data = '{ "id": 12345678901234567890123, "f": 1.0, "e": 1E400, "s": "\\u00e9\\ud83d" }';
  expect(readObject(`{"data": ${data} , "n": -0.10}`)).toEqual(
    new Map([
      ["data", data],
      ["n", "-0.10"],
    ]),
  );
  expect(readArray(`[ ${data},${data} ]`)).toEqual([data, data]);
});

test("SIO-15 Python's bare words come out as null, and only where they are values", () => {
  expect(readJson('[NaN, {"NaN": -Infinity}, "NaN Infinity", Infinity]')).toBe(
    '[null, {"NaN": null}, "NaN Infinity", null]',
  );
  expect(readObject('{"a": NaN, "b": [1, Infinity], "c": "-Infinity", "d": 2}')).toEqual(
    new Map([
      ["a", "null"],
      ["b", "[1, null]"],
      ["c", '"-Infinity"'],
      ["d", "2"],
    ]),
  );
  expect(readArray("[NaN,-Infinity,1,[Infinity,NaN]]")).toEqual(["null", "null", "1", "[null,null]"]);
});

test("WSC-06 members keep the order of their first appearance, and their last value", () => {
  expect([...(readObject('{"9":1,"b":2,"1":3,"b":4,"\\u0039":5}') ?? [])]).toEqual([
    ["9", "5"],
    ["b", "4"],
    ["1", "3"],
  ]);
});

test("T20 names of prototypes are names like others", () => {
  const members = readObject('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
  expect([...(members ?? [])]).toEqual([
    ["__proto__", '{"polluted":1}'],
    ["constructor", '{"prototype":{"polluted":1}}'],
  ]);
  expect("polluted" in {}).toBe(false);
});

test("T9 depth and number of members are bounded", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  expect(readJson(nested(1_024))).toBe(nested(1_024));
  expect(readJson(nested(1_025))).toBe(undefined);
  expect(readJson(nested(1_000_000))).toBe(undefined);
  expect(readJson('{"a":'.repeat(1_000_000))).toBe(undefined);
  expect(readArray(nested(64), { maxDepth: 64 })).toHaveLength(1);
  expect(readArray(nested(65), { maxDepth: 64 })).toBe(undefined);
  expect(readObject('{"a":1,"b":2}', { maxItems: 2 })).toHaveProperty("size", 2);
  expect(readObject('{"a":1,"b":2,"c":3}', { maxItems: 2 })).toBe(undefined);
  expect(readArray("[1,2,3]", { maxItems: 2 })).toBe(undefined);
});

/** So much white space behind a text makes it one that JSON.parse is not asked about. */
const long = " ".repeat(70_000);

test("T9 the bounds are the same for short and for long texts", () => {
  for (const rest of ["", long]) {
    const nested = `{"a":${"[".repeat(63)}${"]".repeat(63)}}${rest}`;
    expect(readObject(nested, { maxDepth: 64 })).toHaveProperty("size", 1);
    expect(readObject(nested, { maxDepth: 63 })).toBe(undefined);
    expect(readArray(`[{"a":[]}]${rest}`, { maxDepth: 2 })).toBe(undefined);
    expect(readObject(`{"a":1,"b":2,"a":3}${rest}`, { maxItems: 2 })).toHaveProperty("size", 2);
    expect(readObject(`{"a":1,"b":2,"c":3}${rest}`, { maxItems: 2 })).toBe(undefined);
    expect(readMembers(`{"a":1,"b":2,"a":3}${rest}`, { maxItems: 2 })?.get("a")).toBe("3");
    expect(readMembers(`{"a":1,"b":2,"c":3}${rest}`, { maxItems: 2 })).toBe(undefined);
    expect(readMembers(nested, { maxDepth: 63 })).toBe(undefined);
    expect(readArray(`[1,2,3]${rest}`, { maxItems: 2 })).toBe(undefined);
  }
});

test("T9 no text takes more than linear time", () => {
  const size = 2_000_000;
  const texts = [
    `"${"\\n".repeat(size)}"`,
    `"${"\\n".repeat(size)}`,
    `[${'"",'.repeat(size)}""]`,
    `["${'","'.repeat(size)}`,
    `[${`"${"x".repeat(40)}",`.repeat(size / 40)}""]`,
    `[${'"a\\\\b",'.repeat(size / 8)}1]`,
    `[${"NaN,".repeat(size / 4)}1]`,
    `${" ".repeat(size)}1`,
    "1".repeat(size),
    `{${'"a":0,'.repeat(size / 6)}"b":1}`,
    `["\n${"x".repeat(size)}"]`,
  ];
  const start = performance.now();
  for (const text of texts) {
    readJson(text);
    readArray(text);
    readObject(text);
    findObjects(text, "a");
  }
  expect(performance.now() - start).toBeLessThan(10_000);
}, 30_000);

test("SIO-15 a member that is a string, null or something else", () => {
  const members = readObject('{"s":"a\\u0062","n":null,"i":1,"l":["x"]}') ?? new Map<string, string>();
  expect(stringMember(members, "s")).toBe("ab");
  expect(stringMember(members, "n")).toBe(null);
  expect(stringMember(members, "absent")).toBe(null);
  expect(stringMember(members, "i")).toBe(undefined);
  expect(stringMember(members, "l")).toBe(undefined);
});

test("SIO-09 objects are found by a member of their own", () => {
  const found = (text: string): readonly string[] | undefined =>
    findObjects(text, "_p")?.map(({ start, end }) => text.slice(start, end));
  expect(found('[1,"_p",["_p"],{"a":"_p"}]')).toEqual([]);
  expect(found('{"\\"_p":1,"x_p":2,"_px":3}')).toEqual([]);
  expect(found(' {"a":[{"_p":1}, {"b":2,"_p":3}],"c":{"_\\u0070":4}}')).toEqual([
    '{"_p":1}',
    '{"b":2,"_p":3}',
    '{"_\\u0070":4}',
  ]);
  expect(found('{"_p":{"_p":1}}')).toEqual(['{"_p":1}', '{"_p":{"_p":1}}']);
  expect(found('{"_p":1')).toBe(undefined);
});

const tokens = [
  ...'{}[],: \n"\\10-.e+é\u0001'.split(""),
  '"a"',
  '"b":',
  "12",
  "1.5",
  "1e5",
  "true",
  "false",
  "null",
  "[]",
  "{}",
  '"\\u00e9"',
  '"\\"',
  "\\u",
];

describe("S1 fuzz", () => {
  test("SIO-15 the readers agree with JSON.parse on 60,000 rows of tokens", () => {
    const text = fc.array(fc.constantFrom(...tokens), { maxLength: 14 }).map((parts) => parts.join(""));
    fc.assert(fc.property(text, expectAgreement), { numRuns: 60_000 });
  }, 60_000);

  test("SIO-15 the readers agree with JSON.parse on 40,000 damaged documents", () => {
    const damage = fc.record({ at: fc.nat(), cut: fc.nat(2), put: fc.constantFrom("", ...tokens) });
    const text = fc.tuple(fc.json({ maxDepth: 3 }), damage).map(([json, { at, cut, put }]) => {
      const where = at % (json.length + 1);
      return json.slice(0, where) + put + json.slice(where + cut);
    });
    fc.assert(fc.property(text, expectAgreement), { numRuns: 40_000 });
  }, 60_000);

  test("SIO-15 the readers agree with JSON.parse on 20,000 whole documents and 10,000 texts", () => {
    fc.assert(fc.property(fc.json(), expectAgreement), { numRuns: 20_000 });
    fc.assert(fc.property(fc.string({ unit: "binary" }), expectAgreement), { numRuns: 10_000 });
  }, 60_000);

  test("SIO-15 short and long texts are cut alike, 4,000 documents with white space and escapes", () => {
    const string = fc.array(
      fc.constantFrom("\\\\", '\\"', "\\u0061", "a", "{", "]", ",", "é", "x".repeat(40)),
    );
    const leaf = fc.oneof(
      string.map((parts) => `"${parts.join("")}"`),
      fc.constantFrom("1", "-1.50", "1e400", "true", "null", "12345678901234567890"),
    );
    const { json } = fc.letrec<{ json: string; list: string; object: string }>((tie) => ({
      json: fc.oneof({ depthSize: "small" }, leaf, tie("list"), tie("object")),
      list: fc.array(tie("json"), { maxLength: 4 }).map((items) => `[ ${items.join(" ,\n")}\t]`),
      object: fc
        .array(fc.tuple(string, tie("json")), { maxLength: 4 })
        .map((pairs) => `{${pairs.map(([key, value]) => `"${key.join("")}" : ${value}`).join(", ")} }`),
    }));
    fc.assert(
      fc.property(json, (text) => {
        expect(readObject(text)).toEqual(readObject(text + long));
        expectSameMembers(text, readObject(text + long));
        expect(readArray(text)).toEqual(readArray(text + long));
      }),
      { numRuns: 4_000 },
    );
  }, 60_000);

  test("SIO-15 bare words are replaced wherever they stand", () => {
    const word = fc.constantFrom("NaN", "Infinity", "-Infinity").map((text) => [text, "null"] as const);
    const plain = fc
      .oneof(fc.string(), fc.constantFrom("NaN", '"NaN', "\\Infinity"), fc.double({ noNaN: true }))
      .map((value) => [JSON.stringify(value), JSON.stringify(value)] as const);
    fc.assert(
      fc.property(fc.array(fc.oneof(word, plain)), (pairs) => {
        const text = (index: 0 | 1): string => `{"a":[${pairs.map((pair) => pair[index]).join(", ")}],"b":1}`;
        expect(readJson(text(0))).toBe(text(1));
        expect(readObject(text(0))).toEqual(readObject(text(1)) ?? new Map<string, string>());
      }),
      { numRuns: 5_000 },
    );
  }, 60_000);
});
