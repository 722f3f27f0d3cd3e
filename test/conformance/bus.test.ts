// What every broker's bus must do, run over the registry: a new broker gives a way to start it and gets the whole suite.

import { describe, expect, test } from "bun:test";
import { useBackplanes } from "../support/backplanes.ts";
import { withKeys } from "../support/bus.ts";
import { voiceOf } from "../../src/brokers/voice.ts";
import type { BusWithKeys } from "../support/bus.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { Ear, createRecorder, errorOf, exact, pattern, testCanary, timeUntil } from "./bus-support.ts";
import { until } from "../support/until.ts";

const keys: ReadonlyMap<string, string> = new Map([
  ["ws-emit::secret::shop", "s3cret"],
  ["empty", ""],
  ["name with\r\nbreaks *?[x]", "ü\u0000"],
  ["__proto__", "own"],
]);

const backplanes = useBackplanes();

for (const [name, urlOf] of Object.entries(backplanes.urls)) {
  describe(`bus: ${name}`, () => {
    let recorder = createRecorder();

    const makeBus = async (limits = defaultLimits): Promise<BusWithKeys> => {
      recorder = createRecorder();
      const { bus, keys: store, close } = await backplanes.open(urlOf(), { observe: recorder, limits });
      return withKeys(bus, store, close);
    };

    test("RTE-11 one channel keeps its order", async () => {
      const bus = await makeBus();
      const ear = await Ear.open(bus, exact("order"));
      const texts = Array.from({ length: 2_000 }, (_value, index) => `${index}`);
      await Promise.all(texts.map(async (text) => bus.publish("order", text)));
      await ear.waitFor(texts.length);
      expect(ear.texts).toEqual(texts);
    });

    test("RTE-11 W4R-05 what clients say is heard in its order, and kept under the channel's name where that is asked", async () => {
      const backplane = await backplanes.open(urlOf(), { needsVoice: true });
      const { bus, keys: store } = backplane;
      const voice = voiceOf(backplane);
      const ear = await Ear.open(bus, exact("said"));
      const texts = Array.from({ length: 500 }, (_value, index) => `${index} ü\r\n\0`);
      await Promise.all(texts.map(async (text, index) => voice.say("said", text, index % 2 === 0 ? 0 : 60)));
      await ear.waitFor(texts.length);
      expect(ear.texts).toEqual(texts);
      expect(await store.get(["said"])).toEqual(texts.slice(-1));
      await voice.say("said", Buffer.of(0xff, 0, 0x0d), 60);
      expect(await store.getBytes(["said"])).toEqual([Buffer.of(0xff, 0, 0x0d)]);
      await voice.say("nobody hears this", "x");
      expect(await store.get(["nobody hears this"])).toEqual([undefined]);
    });

    test("RTE-11 a channel is heard under its exact name alone", async () => {
      const bus = await makeBus();
      const names = [
        "a",
        "A",
        "a ",
        "a*",
        "*",
        "",
        "a\u0000b",
        "a\r\nb",
        "ä",
        "__proto__",
        "x".repeat(10_000),
      ];
      const ears = await Promise.all(names.map(async (name) => Ear.open(bus, exact(name))));
      for (const name of names) await bus.publish(name, `to ${name}`);
      await Promise.all(ears.map(async (ear) => ear.waitFor(1)));
      for (const [index, ear] of ears.entries()) {
        expect(ear.heard.map(({ channel }) => channel)).toEqual([names[index] ?? "?"]);
        expect(ear.texts).toEqual([`to ${names[index]}`]);
      }
    });

    test("RTE-11 a name that is no valid Unicode is heard under what it is on the wire", async () => {
      const bus = await makeBus();
      const ears = [
        await Ear.open(bus, exact("half \ud83d")),
        await Ear.open(bus, pattern("half*", "half \ud83d")),
      ];
      await bus.publish("half \ud83d", "x");
      await Promise.all(ears.map(async (ear) => ear.waitFor(1)));
      expect(ears.map(({ heard }) => heard[0]?.channel)).toEqual(["half \ufffd", "half \ufffd"]);
      expect(await timeUntil(bus, true, 200)).toBeLessThan(200);
    });

    test("RTE-11 NRE-01 a pattern hears every channel that it matches, with its name", async () => {
      const bus = await makeBus();
      const ear = await Ear.open(bus, pattern("socket.io#/*", "socket.io#/#canary#"));
      const matching = ["socket.io#/#", "socket.io#/chat#", "socket.io#/#room ü#"];
      for (const channel of ["socket.io#chat#", "socket.io-request#/#", ...matching])
        await bus.publish(channel, "x");
      await ear.waitFor(matching.length);
      expect(ear.heard.map(({ channel }) => channel)).toEqual(matching);
    });

    test("RTE-11 T19 escapes in a pattern make special characters plain", async () => {
      const bus = await makeBus();
      const cases = [
        { glob: String.raw`g\*h`, hits: ["g*h"], misses: ["gxh", "gh"] },
        { glob: "g[*?]h", hits: ["g*h", "g?h"], misses: ["gxh"] },
        { glob: String.raw`g\[a\]h`, hits: ["g[a]h"], misses: ["gah"] },
        { glob: "g[^a-c]h", hits: ["gdh"], misses: ["gah", "gch"] },
        { glob: "g?h", hits: ["gxh", "g*h"], misses: ["gh", "güh"] },
      ];
      for (const { glob, hits, misses } of cases) {
        const ear = await Ear.open(bus, pattern(glob, hits[0] ?? ""));
        for (const channel of [...misses, ...hits]) await bus.publish(channel, "x");
        await ear.waitFor(hits.length);
        expect(ear.heard.map(({ channel }) => channel)).toEqual(hits);
        await ear.close();
      }
    });

    test("RTE-11 overlapping subscriptions each hear a message once, with a payload of their own", async () => {
      const bus = await makeBus();
      const filters = [
        exact("o1"),
        exact("o1"),
        pattern("o*", "o1"),
        pattern("?1", "o1"),
        pattern("o*", "o1"),
      ];
      const ears = await Promise.all(filters.map(async (filter) => Ear.open(bus, filter)));
      await bus.publish("o1", Buffer.from([1, 2, 3]));
      await Promise.all(ears.map(async (ear) => ear.waitFor(1)));
      for (const [index, ear] of ears.entries()) {
        expect([...(ear.heard[0]?.payload ?? [])]).toEqual([1, 2, 3]);
        ear.heard[0]?.payload.fill(100 + index);
      }
      await bus.publish("o1", "end");
      await Promise.all(ears.map(async (ear) => ear.waitForText("end")));
      expect(ears.map(({ heard }) => heard.length)).toEqual([2, 2, 2, 2, 2]);
    });

    test("RTE-11 closing one of two subscriptions leaves the other, and a closed one can come back", async () => {
      const bus = await makeBus();
      const [one, two] = [await Ear.open(bus, exact("c")), await Ear.open(bus, exact("c"))];
      await one.close();
      await bus.publish("c", "first");
      await two.waitFor(1);
      expect(one.heard).toEqual([]);
      const closing = two.close();
      const [three] = await Promise.all([Ear.open(bus, exact("c")), closing]);
      await two.close();
      await bus.publish("c", "second");
      await three.waitFor(1);
      expect(two.texts).toEqual(["first"]);
      expect(three.texts).toEqual(["second"]);
    });

    test("RTE-11 a subscription hears nothing that was published before it", async () => {
      const bus = await makeBus();
      await bus.publish("late", "before");
      const ear = await Ear.open(bus, exact("late"));
      await bus.publish("late", "after");
      await ear.waitFor(1);
      expect(ear.texts).toEqual(["after"]);
    });

    test("RTE-11 payloads arrive byte for byte: binary, empty, text, and of a buffer that is used again", async () => {
      const bus = await makeBus();
      const ear = await Ear.open(bus, exact("bytes"));
      const all = Buffer.from(Array.from({ length: 256 }, (_value, index) => index));
      const wide = Uint8Array.from([9, 8, 7, 6]);
      const sent = [
        bus.publish("bytes", all),
        bus.publish("bytes", ""),
        bus.publish("bytes", "ü \u{1f514}\r\n\u0000"),
        bus.publish("bytes", wide.subarray(1, 3)),
      ];
      wide.fill(0);
      await Promise.all(sent);
      await ear.waitFor(4);
      const expected = [all, Buffer.alloc(0), Buffer.from("ü \u{1f514}\r\n\u0000"), Buffer.from([8, 7])];
      expect(ear.heard.map(({ payload }) => payload.toString("hex"))).toEqual(
        expected.map((b) => b.toString("hex")),
      );
      expect(ear.heard.every(({ payload }) => Buffer.isBuffer(payload))).toBe(true);
    });

    test("SEC-06 a message at the bound passes, one byte more is dropped and counted", async () => {
      const bus = await makeBus();
      const ear = await Ear.open(bus, exact("size"));
      const bound = defaultLimits.busMessageBytes;
      await bus.publish("size", Buffer.alloc(bound, 1));
      await bus.publish("size", Buffer.alloc(bound + 1, 2));
      await bus.publish("size", "next");
      await ear.waitForText("next");
      expect(ear.heard.map(({ payload }) => payload.length)).toEqual([bound, 4]);
      expect(ear.heard[0]?.payload.every((byte) => byte === 1)).toBe(true);
      expect(recorder.skippedReasons).toEqual(["bus too_large"]);
    });

    test("W4R-05 set keeps bytes as they are, for ever or for so many seconds", async () => {
      const bus = await makeBus();
      const bytes = Uint8Array.of(0, 255, 10, 13, 128);
      await bus.set("kept", bytes);
      await bus.set("brief", "gone soon", 1);
      expect(await bus.getBytes(["kept", "brief", "never"])).toEqual([
        Buffer.from(bytes),
        Buffer.from("gone soon"),
        undefined,
      ]);
      await bus.set("kept", "new");
      expect(await bus.get(["kept"])).toEqual(["new"]);
      await until(async () => (await bus.get(["brief"]))[0] === undefined);
    });

    test("a key is taken by one of those who take it at once, lives on when it is touched, and can be removed", async () => {
      const bus = await makeBus();
      await bus.set("taken", Uint8Array.of(0, 255), 60);
      const got = await Promise.all(Array.from({ length: 20 }, async () => bus.take("taken")));
      expect(got.filter((value) => value !== undefined)).toEqual([Buffer.from([0, 255])]);
      expect([await bus.touch("taken", 60), await bus.take("taken")]).toEqual([false, undefined]);
      for (const key of ["short", "shorter"]) await bus.set(key, "x", 1);
      expect(await bus.touch("short", 60)).toBe(true);
      await until(async () => (await bus.get(["shorter"]))[0] === undefined);
      expect(await bus.get(["short"])).toEqual(["x"]);
      await bus.remove("short");
      await bus.remove("never there");
      expect(await bus.get(["short"])).toEqual([undefined]);
    });

    test("WSE-05 get gives the values of string keys, undefined where there is none", async () => {
      const bus = await makeBus();
      for (const [key, value] of keys) await bus.set(key, value, 60);
      expect(await bus.get([])).toEqual([]);
      expect(await bus.get(["none", ...keys.keys(), "none", "empty", "constructor"])).toEqual([
        undefined,
        ...keys.values(),
        undefined,
        "",
        undefined,
      ]);
      if (name === "redis") await backplanes.server.command("LPUSH", "a list", "x");
      expect(await bus.get(["a list"])).toEqual([undefined]);
    });

    test("RTE-11 a publish delivers later, never inside the publisher's own call", async () => {
      const bus = await makeBus();
      const steps: string[] = [];
      await bus.subscribe(exact("stack"), ({ payload }) => {
        const text = payload.toString();
        steps.push(`enter ${text}`);
        if (text === "one") void bus.publish("stack", "two");
        steps.push(`leave ${text}`);
      });
      const published = bus.publish("stack", "one");
      steps.push("published");
      await published;
      await until(() => steps.length === 5);
      expect(steps).toEqual(["published", "enter one", "leave one", "enter two", "leave two"]);
    });

    test("PSQ-17 canaries of any gateway are kept from the handlers", async () => {
      const bus = await makeBus();
      const ears = [await Ear.open(bus, exact("can")), await Ear.open(bus, pattern("ca?", "can"))];
      await bus.publish("can", testCanary("can").encode("another1gateway"));
      await bus.publish("can", "real");
      await Promise.all(ears.map(async (ear) => ear.waitFor(1)));
      expect(ears.map(({ texts }) => texts)).toEqual([["real"], ["real"]]);
    });

    test("F21 a handler that throws is reported and goes on hearing, as do the others", async () => {
      const bus = await makeBus();
      let calls = 0;
      await bus.subscribe(exact("throw"), () => {
        calls += 1;
        throw new Error(`call ${calls}`);
      });
      const ear = await Ear.open(bus, exact("throw"));
      await bus.publish("throw", "1");
      await bus.publish("throw", "2");
      await ear.waitFor(2);
      expect(calls).toBe(2);
      expect(recorder.reports.map(({ stage, error }) => `${stage} ${String(error)}`)).toEqual([
        "bus_message Error: call 1",
        "bus_message Error: call 2",
      ]);
      expect(bus.state()).toEqual({ isReady: true });
    });

    test("RTE-11 a handler may subscribe and close while it is called", async () => {
      const bus = await makeBus();
      const ears: Promise<Ear>[] = [];
      const subscription = await bus.subscribe(exact("nest"), () => {
        ears.push(Ear.open(bus, exact("nest")));
        void subscription.close();
      });
      const witness = await Ear.open(bus, exact("nest"));
      await bus.publish("nest", "one");
      await until(() => ears.length > 0);
      const inner = await Promise.all(ears);
      await bus.publish("nest", "two");
      await witness.waitFor(2);
      await Promise.all(inner.map(async (ear) => ear.waitFor(1)));
      expect(inner.map(({ texts }) => texts)).toEqual([["two"]]);
    });

    test("F4 a fresh subscription is proved within 200 ms", async () => {
      const bus = await makeBus();
      expect(await timeUntil(bus, true, 200)).toBeLessThan(200);
      await Ear.open(bus, exact("fresh"));
      await Ear.open(bus, pattern("fres?", "fresh"));
      expect(await timeUntil(bus, true, 200)).toBeLessThan(200);
    });

    test("RTE-11 a closed bus delivers nothing, refuses everything, and can be closed again", async () => {
      const bus = await makeBus();
      const ear = await Ear.open(bus, exact("closed"));
      const published = bus.publish("closed", "never heard").catch(() => undefined);
      await bus.close();
      await published;
      for (const attempt of [bus.publish("closed", "x"), bus.get(["x"]), Ear.open(bus, exact("closed"))]) {
        expect(await errorOf(attempt)).toMatchObject({ code: "bus_unavailable" });
      }
      expect(bus.state()).toMatchObject({ isReady: false });
      await ear.close();
      await bus.close();
      expect(ear.heard).toEqual([]);
    });
  });
}
