import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { foreignNames } from "../../config/house-rules.ts";
import { createConfigSchema } from "../../config/schema.ts";
import { dialects } from "../registry.ts";
import { compileGlob } from "../../base/glob.ts";
import { anonymous } from "../../core/identity.ts";
import type { Identity } from "../../core/identity.ts";
import { defaultLimits } from "../../vocabulary/limits.ts";
import { covers } from "../../base/redis-name.ts";
import { LastMessages } from "./last-messages.ts";
import { createBackendSide, createDecoder, legacyAudiences } from "./backend.ts";
import type { Audience, ChannelName } from "./query.ts";
import { audiences, channelNames } from "./query.ts";
import { currentPrefix, roomOf } from "./names.ts";
import { ws4redisOptions } from "./options.ts";
import type { Ws4redisOptions } from "./options.ts";
import { clientNames } from "./client-names.ts";
import type { ClientNames } from "./client-names.ts";

const configSchema = createConfigSchema(dialects);

const key = "0123456789abcdef0123456789abcdef";
const john: Identity = { kind: "identity", user: "john", groups: ["staff", "chatters"], session: key };

interface Wanted {
  readonly identity?: Identity;
  readonly facility?: string;
  readonly channels?: readonly ChannelName[];
  readonly options?: Partial<Ws4redisOptions>;
  readonly nameBytes?: number;
}

const config = configSchema.parse({ redis: "redis://h", ws4redis: {}, identity: { sessionEngine: "cache" } });
const foreign = foreignNames(config, "ws4redis", dialects);
const isForeignName = (name: string): boolean => foreign.some((owned) => covers(owned, name));

function namesFor({
  identity = john,
  facility = "news",
  channels = channelNames,
  ...rest
}: Wanted = {}): ClientNames {
  const limits = { ...defaultLimits, nameBytes: rest.nameBytes ?? defaultLimits.nameBytes };
  const options = ws4redisOptions.parse(rest.options ?? {});
  return clientNames({ facility, channels, identity }, options, { isForeignName, limits });
}

const rooms = [
  "news",
  "group:staff::news",
  "group:chatters::news",
  "user:john::news",
  `session:${key}::news`,
];

describe("names by naming and audience", () => {
  test("W4R-03 W4R-04 current: one name each, a group a name; broadcasts come first, then groups, user, session", () => {
    const names = [
      "broadcast:news",
      "group:staff:news",
      "group:chatters:news",
      "user:john:news",
      `session:${key}:news`,
    ];
    expect(namesFor()).toEqual({ rooms, persistedKeys: names, publishesTo: names, legacy: [], refused: 0 });
    const prefixed = names.map((name) => `app:${name}`);
    expect(namesFor({ options: { prefix: "app" } })).toMatchObject({
      persistedKeys: prefixed,
      publishesTo: prefixed,
    });
  });

  test("W4R-03 legacy: names of 0.2, which had no groups and knows no prefix", () => {
    const names = ["_broadcast_:news", "john:news", `${key}:news`];
    const expected = {
      persistedKeys: names,
      publishesTo: names,
      legacy: ["john:news", `${key}:news`],
      refused: 0,
    };
    for (const prefix of ["", "app"]) {
      const legacy = namesFor({ options: { naming: "legacy", prefix } });
      expect(legacy).toEqual({ ...expected, rooms: ["news", "user:john::news", `session:${key}::news`] });
    }
  });

  test("W4R-03 SEC-03 both: hears both generations, says and reads what is kept under the current one alone", () => {
    const both = namesFor({ options: { naming: "both" } });
    expect(both).toEqual({ ...namesFor(), legacy: ["john:news", `${key}:news`] });
  });

  test.each(audiences)(
    "W4R-02 W4R-05 who may only hear %s says nothing, and the other way round",
    (audience) => {
      const hears = namesFor({ channels: [`subscribe-${audience}`] });
      expect(hears.publishesTo).toEqual([]);
      expect(hears.persistedKeys.length).toBe(audience === "group" ? 2 : 1);
      expect(hears.rooms.length).toBe(hears.persistedKeys.length);
      const says = namesFor({ channels: [`publish-${audience}`], options: { naming: "both" } });
      expect([says.rooms, says.persistedKeys, says.legacy]).toEqual([[], [], []]);
      expect(says.publishesTo).toEqual(hears.persistedKeys);
    },
  );

  test("W4R-02 who asks for nothing has nothing", () => {
    expect(namesFor({ channels: [] })).toEqual({
      rooms: [],
      persistedKeys: [],
      publishesTo: [],
      legacy: [],
      refused: 0,
    });
  });
});

