// May a client of the native dialect be in a room? The one rule of all dialects (proofs/access.ts), with the errors of this one.

import type { Position } from "../../core/position.ts";
import type { EnterVerdict } from "../../proofs/access.ts";
import { isRoomName, isRoomTooLong, roomSpace } from "../../core/room-name.ts";
import type { BrowserContext } from "../dialect.ts";
import type { Identity } from "../../core/identity.ts";
import type { NativeError } from "./packet.ts";
import { dialectName } from "./packet.ts";

export interface Asking {
  readonly room: string;
  readonly identity: Identity;
  /** As the client sent it. */
  readonly secret: string | undefined;
  /** What limits count the client by. */
  readonly address: string;
  /** Any object that the client cannot have anew without connecting. */
  readonly client: object;
}

/** A room that stands in the URL. */
export interface AskedRoom {
  readonly room: string;
  /** It cannot be joined, whatever the room's rule says. */
  readonly fault: NativeError | undefined;
  /** Where the client stood in it; undefined: it comes for the first time. */
  readonly at: Position | undefined;
  /** The client wants to be told who is there, where the room's rule lets it. */
  readonly presence: boolean;
}

type Ports = Pick<BrowserContext, "access" | "limits" | "observe">;

/** @returns what is wrong with it, or undefined: it may be in the room. A promise when a secret is looked up first. */
export function judgeRoom(
  context: Ports,
  asking: Asking,
): NativeError | undefined | Promise<NativeError | undefined> {
  if (!isRoomName(asking.room)) return refuse(context, "room_name_invalid");
  if (isRoomTooLong(asking.room, context.limits.nameBytes)) return refuse(context, "room_name_too_long");
  const verdict = context.access.judge({ namespace: "/", ...asking });
  const settle = (judged: EnterVerdict): NativeError | undefined => {
    if (judged === "allowed") return undefined;
    if (judged === "secret_wrong") hint(context, asking);
    return refuse(context, judged === "closed" ? "room_closed" : judged);
  };
  return verdict instanceof Promise ? verdict.then(settle) : settle(verdict);
}

/** Counts it. */
export function refuse({ observe }: Pick<BrowserContext, "observe">, code: NativeError): NativeError {
  observe.refused(dialectName, code);
  return code;
}

/** Said once a minute for each room-space. */
function hint({ access, observe }: Ports, { room, secret }: Asking): void {
  const space = roomSpace(room);
  const text =
    "A page may not join a room: the room has `::` in its name, and the page showed no secret of the room-space, or a wrong one:" +
    " join over a websocket, with the field `secret`";
  const isSaid = observe.hint("join_refused", {
    about: space ?? "",
    fields: { reason: "secret_wrong", text },
    names: { room },
  });
  if (isSaid && secret === undefined && space !== undefined) access.hintIfUnset(space);
}
