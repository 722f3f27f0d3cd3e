// One client of the native dialect on a websocket: it carries out the client's commands and answers them, each with its id
// (README.md). Closing, heartbeat and limits are those of all raw connections.

import { RawPublication } from "../../codec/raw-publication.ts";
import type { Frame } from "../../core/carrier.ts";
import type { HistoryPage } from "../../core/broker.ts";
import type { CredentialError } from "../../proofs/credentials.ts";
import type { BrowserContext } from "../dialect.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { anonymous } from "../../core/identity.ts";
import type { Identity } from "../../core/identity.ts";
import type { Answer } from "../../recovery/recovery.ts";
import { mayHear } from "../../core/publication.ts";
import type { Publication } from "../../core/publication.ts";
import { toRooms } from "../raw/format.ts";
import type { RawConnection, RawConnectionParts } from "../raw/raw-connection.ts";
import { publicationMessage } from "../../codec/publication-json.ts";
import type { Command, History, Join, NativeError, Say, Token } from "./packet.ts";
import {
  answerMessage,
  atMessage,
  dialectName,
  errorMessage,
  historyMessage,
  isEventName,
  joinedMessage,
  readCommand,
  refusedMessage,
} from "./packet.ts";
import type { NativePresence } from "./presence.ts";
import { maxReplayBytes } from "../kit/replay.ts";
import { returnOf, told } from "./replay.ts";
import { judgeRoom, refuse } from "./rooms.ts";
import type { AskedRoom } from "./rooms.ts";
import { answerToken, closeReasonOf } from "./token.ts";

export interface MemberParts {
  readonly context: BrowserContext;
  readonly presence: NativePresence;
  /** Those of the URL. */
  readonly asked: readonly AskedRoom[];
  /** What limits count it by. */
  readonly address: string;
  /** Who it is, or why it is closed as soon as it is open. */
  readonly who: Identity | CredentialError;
  /** The subprotocol to select, if any. */
  readonly protocol: string | undefined;
  readonly release: () => void;
}

/** Commands that may wait for the verdict on a token. */
const maxWaiting = 100;

/** What a client asks for a room with; `id` is that of the command. */
type Entry = Pick<Join, "room" | "secret" | "at" | "presence"> & { readonly id: number | undefined };

/** A class, because it is all that an idle client costs beside its connection. */
export class Member implements RawConnectionParts {
  readonly release: () => void;
  readonly protocol?: string;
  readonly #context: BrowserContext;
  readonly address: string;
  readonly #presence: NativePresence;
  /** Needed when it opens alone. */
  #opening: Pick<MemberParts, "asked" | "who"> | undefined;
  /** Commands that wait for the verdict on a token. */
  #waiting: Command[] | undefined;

  constructor({ context, presence, asked, address, who, protocol, release }: MemberParts) {
    this.#context = context;
    this.address = address;
    this.#presence = presence;
    this.#opening = { asked, who };
    this.release = release;
    if (protocol !== undefined) this.protocol = protocol;
  }

  get identity(): Identity {
    const who = this.#opening?.who;
    return who === undefined || typeof who === "string" ? anonymous : who;
  }

  /** It joins its rooms itself, and says so. */
  get rooms(): readonly string[] {
    return [];
  }

  opened(client: RawConnection): void {
    const { asked, who } = this.#opening ?? { asked: [], who: anonymous };
    this.#opening = undefined;
    if (typeof who === "string") {
      refuse(this.#context, who);
      client.close(closeReasonOf(who));
      return;
    }
    for (const one of asked) void this.#joinAsked(client, one);
  }

  /** Quiet rooms stay where the others are. */
  pinged(client: RawConnection): void {
    if (!client.connection || client.connection.roomCount === 0) return;
    const at = this.#context.recovery.here("/", undefined);
    if (at !== undefined) client.send(atMessage(at));
  }

  putOut(client: RawConnection, room: string): void {
    client.send(refusedMessage(room, "secret_wrong"));
  }

  heard(client: RawConnection, frame: Frame): void {
    const command = readCommand(frame);
    if (command.type === "fault") this.#refuse(client, command.id, command.code);
    else this.#take(client, command);
  }

  /** Commands take effect in their order: what is said behind a token is judged by it. */
  #take(client: RawConnection, command: Command): void {
    if (!this.#waiting) void this.#carryOut(client, command);
    else if (this.#waiting.length < maxWaiting) this.#waiting.push(command);
    else this.#refuse(client, command.id, "unavailable");
  }

  async #carryOut(client: RawConnection, command: Command): Promise<void> {
    const { type, id } = command;
    switch (type) {
      case "join":
        return this.#join(client, command);
      case "publish":
        return this.#say(client, command);
      case "leave":
        if (client.connection) this.#context.hub.leave(client.connection, command.room);
        client.send(answerMessage(id, "left", { room: command.room }));
        return;
      case "history":
        return this.#look(client, command);
      case "token":
        return this.#identify(client, command);
      case "ping":
        client.send(answerMessage(id, "pong"));
        return;
      default:
        return type satisfies never;
    }
  }

  async #joinAsked(client: RawConnection, { room, fault, presence }: AskedRoom): Promise<void> {
    const asking = { id: undefined, room, secret: undefined, at: undefined };
    const code = fault
      ? refuse(this.#context, fault)
      : await this.#enter(client, { ...asking, presence: presence && this.#presence.isTold(room) });
    if (code !== undefined) client.send(refusedMessage(room, code));
  }

  async #join(client: RawConnection, join: Join): Promise<void> {
    const code = await this.#enter(client, join);
    if (code !== undefined) client.send(errorMessage(code, join.id));
  }