describe("who has no name", () => {
  test("W4R-14 anonymous visitors have broadcasts and nothing else, under any naming", () => {
    for (const naming of ["current", "legacy", "both"] as const) {
      const none = namesFor({ identity: anonymous, options: { naming } });
      expect(none.rooms).toEqual(["news"]);
      expect([none.persistedKeys.length, none.publishesTo.length, none.legacy, none.refused]).toEqual([
        1,
        1,
        [],
        0,
      ]);
    }
  });

  test.each([
    ["empty", ""],
    ["with a colon", "staff:a"],
    ["with a control character", "john\n"],
    ["with NUL", "john\0"],
    ["of the old broadcasts", "_broadcast_"],
    ["half a surrogate pair", "\ud800"],
    ["too long", "x".repeat(151)],
  ])("SEC-03 a name that is %s yields no channel under any naming, and is counted", (_, name) => {
    const identity: Identity = { kind: "identity", user: name, groups: [name], session: name };
    for (const naming of ["current", "legacy", "both"] as const) {
      const none = namesFor({ identity, channels: channelNames.slice(), options: { naming } });
      expect([none.rooms, none.legacy]).toEqual([["news"], []]);
      expect(none.refused).toBe(naming === "legacy" ? 2 : 3);
    }
  });

  test("SEC-03 one bad group takes no other away", () => {
    const some = namesFor({ identity: { ...john, groups: ["a:b", "staff"] }, channels: ["subscribe-group"] });
    expect([some.persistedKeys, some.refused]).toEqual([["group:staff:news"], 1]);
  });

  test("SEC-06 a name that fits into no room-space gives no half of a right, a long facility is one", () => {
    const facility = "x".repeat(256);
    const channels = ["subscribe-broadcast", "subscribe-user", "publish-user"] as const;
    const longest = namesFor({ facility, channels, identity: { ...john, user: "é".repeat(125) } });
    expect([longest.rooms.length, longest.publishesTo.length, longest.refused]).toEqual([2, 1, 0]);
    const some = namesFor({ facility, channels, identity: { ...john, user: "é".repeat(126) } });
    expect([some.rooms, some.persistedKeys, some.publishesTo, some.refused]).toEqual([
      [facility],
      [`broadcast:${facility}`],
      [],
      1,
    ]);
  });
});

