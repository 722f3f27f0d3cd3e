// The pickle reader on what real Pythons wrote (pickle-vectors.json), on what an attacker would write, and on noise.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { writeArguments, writeValue } from "./argument-writer.ts";
import type { Arguments, ArgumentsFault } from "./argument-writer.ts";
import { pickleForm } from "./pickle-json.ts";
import type { PickleFailure, PickleLimits, PickleValue } from "./pickle-value.ts";
import vectors from "./pickle-vectors.json";
import { readPickle } from "./pickle.ts";

type Mode = "strict" | "tolerant";
const modes: readonly Mode[] = ["strict", "tolerant"];

/** Characters up to U+00FF stand for bytes. */
function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

function read(pickle: string, mode: Mode = "strict", limits: Partial<PickleLimits> = {}): unknown {
  const result = readPickle(bytes(pickle), { mode, ...limits });
  return result.isRead ? plain(result.value) : result.reason;
}

/** For comparing: lists as arrays, tuples as `["tuple", ...]`, dicts as Maps, what is opaque as "opaque". */
function plain(value: PickleValue): unknown {
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, plain(item)]));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (value.kind === "opaque") return "opaque";
  return value.kind === "list" ? value.items.map(plain) : ["tuple", ...value.items.map(plain)];
}

interface Vector {
  readonly value: string;
  readonly python: string;
  readonly protocol: number;
  readonly pickle: string;
}

const expected: Readonly<Record<string, { readonly json: string; readonly attachments: readonly string[] }>> =
  vectors.values;
const good: readonly Vector[] = vectors.pickles;

const asArguments = (values: readonly PickleValue[]): Arguments | ArgumentsFault =>
  writeArguments(values, pickleForm);
const asJson = (value: PickleValue): string | undefined => writeValue(value, pickleForm);

describe("what Python wrote", () => {
  const kinds = new Set(good.map(({ value }) => value));

  test.each([...kinds])("PSQ-04 PSQ-02 SIO-15 %s, by every protocol and implementation", (kind) => {
    const { json, attachments } = expected[kind] ?? { json: "", attachments: [] };
    for (const { pickle } of good.filter(({ value }) => value === kind)) {
      for (const mode of modes) {
        const result = readPickle(Buffer.from(pickle, "base64"), { mode });
        const written = result.isRead ? asArguments([result.value]) : "data_invalid";
        if (typeof written === "string") throw new Error(`Expected arguments, got ${written}`);
        const text = written.args[0] ?? "";
        expect(JSON.parse(text)).toEqual(JSON.parse(json));
        expect(written.attachments.map((item) => Buffer.from(item).toString("hex"))).toEqual([
          ...attachments,
        ]);
        // To the letter, where it holds nothing but numbers.
        if (kind === "scalars" || kind === "floats") expect(text).toBe(json.replaceAll(", ", ","));
      }
    }
  });

  test("PSQ-02 the vectors are of all protocols", () => {
    const seen = new Set(good.map(({ python, protocol }) => `${python}/${protocol}`));
    for (const name of ["2.7/0", "2.7/1", "2.7/2", "3.13/3", "3.13/0", "3.13/2", "3.13/4", "3.13/5"]) {
      expect(seen).toContain(name);
    }
  });

  test("T2 PSQ-04 cut off at any byte, every one of them is refused", () => {
    for (const { pickle, value } of good) {
      if (value === "wide" || value === "long") continue;
      const whole = Buffer.from(pickle, "base64");
      for (let length = 0; length < whole.length; length++) {
        for (const mode of modes) {
          expect(readPickle(whole.subarray(0, length), { mode })).toEqual({
            isRead: false,
            reason: "pickle_truncated",
          });
        }
      }
    }
  }, 60_000);

  test("PSQ-04 what follows the end is ignored, as Python does", () => {
    expect(read("K\x05.anything\xff")).toBe(5n);
  });
});