  /** @returns why it may not be in the room; otherwise it is told that it is in, now or in a moment. */
  async #enter(client: RawConnection, asking: Entry): Promise<NativeError | undefined> {
    const { room, secret } = asking;
    if (!this.#isIn(client, room)) {
      const identity = client.connection?.identity ?? anonymous;
      const asked = { room, secret, identity, address: this.address, client: this };
      const verdict = judgeRoom(this.#context, asked);
      const code = verdict instanceof Promise ? await verdict : verdict;
      if (code !== undefined) return code;
    }
    // It may be in more rooms meanwhile.
    const refusal = client.connection && this.#context.hub.joinRefusal(client.connection, room);
    if (refusal !== undefined) return refuse(this.#context, refusal);
    const { connection } = client;
    const asked = { namespace: "/", room, position: asking.at, dialect: dialectName, client: connection };
    this.#context.recovery.resume([asked], ([answer]) => {
      if (!answer) return;
      this.#arrive(client, asking, answer);
      if (asking.presence) this.#tellPresence(client, room);
    });
    return undefined;
  }

  /** The one turn in which the answer is exact: it joins, and gets what it missed. */
  #arrive(client: RawConnection, { id, room }: Entry, answer: Answer): void {
    const { hub, limits } = this.#context;
    // It may be gone meanwhile, or in the room by another command: what it missed before that came to it.
    if (!client.connection) return;
    if (!hub.join(client.connection, room)) {
      const isIn = this.#isIn(client, room);
      client.send(isIn ? joinedMessage({ id, room, at: answer.at }) : errorMessage("too_many_rooms", id));
      return;
    }
    const isExcluded = (other: string): boolean => this.#isIn(client, other);
    const back = returnOf(answer, isExcluded, maxReplayBytes(limits));
    client.sendAll([
      joinedMessage({ id, room, ...told(back) }),
      ...back.missed.map(({ publication, at }) => publicationMessage(publication, room, at)),
    ]);
  }

  #tellPresence(client: RawConnection, room: string): void {
    const { connection } = client;
    if (!connection || !this.#isIn(client, room)) return;
    this.#presence.tell(connection, room, (json) => {
      client.send(json);
    });
  }

  async #identify(client: RawConnection, command: Token): Promise<void> {
    const waiting: Command[] = [];
    this.#waiting = waiting;
    const frames = await answerToken(this.#context, client, command);
    this.#waiting = undefined;
    client.sendAll(frames);
    for (const later of waiting) this.#take(client, later);
  }

  async #say(client: RawConnection, say: Say): Promise<void> {
    const { id, room } = say;
    const code = this.#judge(client, say);
    if (code !== undefined) {
      this.#refuse(client, id, code);
      return;
    }
    try {
      const { stored } = await this.#context.broker.publish(publicationOf(say));
      client.send(answerMessage(id, "published", stored === undefined ? { room } : { room, at: stored }));
    } catch (error) {
      this.#fail(client, id, error);
    }
  }

  async #look(client: RawConnection, { id, room, since, before, limit }: History): Promise<void> {
    if (!this.#isIn(client, room)) {
      this.#refuse(client, id, "not_in_room");
      return;
    }
    try {
      const page = await this.#context.broker.history(
        { namespace: "/", room },
        { after: since, before, limit },
      );
      // It may have left the room, or the gateway, meanwhile.
      if (!this.#isIn(client, room)) this.#refuse(client, id, "not_in_room");
      else if (typeof page === "string")
        this.#refuse(client, id, page === "epoch" ? "position_unknown" : page);
      else client.send(historyMessage({ id, room, ...page, publications: messagesOf(page, room) }));
    } catch (error) {
      this.#fail(client, id, error);
    }
  }

  /** What an answer waited for did not come. */
  #fail(client: RawConnection, id: number, error: unknown): void {
    if (!(error instanceof GatewayError)) this.#context.observe.report("native_command", error);
    this.#refuse(client, id, "unavailable");
  }

  #judge(client: RawConnection, { room, event = "" }: Say): NativeError | undefined {
    const { access, limits } = this.#context;
    if (!client.connection || !this.#isIn(client, room)) return "not_in_room";
    const { identity } = client.connection;
    if (!access.mayPublish({ namespace: "/", room, identity })) return "publish_forbidden";
    return isEventName(event, limits.nameBytes) ? undefined : "event_invalid";
  }

  #isIn({ connection }: RawConnection, room: string): boolean {
    return connection !== undefined && this.#context.hub.room("/", room)?.has(connection) === true;
  }

  #refuse(client: RawConnection, id: number | undefined, code: NativeError): void {
    client.send(errorMessage(refuse(this.#context, code), id));
  }
}

function publicationOf({ room, event = "message", content }: Say): Publication {
  const target = toRooms([room]);
  if (typeof content !== "string") return new RawPublication(target, content);
  return { kind: "publication", ...target, event, args: [content], attachments: [], volatile: false };
}

/** What is meant for another dialect alone is not shown here (SEC-16). */
function messagesOf({ publications }: HistoryPage, room: string): readonly string[] {
  return publications
    .filter(({ publication }) => mayHear(dialectName, publication))
    .map(({ publication, at }) => publicationMessage(publication, room, at));
}
