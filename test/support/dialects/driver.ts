// What the suite of the dialects has to know about one of them: how its clients come into a room and out of it, what a
// refusal looks like, by which doors a backend speaks, and what is heard then. One driver per dialect; the cases of
// test/conformance/dialects are the same for all.

import type { GatewayConfig } from "../gateway.ts";
import type { RawClose, RawMessage } from "../raw.ts";
import { RawWebSocket } from "../raw.ts";
import type { Ear } from "./ear.ts";
import type { Place } from "./site.ts";

/** What a name means at some place: one room, everyone below a path, or nothing there and why. */
export type Meaning =
  | { readonly kind: "room"; readonly room: string; readonly isOwn?: true }
  | { readonly kind: "tree"; readonly below: string }
  | { readonly kind: "nothing"; readonly why: string };

export function room(name: string): Meaning {
  return { kind: "room", room: name };
}

/** A room in a space of the dialect's own: who comes by this name may be there, others need a right. */
export function ownRoom(name: string): Meaning {
  return { kind: "room", room: name, isOwn: true };
}

export function nothing(why: string): Meaning {
  return { kind: "nothing", why };
}

/** How a room that a client asked for was refused: by an answer to its handshake. */
export interface Refusal {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/** A way in for backends. */
export interface Door {
  readonly name: string;
  /** An event `update` with one argument, or a bare payload. */
  readonly form: "event" | "payload";
  /** The one dialect whose clients hear what comes in here: its browsers speak on it too (SEC-16). */
  readonly only?: string;
  /** Whom a name addresses here. */
  meaning(name: string): Meaning;
  /** Says it; resolves when Redis has it. Bytes only where they are the payload. */
  say(place: Place, name: string, what: string | Uint8Array): Promise<void>;
}

/** A request that the dialect must refuse, with words of the caller in it wherever there is room for one. */
export interface BadRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Clients whom a backend knows by a name: a key, a user. */
export interface Visitors {
  /** May somebody be known by it? */
  isName(who: string): boolean;
  /** Without a right name: refused, or there and nobody. */
  readonly withoutName: "refused" | "nobody";
  enterAs(place: Place, who: string): Promise<Ear | Refusal>;
  /** Says a text to the one of this name. */
  tell(place: Place, who: string, text: string): Promise<void>;
  /** The room that this one alone is in, where other doors can name it. */
  room?(who: string): string;
  /** Says a text to all of them. */
  tellAll(place: Place, everyone: readonly Ear[], text: string): Promise<void>;
}

/** @typeParam Name of the dialect, in the table of the suite. */
export interface DialectDriver<Name extends string = string> {
  readonly dialect: Name;
  /** The dialect's own section of the config, and what it needs beside it. */
  readonly config: GatewayConfig;
  /** The same, with the check of Origins on. */
  readonly guarded: GatewayConfig;
  readonly doors: readonly Door[];
  /** The one of them that is a Redis channel of the dialect's own. */
  readonly redisDoor: Door;
  /** `asks`: clients name their room; `granted`: a backend puts them there. */
  readonly entry: "asks" | "granted";
  /** A refused join looks like a joined one (WSE-03). */
  readonly isSilent: boolean;
  /** What a client sees at the end of the gateway (SEC-14). */
  readonly farewell: RawClose;
  /** The room that a client comes into by this name. */
  meaning(name: string): Meaning;
  /** Connects and comes into the room, or tries to. */
  enter(place: Place, name: string): Promise<Ear | Refusal>;
  /** Comes into a room in which clients may speak, where there are any; it is named `voice-…` (SEC-16). */
  enterToSpeak?(place: Place, name: string): Promise<Ear | Refusal>;
  readonly visitors?: Visitors;
  /** Leaves the room, and the gateway where a client has but one room; resolves when the gateway knows. */
  leave(place: Place, ear: Ear): Promise<void>;
  /** The frames that a client hears when this is said in that form. */
  hears(form: Door["form"], what: string | Uint8Array): RawMessage[];
  /** The backend's order that turns a client away, and what the client sees then; where there is one. */
  readonly turnAway?: { readonly farewell: RawClose; order(place: Place, ear: Ear): Promise<void> };
  /** Says a text to each of these clients, whatever rooms they are in. */
  callAll(place: Place, ears: readonly Ear[], text: string): Promise<void>;
  /** Path and query of a handshake that is right. */
  readonly handshake: string;
  /** Where a room is named in the path: the path with this text in it, and what becomes of bytes that are no UTF-8. */
  readonly inPath?: { path(text: string): string; readonly keepsInvalid: boolean };
  /** What such a handshake carries where Origins are judged. */
  readonly handshakeHeaders?: Readonly<Record<string, string>>;
  /** Requests to refuse; `word` gives a new word for each place. */
  badRequests(place: Place, word: () => string): readonly BadRequest[];
  /** Says words of the caller at every place where a client or a backend of this dialect can, right and wrong. */
  whisper(place: Place, word: (where: string) => string): Promise<readonly string[]>;
}

/** What plain clients hear: a payload as it is, an event as JSON. */
export function plainHears(form: Door["form"], what: string | Uint8Array): RawMessage[] {
  if (form === "event") return [JSON.stringify({ event: "update", data: what })];
  return [typeof what === "string" ? what : Buffer.from(what)];
}

/** A websocket, or the refusal of its handshake. */
export async function tryOpen(
  place: Place,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawWebSocket | Refusal> {
  const answer = await RawWebSocket.tryOpen(place.url, path, headers);
  return answer instanceof RawWebSocket
    ? answer
    : { status: answer.status, headers: answer.headers, text: answer.text };
}