describe("members of classes that are plain data", () => {
  const kinds = new Set(vectors.classes.map(({ value }) => value));

  test.each([...kinds])("PSQ-04 SEC-01 %s, as Python's json module writes it", (kind) => {
    for (const { json, pickle } of vectors.classes.filter(({ value }) => value === kind)) {
      for (const mode of modes) {
        const result = readPickle(Buffer.from(pickle, "base64"), { mode });
        expect(result.isRead).toBe(true);
        const text = result.isRead ? asJson(result.value) : undefined;
        expect(JSON.parse(text ?? "")).toEqual(JSON.parse(json));
      }
    }
  });

  test("PSQ-04 the vectors are of Python 2.7 to 3.13, the 3.11 of Debian 12 among them, and of all protocols", () => {
    const seen = new Set(vectors.classes.map(({ python }) => python));
    expect([...seen].toSorted()).toEqual(["2.7", "3.10", "3.11.2", "3.12", "3.13", "3.8"]);
    expect(new Set(vectors.classes.map(({ protocol }) => protocol))).toEqual(new Set([0, 1, 2, 3, 4, 5]));
  });

  test("PSQ-04 cut off at any byte, every one of them is refused", () => {
    for (const { pickle } of vectors.classes) {
      const whole = Buffer.from(pickle, "base64");
      for (let length = 0; length < whole.length; length++) {
        expect(readPickle(whole.subarray(0, length), { mode: "strict" }).isRead).toBe(false);
      }
    }
  });

  test("PSQ-04 what was refused has its name, if that is one", () => {
    const refused = (pickle: string): unknown => {
      const result = readPickle(bytes(pickle), { mode: "strict" });
      return result.isRead ? "read" : result.refused;
    };
    expect(refused("cdatetime\ndate\n.")).toBe("datetime.date");
    expect(refused("\x8c\x07decimal\x8c\x07Decimal\x93\x8c\x011\x85R.")).toBe("decimal.Decimal");
    expect(refused("(S'id'\nios\nsystem\n.")).toBe("os.system");
    expect(refused("ccollections\nOrderedDict\n.")).toBe("collections.OrderedDict");
    expect(refused("\x8f.")).toBe("set");
    expect(refused("})K\x01s.")).toBe("dict key");
    expect(refused('ca"b\nc\n.')).toBe(undefined);
    expect(refused(`c${"a".repeat(200)}\nc\n.`)).toBe(undefined);
  });
});

describe("values", () => {
  test("PSQ-04 tuple and list, integer and float stay distinct", () => {
    expect(read("(K\x01G?\xf0\0\0\0\0\0\0](K\x02e)t.")).toEqual(["tuple", 1n, 1, [2n], ["tuple"]]);
    expect(read("(lp0\nI1\na(I2\nI3\nta.")).toEqual([1n, ["tuple", 2n, 3n]]);
  });

  test("PSQ-04 the memo: MEMOIZE takes the next number, PUT any, and may take one again", () => {
    expect(read("K\x01\x94K\x02\x94h\0h\x01\x86.")).toEqual(["tuple", 1n, 2n]);
    expect(read("K\x01q\0K\x02q\0K\x03\x94h\0h\x01\x86.")).toEqual(["tuple", 2n, 3n]);
    expect(read("K\x01r\x07\0\0\0K\x02p300\nj\x07\0\0\0g300\n\x86.")).toEqual(["tuple", 1n, 2n]);
  });

  test("PSQ-04 a Python 2 string is text if it is UTF-8, else bytes", () => {
    expect(read("U\x02\xc3\xa9.")).toBe("é");
    expect(read("U\x02\xc3(.")).toEqual(bytes("\xc3("));
    expect(read("T\x03\0\0\0abc.")).toBe("abc");
    expect(read("S'\\xc3\\xa9\\n\\'\\101\\q'\n.")).toBe("é\n'A\\q");
    expect(read('S"\\xff\'"\n.')).toEqual(bytes("\xff'"));
    expect(read("S'\\\\\\\"\\a\\b\\f\\r\\t\\v\\7\\0018\\777\\08'\n.")).toEqual(
      bytes('\\"\x07\b\f\r\t\v\x07\x018\xff\x008'),
    );
    expect(read("U\x03\xef\xbf\xbd.")).toBe("\ufffd");
  });

  test("PSQ-04 a protocol 0 text has only its own escapes", () => {
    expect(read("V\\u00e9\\U0001f514\xe9\\n\\\\u0041\n.")).toBe("é🔔é\\n\\\\u0041");
  });

  test("SIO-15 half surrogates become escapes", () => {
    for (const pickle of ["X\x03\0\0\0\xed\xa0\x80.", "\x8c\x03\xed\xa0\x80.", "V\\ud800\n."]) {
      const result = readPickle(bytes(pickle), { mode: "strict" });
      expect(result).toEqual({ isRead: true, value: "\ud800" });
      expect(asJson("\ud800")).toBe('"\\ud800"');
    }
    expect(read("\x8c\x06\xed\x9f\xbf\xed\xa0\x80.")).toBe("\ud7ff\ud800");
    expect(read("\x8c\x08a\xed\xbf\xbfb\xef\xbf\xbd.")).toBe("a\udfffb\ufffd");
  });

  test("SIO-15 keys are written as Python does", () => {
    const dict = "}(\x88K\x01\x89K\x02NK\x03G?\xf8\0\0\0\0\0\0K\x04K\x07K\x05u.";
    const result = readPickle(bytes(dict), { mode: "strict" });
    expect(result.isRead && asJson(result.value)).toBe('{"true":1,"false":2,"null":3,"1.5":4,"7":5}');
  });

  test("SIO-09 binary values are taken out, over all values together", () => {
    expect(asArguments([bytes("a"), { kind: "list", items: [bytes("b"), "x"] }])).toEqual({
      args: ['{"_placeholder":true,"num":0}', '[{"_placeholder":true,"num":1},"x"]'],
      attachments: [bytes("a"), bytes("b")],
    });
  });

  test("T4 a placeholder that was there before is refused beside binary, and data without", () => {
    const dict = new Map<string, PickleValue>([["_placeholder", true]]);
    expect(asArguments([{ kind: "tuple", items: [dict] }, bytes("a")])).toBe("placeholder_invalid");
    expect(asArguments([dict])).toEqual({ args: ['{"_placeholder":true}'], attachments: [] });
    expect(asArguments(["_placeholder", bytes("a")])).toMatchObject({ attachments: [bytes("a")] });
  });

  test("DJS-05 what is opaque has no JSON", () => {
    expect(asArguments([{ kind: "list", items: [{ kind: "opaque" }] }])).toBe("data_invalid");
    expect(asJson({ kind: "opaque" })).toBe(undefined);
  });

  test("PSQ-04 constructors of literals: bytearray, bytes, OrderedDict", () => {
    for (const mode of modes) {
      expect(read("\x80\x03cbuiltins\nbytearray\nC\x02\0\xff\x85R.", mode)).toEqual(bytes("\0\xff"));
      expect(read("c__builtin__\nbytearray\n)R.", mode)).toEqual(new Uint8Array());
      expect(read("c__builtin__\nbytes\n)R.", mode)).toEqual(new Uint8Array());
      expect(read("c_codecs\nencode\n(V\0\xff\nVlatin1\ntR.", mode)).toEqual(bytes("\0\xff"));
      expect(read("\x8c\x0bcollections\x8c\x0bOrderedDict\x93)RK\x01K\x02s.", mode)).toEqual(
        new Map([[1n, 2n]]),
      );
      expect(read("ccollections\nOrderedDict\n((l(lI1\naI2\naatR.", mode)).toEqual(new Map([[1n, 2n]]));
    }
  });
});

