// The events `join` and `leave` of ws-emit pages (WSE-03, WSE-04): from an event's arguments to a room of the hub.
// A refusal looks exactly like a success to the client; it is counted here.

import { roomSpace } from "../../core/access.ts";
import type { Connection } from "../../core/connection.ts";
import type { Engine } from "./engine.ts";

export interface Joiner {
  readonly connection: Connection;
  readonly address: string;
}

/**
 * Joins the room that the arguments name, if its rule admits the client.
 * @returns whether the client gets an acknowledgement: it does unless the arguments are none, or the secret could
 * not be looked up. A promise when a secret has to be looked up first.
 */
export function joinRoom(
  engine: Engine,
  joiner: Joiner,
  args: readonly unknown[],
): boolean | Promise<boolean> {
  const request = roomArgument(args);
  if (!request) return false;
  const { connection, address } = joiner;
  const { room, secret } = request;
  if (typeof room !== "string") return true;
  const refusal = refusalOf(engine, connection, room);
  if (refusal !== undefined) {
    engine.context.observe.refused("socketio", refusal);
    return true;
  }
  if (roomSpace(room) === undefined) {
    engine.context.hub.join(connection, room);
    return true;
  }
  return engine.context.access.mayJoin({ room, secret, address, connection }).then((verdict) => {
    if (verdict === "allowed") engine.context.hub.join(connection, room);
    else engine.context.observe.refused("socketio", `join_${verdict}`);
    return verdict !== "unavailable";
  });
}

/** @returns whether the client gets an acknowledgement. */
export function leaveRoom(engine: Engine, connection: Connection, args: readonly unknown[]): boolean {
  const request = roomArgument(args);
  if (!request) return false;
  if (typeof request.room === "string") engine.context.hub.leave(connection, request.room);
  return true;
}

/** Exactly one argument, an object with a `room` of its own; anything else is answered with silence. */
function roomArgument(
  args: readonly unknown[],
): { readonly room: unknown; readonly secret: unknown } | undefined {
  const [argument] = args;
  if (args.length !== 1 || typeof argument !== "object" || argument === null) return undefined;
  if (!Object.hasOwn(argument, "room")) return undefined;
  const { room } = argument as { room: unknown };
  return {
    room,
    secret: Object.hasOwn(argument, "secret") ? (argument as { secret: unknown }).secret : undefined,
  };
}

function refusalOf(engine: Engine, connection: Connection, room: string): string | undefined {
  const refusal = engine.context.hub.joinRefusal(connection, room);
  return refusal ?? (isRoomOfAnother(engine, connection, room) ? "room_of_another" : undefined);
}

/** Nobody may listen in on another connection's own room, on whichever gateway that connection is (WSE-07). */
function isRoomOfAnother({ context }: Engine, { id, namespace }: Connection, room: string): boolean {
  return room !== id && context.hub.isOwnRoom(namespace, room);
}
