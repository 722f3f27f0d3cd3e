// What clients of Socket.IO may show when they come back, over the real tape and store: whatever they make up, they get a
// session back for its own private id and a place on the tape alone, and then exactly what came after that place.

import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { formatMarker } from "../../src/brokers/marker.ts";
import { MemoryKeys } from "../../src/brokers/memory/keys.ts";
import { noRules } from "../../src/vocabulary/room-rules.ts";
import { anonymous } from "../../src/core/identity.ts";
import type { Identity } from "../../src/core/identity.ts";
import type { EnterVerdict } from "../../src/proofs/access.ts";
import { silent } from "../../src/core/observe.ts";
import type { Publication } from "../../src/core/publication.ts";
import { keptOrder } from "../../src/recovery/kept-order.ts";
import { sessionKey, userProof } from "../../src/dialects/socketio/recovery/pid.ts";
import { Returns, readClaim } from "../../src/dialects/socketio/recovery/returns.ts";
import type { Return } from "../../src/dialects/socketio/recovery/returns.ts";
import { SessionBook } from "../../src/dialects/socketio/recovery/session-book.ts";
import { encodeSession } from "../../src/dialects/socketio/recovery/stored-session.ts";
import { TapeRecovery } from "../../src/recovery/tape-recovery.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { publicationWith } from "../support/publication.ts";

setDefaultTimeout(120_000);

const pid = "abcdefghijklmnopqrstuvwx";
const token = formatMarker({ source: "a".repeat(24), line: "00000001", number: 7 });
const at = (count: number): string => `${token}.${count}`;

function said(count: number, rooms: readonly string[] | undefined): Publication {
  return publicationWith({ rooms, event: `${count}` });
}

/** A client `sid` in `a` since 2 and in `b` since 20, and 30 publications, of which a backend's order is one. */
class Scene {
  now = 0;
  verdict: EnterVerdict = "allowed";
  readonly keys = new MemoryKeys();
  readonly recovery = new TapeRecovery({ maxAgeMs: 1e9, maxBytes: 1e9, now: () => this.now });
  readonly outcomes: string[] = [];
  readonly returns: Returns;
  readonly access = {
    judge: () => this.verdict,
    hintIfUnset() {},
    lostRooms: () => [],
    isRevoked: () => false,
    revocations: 0,
    rules: noRules,
  };
  readonly #heard: { readonly count: number; readonly room: string | undefined }[] = [];

  constructor() {
    const observe = { ...silent, returned: (_: string, outcome: string) => void this.outcomes.push(outcome) };
    const ports = {
      keys: this.keys,
      recovery: this.recovery,
      observe,
      limits: defaultLimits,
      now: () => this.now,
      access: this.access,
      bus: { losses: 0, state: () => ({ isReady: true as const }) },
    };
    this.returns = new Returns(ports as never, new SessionBook(ports));
    this.recovery.step();
    this.recovery.mark(token);
    const rooms = ["a", "b", "c", undefined, "sid", "other"];
    for (let count = 1; count <= 30; count++) this.say(count, rooms[count % rooms.length]);
  }

  say(count: number, room: string | undefined): void {
    this.#heard.push({ count, room });
    this.#record(said(count, room === undefined ? undefined : [room]));
  }

  order(room: string): void {
    const target = { namespace: "/", id: "sid" };
    this.#record(keptOrder({ kind: "leave", target, rooms: [room] }));
  }

  /** What the client must get that has everything up to there. */
  missedSince(offset: number): readonly number[] {
    const since = (room: string | undefined): number => (room === "a" ? 2 : room === "b" ? 20 : 0);
    return this.#heard
      .filter(({ room }) => room === undefined || ["a", "b", "sid"].includes(room))
      .filter(({ count, room }) => count > Math.max(offset, since(room)))
      .map(({ count }) => count);
  }

  async keep(user?: string, writtenAt = at(20)): Promise<void> {
    const way = { proof: undefined };
    const rooms = new Map([
      ["a", { at: at(2), way }],
      ["b", { at: at(20), way }],
    ]);
    const text = encodeSession({
      sid: "sid",
      who: userProof(pid, user),
      turn: 0,
      since: at(0),
      at: writtenAt,
      rooms,
    });
    await this.keys.set(sessionKey(pid, "/"), text ?? "", 60);
  }

  /** @returns what it gets; undefined: it is a new client. */
  async comeBack(auth: object, identity: Identity = anonymous): Promise<Return | undefined> {
    const claim = readClaim("/", JSON.stringify(auth));
    if (!claim) return undefined;
    const got: (Return | undefined)[] = [];
    const comer = { address: "", client: {}, identity, gone: new AbortController().signal };
    await this.returns.comeBack(claim, comer, (back) => {
      got.push(back);
    });
    // What is ahead of this gateway is waited for.
    this.now += 3_000;
    this.recovery.tick();
    expect(got).toHaveLength(1);
    return got[0];
  }

  #record(publication: Publication): void {
    this.recovery.step();
    const source = { filter: { kind: "exact" as const, name: "c" }, decode: () => publication };
    this.recovery.record(publication, source, { channel: "c", payload: Buffer.from("x") });
  }
}