/** Name, pickle, what the strict reader says, what the tolerant one says if it differs. */
type Case = readonly [string, string, PickleFailure, unknown?];

const code: readonly Case[] = [
  ["a bare function", "\x80\x04\x8c\x05posix\x8c\x06system\x93.", "pickle_global", "opaque"],
  ["GLOBAL", "cos\nsystem\n.", "pickle_global", "opaque"],
  ["GLOBAL and REDUCE", "cos\nsystem\n(S'id'\ntR.", "pickle_global", "opaque"],
  ["STACK_GLOBAL and REDUCE", "\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", "pickle_global", "opaque"],
  ["eval", "c__builtin__\neval\n(S'1'\ntR.", "pickle_global", "opaque"],
  ["exec", "cbuiltins\nexec\n(V1\ntR.", "pickle_global", "opaque"],
  ["getattr", "cbuiltins\ngetattr\n(cos\nsystem\nVx\ntR.", "pickle_global", "opaque"],
  [
    "_reconstructor",
    "ccopy_reg\n_reconstructor\n(cos\nX\nc__builtin__\nobject\nNtR.",
    "pickle_global",
    "opaque",
  ],
  ["a class in a list", "](cos\nsystem\ne.", "pickle_global", ["opaque"]],
  ["a discarded function", "cos\nsystem\n0K\x01.", "pickle_global", 1n],
  ["INST", "(S'id'\nios\nsystem\n.", "pickle_global", "opaque"],
  ["OBJ", "(cos\nsystem\nS'id'\no.", "pickle_global", "opaque"],
  ["OBJ of nothing", "(o.", "pickle_global", "opaque"],
  ["NEWOBJ", "NN\x81.", "pickle_global", "opaque"],
  ["NEWOBJ_EX", "NNN\x92.", "pickle_global", "opaque"],
  ["BUILD of a dict", "}}b.", "pickle_global", new Map()],
  ["BUILD of an object", "NN\x81}b.", "pickle_global", "opaque"],
  ["BUILD of a list", "]}b.", "pickle_global", "pickle_invalid"],
  ["EXT1", "\x82\x01.", "pickle_global", "pickle_global"],
  ["EXT2", "\x83\x01\0.", "pickle_global", "pickle_global"],
  ["EXT4", "\x84\x01\0\0\0.", "pickle_global", "pickle_global"],
  ["PERSID", "P1\n.", "pickle_global", "pickle_global"],
  ["BINPERSID", "NQ.", "pickle_global", "pickle_global"],
  ["REDUCE of no function", "N)R.", "pickle_global", "opaque"],
  ["REDUCE of a string", "S'bytearray'\n)R.", "pickle_global", "opaque"],
  ["REDUCE without a tuple", "cbuiltins\nbytearray\n]R.", "pickle_global", "opaque"],
  ["a bytearray of a size", "cbuiltins\nbytearray\n(I5\ntR.", "pickle_global", "opaque"],
  ["a bytearray of a list", "cbuiltins\nbytearray\n(]tR.", "pickle_global", "opaque"],
  ["a bytearray in UTF-8", "cbuiltins\nbytearray\n(Va\nVutf-8\ntR.", "pickle_global", "opaque"],
  ["bytes of something", "cbuiltins\nbytes\n(I5\ntR.", "pickle_global", "opaque"],
  ["encode in rot13", "c_codecs\nencode\n(Va\nVrot13\ntR.", "pickle_global", "opaque"],
  ["encode without encoding", "c_codecs\nencode\n(Va\ntR.", "pickle_global", "opaque"],
  ["encode with errors", "c_codecs\nencode\n(Va\nVlatin1\nVx\ntR.", "pickle_global", "opaque"],
  ["encode beyond Latin-1", "c_codecs\nencode\n(V\\u0100\nVlatin1\ntR.", "pickle_global", "opaque"],
  ["decode", "c_codecs\ndecode\n(Va\nVlatin1\ntR.", "pickle_global", "opaque"],
  ["codecs without underscore", "ccodecs\nencode\n(Va\nVlatin1\ntR.", "pickle_global", "opaque"],
  ["a method of bytearray", "\x8c\x08builtins\x8c\x11bytearray.fromhex\x93.", "pickle_global", "opaque"],
  ["OrderedDict.fromkeys", "ccollections\nOrderedDict.fromkeys\n)R.", "pickle_global", "opaque"],
  ["OrderedDict of no pairs", "ccollections\nOrderedDict\n((lI1\natR.", "pickle_global", "opaque"],
  ["OrderedDict of a triple", "ccollections\nOrderedDict\n((l(I1\nI1\nI1\ntatR.", "pickle_global", "opaque"],
  ["OrderedDict with a list as key", "ccollections\nOrderedDict\n((l(]I1\ntatR.", "pickle_global", "opaque"],
  ["OrderedDict itself", "ccollections\nOrderedDict\n.", "pickle_global", "opaque"],
  [
    "OrderedDict as a value",
    "}S'a'\nccollections\nOrderedDict\ns.",
    "pickle_global",
    new Map([["a", "opaque"]]),
  ],
  ["something put into a class", "ccollections\nOrderedDict\nK\x01a.", "pickle_global", "opaque"],
  ["a class called like a prototype", "c__proto__\nconstructor\n.", "pickle_global", "opaque"],
  ["a defaultdict of a function", "ccollections\ndefaultdict\n(cshop\nprice\ntR.", "pickle_global", "opaque"],
  [
    "a defaultdict of getattr",
    "ccollections\ndefaultdict\n(c__builtin__\ngetattr\ntR.",
    "pickle_global",
    "opaque",
  ],
  ["a type applied", "c__builtin__\nint\n(VX\ntR.", "pickle_global", "opaque"],
  ["a text of a number", "cmarkupsafe\nMarkup\n(I1\ntR.", "pickle_global", "opaque"],
  ["a status of a text", "chttp\nHTTPStatus\n(VOK\ntR.", "pickle_global", "opaque"],
  [
    "a member that there is not",
    "cbuiltins\ngetattr\n(chttp\nHTTPStatus\nV__class__\ntR.",
    "pickle_global",
    "opaque",
  ],
  [
    "a member of a class without",
    "cbuiltins\ngetattr\n(cmarkupsafe\nMarkup\nVformat\ntR.",
    "pickle_global",
    "opaque",
  ],
  ["a class of the same name elsewhere", "cevil\nMarkup\n(Vx\nt\x81.", "pickle_global", "opaque"],
  ["a member of an unknown enumeration", "cshop\nColour\n(I1\ntR.", "pickle_global", "opaque"],
  [
    "a rebuilt stranger",
    "ccopyreg\n_reconstructor\n(cshop\nX\nc__builtin__\nstr\nVx\ntR.",
    "pickle_global",
    "opaque",
  ],
  [
    "rebuilt on no type",
    "ccopyreg\n_reconstructor\n(cmarkupsafe\nMarkup\nVstr\nVx\ntR.",
    "pickle_global",
    "opaque",
  ],
  ["a date", "cdatetime\ndate\n(C\x04\x07\xe4\x01\x01tR.", "pickle_global", "opaque"],
  ["a decimal", "cdecimal\nDecimal\n(V1.5\ntR.", "pickle_global", "opaque"],
  ["a deque", "ccollections\ndeque\n)RK\x01a.", "pickle_global", "opaque"],
  ["a set of protocol 2", "c__builtin__\nset\n(]tR.", "pickle_global", "opaque"],
];

