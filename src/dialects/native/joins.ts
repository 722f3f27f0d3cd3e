// How a websocket of the native dialect comes into a room: it is judged, what it missed is looked up, and it enters in the turn
// in which both still hold.

import type { Hub } from "../../core/hub.ts";
import type { Connection } from "../../core/membership.ts";
import type { Ground } from "../../proofs/access.ts";
import type { Answer } from "../../recovery/recovery.ts";
import type { BrowserContext } from "../dialect.ts";
import { groundOf, isGround } from "../kit/ground.ts";
import { maxReplayBytes } from "../kit/replay.ts";
import type { RawConnection } from "../raw/raw-connection.ts";
import { dialectName, errorMessage, joinedMessage, refusedMessage } from "./packet.ts";
import type { NativeError } from "./packet.ts";
import type { Join } from "./read-command.ts";
import type { MissedTexts } from "./missed-texts.ts";
import type { NativePresence } from "./presence.ts";
import { returnOf, told } from "./replay.ts";
import { judgeRoom, refuse } from "./rooms.ts";

/** What it takes to enter. */
interface Coming {
  readonly client: RawConnection;
  readonly connection: Connection;
  readonly join: Join;
}

/** A verdict, and what it stands on. */
interface Verdict {
  readonly ground: Ground;
  /** Why it may not be in the room; undefined: it may. */
  readonly code: NativeError | undefined;
}

export class Joins {
  readonly presence: NativePresence;
  readonly #context: BrowserContext;
  readonly #texts: MissedTexts;

  constructor(
    context: BrowserContext,
    { presence, texts }: { readonly presence: NativePresence; readonly texts: MissedTexts },
  ) {
    this.#context = context;
    this.presence = presence;
    this.#texts = texts;
  }

  /** Answers a join. @returns until when it is decided; undefined: it is. */
  begin(client: RawConnection, join: Join): Promise<void> | undefined {
    const { connection } = client;
    // It may be gone meanwhile.
    if (!connection) return undefined;
    const coming = { client, connection, join };
    if (!isMember(this.#context.hub, client, join.room)) return this.#judge(coming);
    this.#confirm(coming, this.#context.recovery.here("/", join.room));
    return undefined;
  }

  #judge(coming: Coming): Promise<void> | undefined {
    const { client, connection, join } = coming;
    const { room, secret } = join;
    const { identity } = connection;
    const ground = groundOf(this.#context.access, identity);
    const { address } = client.origin;
    const verdict = judgeRoom(this.#context, { room, secret, identity, address, client: client.client });
    return verdict instanceof Promise
      ? verdict.then(async (code) => this.#judged(coming, { ground, code }))
      : this.#judged(coming, { ground, code: verdict });
  }

  #judged(coming: Coming, { ground, code }: Verdict): Promise<void> | undefined {
    const { connection, join } = coming;
    const refusal = this.#context.hub.joinRefusal(connection, join.room);
    const fault = code ?? (refusal && refuse(this.#context, refusal));
    if (fault === undefined) return this.#lookUp(coming, ground);
    this.#refuse(coming, fault);
    return undefined;
  }

  /** What it missed, which may have to wait. */
  #lookUp(coming: Coming, ground: Ground): Promise<void> | undefined {
    const { client, connection, join } = coming;
    let isDecided = false as boolean;
    let again: Promise<void> | undefined;
    let wake: ((again: Promise<void> | undefined) => void) | undefined;
    const asked = {
      namespace: "/",
      room: join.room,
      position: join.at,
      dialect: dialectName,
      client: connection,
    };
    this.#context.recovery.resume([asked], ([answer]) => {
      isDecided = true;
      // Its right may have been taken back while it waited.
      const isStill = isGround(ground, this.#context.access, connection.identity);
      if (!isStill) again = this.begin(client, join);
      else if (answer) this.#arrive(coming, answer);
      wake?.(again);
    });
    if (isDecided) return again;
    return new Promise((resolve) => {
      wake = resolve;
    });
  }

  /** The one turn in which the answer is exact: it joins, and gets what it missed. */
  #arrive(coming: Coming, answer: Answer): void {
    const { client, connection, join } = coming;
    const { hub, limits } = this.#context;
    const { id, room } = join;
    if (!client.connection) return;
    if (isMember(hub, client, room)) {
      // A backend put it there while it waited.
      this.#confirm(coming, answer.at);
      return;
    }
    if (!hub.join(connection, room)) {
      this.#refuse(coming, "too_many_rooms");
      return;
    }
    const isExcluded = (other: string): boolean => isMember(hub, client, other);
    const back = returnOf(answer, isExcluded, maxReplayBytes(limits));
    client.sendAll([
      joinedMessage({ id, room, ...told(back) }),
      ...back.missed.map((kept) => this.#texts.of(kept, room)),
    ]);
    this.#tellPresence(coming);
  }

  /** It is in the room already, and stays as it is. */
  #confirm(coming: Coming, at: string | undefined): void {
    const { id, room } = coming.join;
    coming.client.send(joinedMessage({ id, room, at }));
    this.#tellPresence(coming);
  }

  #refuse({ client, join: { id, room } }: Coming, code: NativeError): void {
    client.send(id === undefined ? refusedMessage(room, code) : errorMessage(code, id));
  }

  #tellPresence({ client, connection, join: { room, presence } }: Coming): void {
    if (!presence) return;
    this.presence.tell(connection, room, (json) => {
      client.send(json);
    });
  }
}

/** Is the client in the room? */
export function isMember(hub: Pick<Hub, "has">, { connection }: RawConnection, room: string): boolean {
  return connection !== undefined && hub.has(connection, room);
}