const eventsOf = ({ missed }: Return): readonly number[] =>
  missed.map(({ publication }) => Number(publication.event));

test("I3 from every place on the tape it gets what came after that in each of its rooms, and not from before it joined", async () => {
  const scene = new Scene();
  for (let offset = 0; offset <= 30; offset++) {
    await scene.keep();
    const back = await scene.comeBack({ pid, offset: at(offset) });
    expect(back && eventsOf(back)).toEqual(scene.missedSince(offset));
  }
});

test("I10 100,000 private ids and offsets that are made up or changed", async () => {
  const scene = new Scene();
  const change = (text: string) =>
    fc
      .tuple(fc.nat(text.length), fc.nat(2), fc.string({ unit: "binary-ascii", maxLength: 3 }))
      .map(([index, length, put]) => text.slice(0, index) + put + text.slice(index + length));
  const position = fc.nat(40).map(at);
  const offset = fc.oneof(
    { weight: 4, arbitrary: position },
    { weight: 4, arbitrary: position.chain(change) },
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.jsonValue(),
  );
  const shown = fc.oneof(
    { weight: 4, arbitrary: fc.constant(pid) },
    change(pid),
    fc.string({ maxLength: 30 }),
    fc.jsonValue(),
  );
  let recovered = 0;
  await fc.assert(
    fc.asyncProperty(shown, offset, async (claimed, place) => {
      await scene.keep();
      const back = await scene.comeBack({ pid: claimed, offset: place });
      const [, digits = ""] =
        (typeof place === "string" && place.startsWith(`${token}.`) && /\.(0|[1-9]\d*)$/.exec(place)) || [];
      const isPlace = digits !== "" && place === at(Number(digits)) && Number(digits) <= 30;
      expect(back && eventsOf(back)).toEqual(
        claimed === pid && isPlace ? scene.missedSince(Number(digits)) : undefined,
      );
      if (back) recovered++;
    }),
    { seed: 11, numRuns: 100_000 },
  );
  expect(recovered).toBeGreaterThan(10_000);
});

test("another user, an order since its rooms were written, a session that was used", async () => {
  const scene = new Scene();
  const john: Identity = { ...anonymous, user: "john" };
  const auth = { pid, offset: at(25) };
  await scene.keep("john");
  expect(await scene.comeBack(auth)).toBeUndefined();
  await scene.keep("john");
  expect(await scene.comeBack(auth, { ...john, user: "mary" })).toBeUndefined();
  await scene.keep("john");
  expect((await scene.comeBack(auth, john))?.session.sid).toBe("sid");
  expect(await scene.comeBack(auth, john)).toBeUndefined();
  expect(scene.outcomes.splice(0)).toEqual(["rights", "rights", "recovered", "session_unknown"]);
  // An order about a room that it is not in changes nothing; then one about a room of it.
  scene.order("elsewhere");
  await scene.keep();
  expect(await scene.comeBack(auth)).toBeDefined();
  scene.order("a");
  await scene.keep();
  expect(await scene.comeBack(auth)).toBeUndefined();
  // Its rooms were written after the order.
  await scene.keep(undefined, scene.recovery.here());
  expect(await scene.comeBack(auth)).toBeDefined();
  expect(scene.outcomes).toEqual(["recovered", "changed", "recovered"]);
});

test("a client that is gone before it was told anything has its session again at once, not when its answer is there", async () => {
  const scene = new Scene();
  await scene.keep();
  const claim = readClaim("/", JSON.stringify({ pid, offset: at(31) }));
  if (!claim) throw new Error("Expected a claim, got none");
  const gone = new AbortController();
  const comer = { address: "", client: {}, identity: anonymous, gone: gone.signal };
  // It waits for what is ahead of this gateway.
  await scene.returns.comeBack(claim, comer, () => {
    expect.unreachable();
  });
  expect(await scene.keys.get([sessionKey(pid, "/")])).toEqual([undefined]);
  gone.abort();
  expect((await scene.comeBack({ pid, offset: at(25) }))?.session.sid).toBe("sid");
  expect(scene.outcomes).toEqual(["recovered"]);
});

test.each([
  ["closed", undefined, "rights"],
  ["allowed", "sid", "recovered"],
] as const)(
  "T28 rights that are taken back while it waits for what it missed are judged again: %s",
  async (verdict, sid, outcome) => {
    const scene = new Scene();
    await scene.keep();
    const claim = readClaim("/", JSON.stringify({ pid, offset: at(31) }));
    if (!claim) throw new Error("Expected a claim, got none");
    const came = Promise.withResolvers<Return | undefined>();
    const comer = { address: "", client: {}, identity: anonymous, gone: new AbortController().signal };
    // It waits for what is ahead of this gateway.
    await scene.returns.comeBack(claim, comer, came.resolve);
    scene.access.revocations += 1;
    scene.verdict = verdict;
    scene.say(31, "a");
    expect((await came.promise)?.session.sid).toBe(sid);
    expect(scene.outcomes).toEqual([outcome]);
  },
);