const withoutJson: readonly Case[] = [
  ["EMPTY_SET", "\x8f.", "pickle_refused", "opaque"],
  ["ADDITEMS", "\x8f(K\x01\x90.", "pickle_refused", "opaque"],
  ["FROZENSET", "(K\x01\x91.", "pickle_refused", "opaque"],
  ["NEXT_BUFFER", "\x97.", "pickle_refused", "pickle_refused"],
  ["READONLY_BUFFER", "C\x01a\x98.", "pickle_refused", "pickle_refused"],
  ["a tuple as key", "})K\x01s.", "pickle_refused", new Map()],
  ["a list as key", "}]K\x01s.", "pickle_refused", new Map()],
  ["bytes as key", "}C\x01aK\x01s.", "pickle_refused", new Map()],
  ["a dict as key", "(}K\x01d.", "pickle_refused", new Map()],
];

const laughs = (make: string): string =>
  `]q\0${Array.from({ length: 60 }, (_, level) => make.replaceAll("$", `h${String.fromCharCode(level)}`) + `q${String.fromCharCode(level + 1)}`).join("")}.`;

const bombs: readonly Case[] = [
  ["a list in itself", "]2a.", "pickle_limit"],
  ["a list in itself, by the memo", "]q\0h\0a.", "pickle_limit"],
  ["a dict in itself", "}q\0K\x01h\0s.", "pickle_limit"],
  ["a tuple in its own list", "]q\0h\0\x85a.", "pickle_limit"],
  ["a list in a list in itself", "]q\0]q\x01h\0ah\x01a.", "pickle_limit"],
  ["a billion laughs of tuples", laughs("$$$\x87"), "pickle_limit"],
  ["a billion laughs of lists", laughs("]($$e"), "pickle_limit"],
  ["a billion laughs of dicts", laughs("}(K\x01$K\x02$u"), "pickle_limit"],
  ["a long text many times", `X\0\0\x01\0${"a".repeat(65536)}q\0](${"h\0".repeat(300)}e.`, "pickle_limit"],
  ["long bytes many times", `B\0\0\x01\0${"a".repeat(65536)}q\0](${"h\0".repeat(300)}e.`, "pickle_limit"],
  ["long bytes doubled", `B\0\0\x01\0${"a".repeat(65536)}${"2\x86".repeat(60)}.`, "pickle_limit"],
  [
    "a long integer many times",
    `\x8b\0\x06\0\0${"\x01".repeat(1536)}q\0](${"h\0".repeat(6000)}e.`,
    "pickle_limit",
  ],
  [
    "a long OrderedDict again and again",
    `](${"](NNe".repeat(50_000)}e\x85q\0ccollections\nOrderedDict\nq\x01${"h\x01h\0R0".repeat(1_000)}N.`,
    "pickle_limit",
  ],
  [
    "a long text encoded again and again",
    `X\0\0\x10\0${"a".repeat(1_048_576)}Vlatin1\n\x86q\0c_codecs\nencode\nq\x01${"h\x01h\0R0".repeat(100_000)}N.`,
    "pickle_limit",
  ],
  [
    "dicts combined again and again",
    `](}(${Array.from({ length: 20_000 }, (_, key) => `M${String.fromCharCode(key & 0xff, key >> 8)}N`).join("")}ue\x85q\0cwerkzeug.datastructures\nCombinedMultiDict\nq\x01${"h\x01h\0R0".repeat(1_000)}N.`,
    "pickle_limit",
  ],
  ["a million empty lists", "]0".repeat(1_000_000), "pickle_limit"],
  ["a million empty dicts", `ccollections\nOrderedDict\nq\0${"h\0)R".repeat(1_000_000)}`, "pickle_limit"],
  ["a million empty bytes", "C\x000".repeat(1_000_000), "pickle_limit"],
  ["a long list in itself, at its end", `]q\0${`(${"N".repeat(1_000)}e`.repeat(1_000)}h\0a.`, "pickle_limit"],
  ["1,025 lists", `${"]".repeat(1_025)}${"a".repeat(1_024)}.`, "pickle_limit"],
  ["1,025 tuples", `)${"\x85".repeat(1_024)}.`, "pickle_limit"],
  ["a million tuples", `)${"\x85".repeat(1_000_000)}.`, "pickle_limit"],
  ["750 tuples in 500 by the memo", `)${"\x85".repeat(750)}q\0h\0${"\x85".repeat(500)}\x86.`, "pickle_limit"],
  ["a list in itself, twice", "]q\0(h\0h\0e.", "pickle_limit"],
  ["a memo index of 4 bytes", "Nr\xff\xff\xff\xff.", "pickle_limit"],
  ["a memo index of 10 digits", "Np4294967295\n.", "pickle_limit"],
  ["too many memo entries", `N${"\x94".repeat(500_001)}.`, "pickle_limit"],
  ["too many values", "N".repeat(1_000_001), "pickle_limit"],
  ["too many marks", "(".repeat(1_000_001), "pickle_limit"],
  ["an integer of 5,000 digits", `I${"9".repeat(5000)}\n.`, "pickle_limit"],
  ["a long of 5,000 digits", `L${"9".repeat(5000)}L\n.`, "pickle_limit"],
  ["a long of 64 KiB", `\x8b\0\0\x01\0${"\x01".repeat(65536)}.`, "pickle_limit"],
];

const truncated: readonly Case[] = [
  ["nothing", "", "pickle_truncated"],
  ["no STOP", "N", "pickle_truncated"],
  ["PROTO alone", "\x80", "pickle_truncated"],
  ["a length beyond the end", "X\xff\xff\xff\xffabc.", "pickle_truncated"],
  ["a length of 2^64 - 1", `\x8d${"\xff".repeat(8)}abc.`, "pickle_truncated"],
  ["bytes of 2^63", `\x8e${"\0".repeat(7)}\x80abc.`, "pickle_truncated"],
  ["a bytearray of 2^53", `\x96\0\0\0\0\0\0\x20\0abc.`, "pickle_truncated"],
  ["a frame beyond the end", "\x80\x04\x95\x09\0\0\0\0\0\0\0N.", "pickle_truncated"],
  ["a line without end", "S'abc'", "pickle_truncated"],
  ["half a GLOBAL", "cos\n", "pickle_truncated"],
];

const malformed: readonly Case[] = [
  ["JSON", '{"method":"emit"}', "pickle_invalid"],
  ["opcode 0", "\0.", "pickle_invalid"],
  ["opcode 255", "\xff.", "pickle_invalid"],
  ["protocol 6", "\x80\x06N.", "pickle_invalid"],
  ["STOP of nothing", ".", "pickle_invalid"],
  ["STOP on a mark", "N(.", "pickle_invalid"],
  ["POP of nothing", "0N.", "pickle_invalid"],
  ["POP of a mark, then too many", "N(00.", "pickle_invalid"],
  ["POP_MARK without mark", "N1.", "pickle_invalid"],
  ["TUPLE without mark", "Nt.", "pickle_invalid"],
  ["TUPLE2 over a mark", "N(N\x86.", "pickle_invalid"],
  ["DUP of nothing", "2.", "pickle_invalid"],
  ["APPEND to a dict", "}Na.", "pickle_invalid"],
  ["APPEND to a tuple", ")Na.", "pickle_invalid"],
  ["APPEND to a string", "S''\nNa.", "pickle_invalid"],
  ["APPEND to bytes", "C\0Na.", "pickle_invalid"],
  ["APPENDS to nothing", "(Ne.", "pickle_invalid"],
  ["SETITEM of a list", "]NNs.", "pickle_invalid"],
  ["SETITEMS with an odd one", "}(NNNu.", "pickle_invalid"],
  ["DICT with an odd one", "(Nd.", "pickle_invalid"],
  ["ADDITEMS to a list", "](N\x90.", "pickle_invalid"],
  ["GET of nothing", "g0\n.", "pickle_invalid"],
  ["BINGET of nothing", "h\x01.", "pickle_invalid"],
  ["LONG_BINGET of nothing", "j\xff\xff\xff\xff.", "pickle_invalid"],
  ["GET of no number", "Np0\ng__proto__\n.", "pickle_invalid"],
  ["PUT of a negative number", "Np-1\n.", "pickle_invalid"],
  ["PUT of nothing", "p0\n.", "pickle_invalid"],
  ["MEMOIZE of nothing", "\x94.", "pickle_invalid"],
  ["INT of no number", "Iabc\n.", "pickle_invalid"],
  ["INT in hexadecimal", "I0x10\n.", "pickle_invalid"],
  ["LONG of nothing", "LL\n.", "pickle_invalid"],
  ["FLOAT of no number", "F1.5.5\n.", "pickle_invalid"],
  ["FLOAT of a prototype's name", "FtoString\n.", "pickle_invalid"],
  ["FLOAT of a long line", `F${"1".repeat(100_000)}x\n.`, "pickle_invalid"],
  ["STRING without quotes", "Sabc\n.", "pickle_invalid"],
  ["STRING with one quote", "S'\n.", "pickle_invalid"],
  ["STRING with two kinds of quotes", "S'abc\"\n.", "pickle_invalid"],
  ["STRING with half an escape", "S'\\x4'\n.", "pickle_invalid"],
  ["STRING with a quote that is escaped", "S'abc\\'\n.", "pickle_invalid"],
  ["UNICODE with half an escape", "V\\u12\n.", "pickle_invalid"],
  ["UNICODE with a control character in an escape", "V\\u\x10001\n.", "pickle_invalid"],
  ["UNICODE beyond the last character", "V\\U00110000\n.", "pickle_invalid"],
  ["text that is no UTF-8", "\x8c\x02\xc3(.", "pickle_invalid"],
  ["text with half a half surrogate", "\x8c\x02\xed\xa0.", "pickle_invalid"],
  ["text with a surrogate and junk", "\x8c\x04\xed\xa0\x80\xff.", "pickle_invalid"],
  ["BINSTRING of negative length", "T\xff\xff\xff\xffabc.", "pickle_invalid"],
  ["LONG4 of negative length", "\x8b\xff\xff\xff\xffabc.", "pickle_invalid"],
  ["STACK_GLOBAL of no names", "NN\x93.", "pickle_invalid"],
];

describe("hostile pickles", () => {
  const cases = [...code, ...withoutJson, ...bombs, ...truncated, ...malformed];

  test.each(cases)("T2 PSQ-04 SEC-01 strict: %s", (_, pickle, reason) => {
    expect(read(pickle)).toBe(reason);
    expect(read(`\x80\x05${pickle}`)).toBe(pickle.startsWith("\x80") ? read(pickle) : reason);
  });

  test.each(cases)("DJS-05 SEC-01 tolerant: %s", (_, pickle, reason, tolerant = reason) => {
    expect(read(pickle, "tolerant")).toEqual(tolerant);
  });

  test("T20 T2 nothing of it left a trace", () => {
    for (const [, pickle] of cases) read(pickle, "tolerant");
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect("polluted" in {}).toBe(false);
  }, 60_000);

  test("T2 PSQ-04 every bomb is refused quickly", () => {
    for (const [, pickle] of bombs) {
      const start = performance.now();
      read(pickle);
      expect(performance.now() - start).toBeLessThan(3_000);
    }
  }, 60_000);

  test("DJS-05 T2 long names are not joined again and again", () => {
    const start = performance.now();
    expect(read(`X\0\0\x10\0${"a".repeat(1_048_576)}q\0${"h\0h\0\x930".repeat(100_000)}N.`, "tolerant")).toBe(
      null,
    );
    expect(performance.now() - start).toBeLessThan(3_000);
  }, 60_000);

  test("PSQ-04 the limits are options", () => {
    expect(read("](NNNe.", "strict", { maxBytes: 6 })).toBe("pickle_limit");
    expect(read("](NNNe.", "strict", { maxBytes: 7 })).toEqual([null, null, null]);
    expect(read("](NNNe.", "strict", { maxStack: 3 })).toBe("pickle_limit");
    expect(read("](NNNe.", "strict", { maxObjects: 0 })).toBe("pickle_limit");
    expect(read("](NNNe.", "strict", { maxObjects: 1 })).toEqual([null, null, null]);
    expect(read("C\x000)0}0N.", "strict", { maxObjects: 2 })).toBe("pickle_limit");
    expect(read("]]a.", "strict", { maxDepth: 1 })).toBe("pickle_limit");
    expect(read("]]a.", "strict", { maxDepth: 2 })).toEqual([[]]);
    expect(read("N\x94\x94.", "strict", { maxMemo: 1 })).toBe("pickle_limit");
    expect(read("X\x09\0\0\0abcdefghi.", "strict", { maxExpanded: 8 })).toBe("pickle_limit");
  });

  test("PSQ-04 as deep and as wide as the limits allow", () => {
    expect(read(`${"]".repeat(200)}${"a".repeat(199)}.`)).toHaveLength(1);
    expect(read(`)q\0${"0h\0h\0\x86q\0".repeat(19)}.`)).toHaveLength(3);
  });
});

describe("sessions", () => {
  test.each(vectors.sessions.map(({ python, protocol, pickle }) => [python, protocol, pickle] as const))(
    "DJS-05 Python %s, protocol %i: known keys are read, objects are opaque",
    (_python, _protocol, pickle) => {
      const session = Buffer.from(pickle, "base64");
      const result = readPickle(session, { mode: "tolerant" });
      const dict = result.isRead ? (plain(result.value) as Map<string, unknown>) : new Map<string, unknown>();
      expect(dict.get("_auth_user_id")).toBe("7");
      expect(dict.get("ws4redis:memberof")).toEqual(["chatters", "staff"]);
      // A defaultdict is a dict.
      expect(dict.get("counts")).toEqual(new Map([["x", [1n]]]));
      for (const name of ["_auth_user_id", "ws4redis:memberof", "counts"]) dict.delete(name);
      expect(dict.size).toBe(14);
      for (const value of dict.values()) expect(value).toBe("opaque");
      expect(readPickle(session, { mode: "strict" })).toMatchObject({
        isRead: false,
        reason: "pickle_global",
      });
    },
  );

  test("DJS-05 an opaque value swallows what is put into it", () => {
    const object = "cshop.models\nBasket\n)R";
    for (const after of ["K\x01a", "(K\x01K\x02e", "K\x01K\x02s", "(K\x01K\x02u", "(K\x01\x90", "}b"]) {
      expect(read(`${object}${after}.`, "tolerant")).toBe("opaque");
    }
    expect(read(`${object}q\0h\0a.`, "tolerant")).toBe("opaque");
  });
});

/** What a value may be after reading: finite, and in strict mode always JSON. */
function expectHarmless(pickle: Uint8Array): void {
  for (const mode of modes) {
    const result = readPickle(pickle, { mode, maxExpanded: 100_000 });
    if (!result.isRead) continue;
    const json = asJson(result.value);
    if (json !== undefined) JSON.parse(json);
    else if (mode === "strict") throw new Error("Expected JSON of a strict value");
  }
}

describe("S1 fuzz", () => {
  const time = 60_000;

  test(
    "T2 PSQ-04 40,000 rows of random bytes",
    () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), expectHarmless), { numRuns: 40_000 });
    },
    time,
  );

  test(
    "T2 PSQ-04 40,000 rows of opcodes that fit",
    () => {
      const row = fc.array(fc.constantFrom(...snippets), { maxLength: 20 });
      const pickle = row.map((parts) => bytes(`${parts.join("")}.`));
      fc.assert(fc.property(pickle, expectHarmless), { numRuns: 40_000 });
    },
    time,
  );

  test(
    "T2 PSQ-04 40,000 damaged good pickles",
    () => {
      const originals = [...good, ...vectors.sessions, ...vectors.classes].filter(
        ({ pickle }) => pickle.length < 2_000,
      );
      const damage = fc.record({
        which: fc.nat(originals.length - 1),
        at: fc.nat(),
        cut: fc.nat(3),
        put: fc.uint8Array({ maxLength: 3 }),
      });
      const pickle = damage.map(({ which, at, cut, put }) => {
        const whole = Buffer.from(originals[which]?.pickle ?? "", "base64");
        const where = at % (whole.length + 1);
        return Buffer.concat([whole.subarray(0, where), put, whole.subarray(where + cut)]);
      });
      fc.assert(fc.property(pickle, expectHarmless), { numRuns: 40_000 });
    },
    time,
  );

  test(
    "PSQ-04 SIO-15 what a pickler wrote is read back, 5,000 times",
    () => {
      fc.assert(
        fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 2, 4), (value, protocol) => {
          const result = readPickle(bytes(`${dump(value, protocol)}.`), { mode: "strict" });
          const json = result.isRead ? asJson(result.value) : undefined;
          // As texts: JSON.stringify writes -0 as 0.
          expect(JSON.stringify(JSON.parse(json ?? ""))).toBe(JSON.stringify(value));
        }),
        { numRuns: 5_000 },
      );
    },
    time,
  );
});

