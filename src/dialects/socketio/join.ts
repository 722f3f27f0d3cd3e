// The events `join` and `leave` of ws-emit pages (WSE-03, WSE-04): from an event's arguments to a room of the hub.
// A refusal because of a secret or of another client's id looks like a success, unless `joinAnswers` is on; other refusals have
// no acknowledgement. Refusals are counted and logged here.

import type { EnterVerdict } from "../../proofs/access.ts";
import { roomSpace } from "../../core/room-name.ts";
import type { Connection } from "../../core/membership.ts";
import type { JoinRefusal } from "../../core/hub.ts";
import { groundOf, isGround } from "../kit/ground.ts";
import type { SocketIoContext } from "./context.ts";
import type { KeptSession } from "./recovery/kept-session.ts";

export interface Joiner {
  readonly connection: Connection;
  /** Limits are counted by it, because a client may leave a namespace and join it again. */
  readonly client: object;
  readonly address: string;
  /** Where its rooms are written for its return. */
  readonly kept?: KeptSession | undefined;
}

/** The result of a join. */
export interface JoinAnswer {
  /** What a page gets with `joinAnswers`. It does not tell a missing secret from a wrong one (WSE-08). */
  readonly answer:
    | { readonly ok: true }
    | {
        readonly ok: false;
        readonly reason: "secret" | "rate" | "unavailable" | "room" | "closed" | "too_many" | "request";
      };
  /** Without `joinAnswers`: does it get the acknowledgement that an admitted join gets? */
  readonly isAcknowledged: boolean;
}

const joined: JoinAnswer = { answer: { ok: true }, isAcknowledged: true };

/** Why, by the reason under which it is counted; those of a look-up begin with `join_`. */
const refusals = {
  room_not_text: { reason: "room", text: "its name is no text" },
  room_name_too_long: { reason: "room", text: "its name is longer than limits.nameBytes" },
  too_many_rooms: { reason: "too_many", text: "the client is in limits.roomsPerConnection rooms already" },
  room_of_another: {
    reason: "room",
    text: "it is named like the id of another client, and only that client may be in it",
  },
  join_closed: {
    reason: "closed",
    text: "the rule of the room has no way in for it (`belfry config rule <room>` says which it has)",
  },
  join_secret_wrong: {
    reason: "secret",
    text: "the room has `::` in its name, and the page showed no secret of the room-space, or a wrong one: join with {room, secret}",
  },
  join_rate_limited: {
    reason: "rate",
    text: "too many wrong secrets came within a minute (limits.failedJoinsPerMinute)",
  },
  join_unavailable: { reason: "unavailable", text: "Redis could not be asked for the secret" },
} as const satisfies Record<
  | JoinRefusal
  | "room_not_text"
  | "room_of_another"
  | `join_${Exclude<EnterVerdict, "allowed" | "room_of_another">}`,
  { readonly reason: string; readonly text: string }
>;

interface Request<Room = string> {
  readonly room: Room;
  readonly secret: unknown;
}

type Refusal = keyof typeof refusals;

/** These have no acknowledgement, because they give no secret away, and a page may try again (WSE-03). */
const unacknowledged: ReadonlySet<Refusal> = new Set([
  "join_unavailable",
  "room_name_too_long",
  "too_many_rooms",
]);

/** Joins the room that the arguments name, if its rule admits the client. A promise when a secret is looked up first. */
export function joinRoom(
  context: SocketIoContext,
  joiner: Joiner,
  args: readonly unknown[],
): JoinAnswer | Promise<JoinAnswer> {
  const request = roomArgument(args);
  if (!request) return { answer: { ok: false, reason: "request" }, isAcknowledged: false };
  const { room, secret } = request;
  if (typeof room !== "string") return refuse(context, { room: "", secret }, "room_not_text");
  const refusal = context.hub.joinRefusal(joiner.connection, room);
  return refusal === undefined
    ? judge(context, joiner, { room, secret })
    : refuse(context, { room, secret }, refusal);
}

function judge(context: SocketIoContext, joiner: Joiner, request: Request): JoinAnswer | Promise<JoinAnswer> {
  const { access } = context;
  const { connection, client, address, kept } = joiner;
  const { id, namespace, identity } = connection;
  const ground = groundOf(access, identity);
  const verdict = access.judge({ namespace, ...request, id, identity, address, client });
  // Its right may have been taken back while the secret was looked up, or the room was written.
  const go = (): JoinAnswer | Promise<JoinAnswer> =>
    isGround(ground, access, connection.identity)
      ? enter(context, connection, request)
      : judge(context, joiner, request);
  const carryOut = (judged: EnterVerdict): JoinAnswer | Promise<JoinAnswer> => {
    if (judged !== "allowed") return refuse(context, request, refusalOf(judged));
    return kept ? kept.willJoin(request.room, request.secret).then(go) : go();
  };
  return verdict instanceof Promise ? verdict.then(carryOut) : carryOut(verdict);
}

/** @returns whether the client gets an acknowledgement. */
export function leaveRoom(
  context: SocketIoContext,
  connection: Connection,
  args: readonly unknown[],
): boolean {
  const request = roomArgument(args);
  if (!request) return false;
  if (typeof request.room === "string") context.hub.leave(connection, request.room);
  return true;
}

function enter(context: SocketIoContext, connection: Connection, request: Request): JoinAnswer {
  const { hub } = context;
  const { room } = request;
  // A backend may have put the client into more rooms while the secret was looked up.
  const refusal = hub.joinRefusal(connection, room);
  if (refusal !== undefined) return refuse(context, request, refusal);
  hub.join(connection, room);
  return joined;
}

/** Counts each refusal, logs one per minute and room-space. */
function refuse(context: SocketIoContext, { room, secret }: Request, refusal: Refusal): JoinAnswer {
  const { observe } = context;
  const { reason, text } = refusals[refusal];
  observe.refused("socketio", refusal);
  const space = roomSpace(room);
  const isSaid = observe.hint("join_refused", {
    about: space ?? refusal,
    fields: { reason: refusal, text: `A page may not join a room: ${text}` },
    names: { room },
  });
  // The client sent no secret, so none was looked up: the log should say when the room-space has none at all.
  const isUnknown = refusal === "join_secret_wrong" && (typeof secret !== "string" || secret === "");
  if (isSaid && isUnknown && space !== undefined) context.access.hintIfUnset(space);
  return { answer: { ok: false, reason }, isAcknowledged: !unacknowledged.has(refusal) };
}

/** Exactly one argument, an object with a `room` of its own; anything else is not answered. */
export function roomArgument(args: readonly unknown[]): Request<unknown> | undefined {
  const [argument] = args;
  if (args.length !== 1 || typeof argument !== "object" || argument === null) return undefined;
  if (!Object.hasOwn(argument, "room")) return undefined;
  const { room } = argument as { room: unknown };
  return {
    room,
    secret: Object.hasOwn(argument, "secret") ? (argument as { secret: unknown }).secret : undefined,
  };
}

function refusalOf(verdict: Exclude<EnterVerdict, "allowed">): Refusal {
  return verdict === "room_of_another" ? verdict : `join_${verdict}`;
}