describe("legacy names that are somebody else's", () => {
  test.each([
    ["ws-emit", ":secret::dir"],
    ["r2ws", ":room_secret::dir"],
    ["websocket", "users/1"],
    ["ws-hub", "groups-new:123456"],
    ["user", "mary:inbox"],
    ["group", "staff:news"],
    ["session", `${key}:cart`],
    ["broadcast", "news"],
    ["socket.io#/#room#", "x"],
    ["socket.io-request#/#", "x"],
    ["socket.io-response#/#", "x"],
  ])("SEC-03 RTE-08 user %p at %p hears, reads and writes nothing in the naming of 0.2", (user, facility) => {
    const identity: Identity = { ...anonymous, user };
    const channels: ChannelName[] = ["subscribe-user", "publish-user"];
    const legacy = namesFor({ identity, facility, channels, options: { naming: "legacy" } });
    expect(legacy).toEqual({ rooms: [], persistedKeys: [], publishesTo: [], legacy: [], refused: 1 });
    // In both, the current name is as good as anybody's; the old one is left out.
    const both = namesFor({ identity, facility, channels, options: { naming: "both" } });
    expect(both).toMatchObject({
      publishesTo: [`user:${user}:${facility}`],
      persistedKeys: [`user:${user}:${facility}`],
      legacy: [],
    });
  });

  test("SEC-03 nor does a session key, nor anybody under our own names with a prefix", () => {
    const forged: Identity = { ...anonymous, session: "websocket" };
    const channels: ChannelName[] = ["subscribe-session", "publish-session"];
    expect(namesFor({ identity: forged, channels, options: { naming: "legacy" } }).publishesTo).toEqual([]);
    const prefixed = { naming: "legacy", prefix: "app" } as const;
    const app: Identity = { ...anonymous, user: "app" };
    const at = (facility: string): ClientNames =>
      namesFor({ identity: app, facility, channels: ["publish-user"], options: prefixed });
    for (const own of ["user:mary:inbox", "broadcast:x", "group:g:x", "session:s:x"])
      expect(at(own).publishesTo).toEqual([]);
    expect(at("users:mary").publishesTo).toEqual(["app:users:mary"]);
  });

  test("SEC-03 the session store and the hash of user names are out of reach", () => {
    const stored = configSchema.parse({
      redis: "redis://h",
      identity: {
        sessionEngine: "redis_sessions",
        secretKey: "s",
        sessionRedisPrefix: "sess",
        username: "hash:names:all",
      },
    });
    const owned = foreignNames(stored, "ws4redis", dialects);
    const isOwned = (name: string): boolean => owned.some((one) => covers(one, name));
    expect([`sess:${key}`, "names:all"].map(isOwned)).toEqual([true, true]);
    expect(["session:x", "names:some"].map(isOwned)).toEqual([false, false]);
    expect(isForeignName(":1:django.contrib.sessions.cachex")).toBe(true);
  });
});

/** Few letters, so that hostile names meet: colons, our own words, other owners' words. */
const word = fc.constantFrom(
  "a",
  "b",
  ":",
  "::",
  "user",
  "group",
  "session",
  "broadcast",
  "_broadcast_",
  "ws-emit",
  "ws-hub",
  "websocket",
  "p",
  "*",
  "[",
  "\0",
  "\r\n",
);
const words = (maxLength: number) => fc.array(word, { maxLength }).map((parts) => parts.join(""));
/** Plausible ones more often: else everything is refused. */
const name = fc.oneof(fc.constantFrom("a", "b", "p", "user", "group", "ws-emit", "a:a", ""), words(3));
const prefix = fc
  .oneof(fc.constant(""), words(3))
  .filter((text) => ws4redisOptions.safeParse({ prefix: text }).success);
const naming = fc.constantFrom("current" as const, "legacy" as const, "both" as const);
const named = ["user", "group", "session"] as const;

/** Who is known by this name, as that audience. */
function known(audience: Audience, by: string): Identity {
  if (audience === "broadcast") return anonymous;
  return { ...anonymous, ...(audience === "group" ? { groups: [by] } : { [audience]: by }) };
}

/** All Redis names that this visitor's frames or ears reach. */
function reached(audience: Audience, by: string, wanted: Wanted): readonly string[] {
  const channels: ChannelName[] = [`subscribe-${audience}`, `publish-${audience}`];
  const { persistedKeys, publishesTo, legacy } = namesFor({
    ...wanted,
    channels,
    identity: known(audience, by),
  });
  return [...persistedKeys, ...publishesTo, ...legacy];
}