const snippets = [
  ..."()[]{}.N0123RQPabcdeghijlopqrstuI\x80\x81\x85\x86\x87\x88\x8f\x90\x91\x92\x93\x94\x97".split(""),
  "]",
  "}",
  "(",
  ")",
  "K\x01",
  "M\x01\x02",
  "J\xff\xff\xff\xff",
  "G?\xf8\0\0\0\0\0\0",
  "I01\n",
  "L12L\n",
  "F1.5\n",
  "Fnan\n",
  "S'a'\n",
  "Va\n",
  "U\x01a",
  "X\x01\0\0\0a",
  "\x8c\x01a",
  "C\x01a",
  "\x8a\x01\x80",
  "q\0",
  "q\x01",
  "h\0",
  "h\x01",
  "p2\n",
  "g2\n",
  "r\x03\0\0\0",
  "j\x03\0\0\0",
  "\x94",
  "2",
  "0",
  "1",
  "a",
  "(e",
  "s",
  "(u",
  "t",
  "l",
  "d",
  "\x85",
  "\x86",
  "\x87",
  "ccollections\nOrderedDict\n",
  "ccollections\ndefaultdict\n",
  "cwerkzeug.datastructures\nMultiDict\n",
  "cwerkzeug.datastructures\nCombinedMultiDict\n",
  "cwerkzeug.datastructures\nImmutableList\n",
  "cmarkupsafe\nMarkup\n",
  "chttp\nHTTPStatus\n",
  "ctime\nstruct_time\n",
  "cbuiltins\ngetattr\n",
  "ccopy_reg\n_reconstructor\n",
  "c__builtin__\ndict\n",
  "VOK\n",
  "(VaK\x01l",
  ")\x81",
  "\x85\x81",
  "\x85R",
  "\x86R",
  "\x87R",
  ")R",
  "cbuiltins\nbytearray\n",
  "c_codecs\nencode\n",
  "Vlatin1\n",
  "\x82\x01",
  "\x95\0\0\0\0\0\0\0\0",
  "b",
];

/** A small pickler of JSON values, as the protocol writes them. */
function dump(value: unknown, protocol: number): string {
  if (value === null) return "N";
  if (typeof value === "boolean") return protocol < 2 ? `I0${Number(value)}\n` : value ? "\x88" : "\x89";
  if (typeof value === "number") return dumpNumber(value, protocol);
  if (typeof value === "string") return dumpText(value, protocol);
  if (Array.isArray(value)) {
    const items = value.map((item) => dump(item, protocol));
    return protocol < 2 ? `(l${items.map((item) => `${item}a`).join("")}` : `](${items.join("")}e`;
  }
  const members = Object.entries(value as object).map(
    ([name, member]) => dumpText(name, protocol) + dump(member, protocol),
  );
  return protocol < 2 ? `(${members.join("")}d` : `}(${members.join("")}u`;
}

function dumpNumber(value: number, protocol: number): string {
  if (protocol < 2) return `F${value}\n`;
  const eight = Buffer.alloc(8);
  eight.writeDoubleBE(value);
  return `G${eight.toString("latin1")}`;
}

function dumpText(text: string, protocol: number): string {
  if (protocol < 2) {
    const escaped = text.replace(/[^ -[\]-~]/g, (unit) => {
      return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
    return `V${escaped}\n`;
  }
  const utf8 = Buffer.from(text);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(utf8.length);
  return `X${size.toString("latin1")}${utf8.toString("latin1")}\x94`;
}