describe("SEC-03 hostile names, property by property", () => {
  test("SEC-03 T19 100,000 visitors: no name of another owner, none of our own other audiences", () => {
    let count = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...named),
        name,
        words(5),
        prefix,
        naming,
        (audience, by, facility, p, generation) => {
          const own = reached(audience, by, { facility, options: { prefix: p, naming: generation } });
          count += own.length;
          for (const redisName of own) {
            const isCurrent = redisName === `${currentPrefix(p, audience)}${by}:${facility}`;
            if (isCurrent && generation !== "legacy") continue;
            expect(redisName).toBe(`${by}:${facility}`);
            expect(isForeignName(redisName)).toBe(false);
            for (const other of audiences) expect(redisName.startsWith(currentPrefix(p, other))).toBe(false);
            expect(redisName.startsWith("_broadcast_:")).toBe(false);
          }
        },
      ),
      { numRuns: 100_000 },
    );
    expect(count).toBeGreaterThan(10_000);
  }, 60_000);

  test("SEC-03 T15 100,000 pairs of visitors: nobody's name is another's, whatever facilities they ask for", () => {
    const audience = fc.constantFrom(...audiences);
    let count = 0;
    fc.assert(
      fc.property(
        fc.tuple(audience, name, words(4)),
        fc.tuple(audience, name, words(4)),
        fc.tuple(prefix, naming),
        ([one, oneName, oneAt], [other, otherName, otherAt], [p, generation]) => {
          const isSame = one === other && (one === "broadcast" || oneName === otherName) && oneAt === otherAt;
          // 0.2 told users from sessions by nothing.
          const isTwin =
            generation !== "current" && one !== other && oneName === otherName && oneAt === otherAt;
          if (isSame || isTwin) return;
          const options = { prefix: p, naming: generation };
          const mine = reached(one, oneName, { facility: oneAt, options });
          const theirs = new Set(reached(other, otherName, { facility: otherAt, options }));
          count += Math.min(mine.length, theirs.size);
          expect(mine.filter((redisName) => theirs.has(redisName))).toEqual([]);
        },
      ),
      { numRuns: 100_000 },
    );
    expect(count).toBeGreaterThan(10_000);
  }, 60_000);

  test("SEC-03 SEC-16 100,000 times: what a visitor says is heard at its own facility and audience, and stays in the dialect", () => {
    let count = 0;
    const audience = fc.constantFrom(...audiences);
    fc.assert(
      fc.property(audience, name, words(4), prefix, naming, (one, by, facility, p, generation) => {
        const options = ws4redisOptions.parse({
          prefix: p,
          naming: generation,
          publish: [facility.replace(/[*?[\]\\]/g, String.raw`\$&`) || "*"],
        });
        const { publishesTo } = namesFor({
          identity: known(one, by),
          facility,
          channels: [`publish-${one}`],
          options,
        });
        const context = { limits: defaultLimits, isOpenRoom: () => false };
        const decoder = createDecoder(context, options, new LastMessages());
        const { feeds } = createBackendSide(decoder, options);
        const allowed = new Set([roomOf(one, { name: by, facility })]);
        const isLegacy = generation === "legacy" && one !== "broadcast";
        if (isLegacy)
          for (const twin of ["user", "session"] as const) allowed.add(roomOf(twin, { name: by, facility }));
        for (const channel of publishesTo) {
          const message = { channel, payload: Buffer.from("x") };
          const heard = feeds
            .filter(({ filter }) => compileGlob(filter.name)(channel))
            .map((feed) => feed.decode(message));
          // Somebody's own subscription to the name of 0.2.
          if (isLegacy) heard.push(decoder.decode(legacyAudiences, channel, message.payload));
          for (const publication of heard) {
            if (publication.kind !== "publication") continue;
            count++;
            expect(publication.only).toBe("ws4redis");
            expect((publication.rooms ?? ["everyone"]).filter((room) => !allowed.has(room))).toEqual([]);
          }
        }
      }),
      { numRuns: 100_000 },
    );
    expect(count).toBeGreaterThan(10_000);
  }, 120_000);
});
