// One client of the native dialect on a websocket: it carries out the client's commands and answers them, each with its id
// (README.md), in their order (command-order.ts). Closing, heartbeat and limits are those of all raw connections.

import { RawPublication } from "../../codec/raw-publication.ts";
import type { Frame } from "../../core/carrier.ts";
import type { HistoryPage } from "../../core/broker.ts";
import type { CredentialError } from "../../proofs/credentials.ts";
import type { BrowserContext } from "../dialect.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { anonymous } from "../../core/identity.ts";
import type { Connection } from "../../core/membership.ts";
import type { Identity } from "../../core/identity.ts";
import { mayHear } from "../../core/publication.ts";
import type { Publication } from "../../core/publication.ts";
import { toRooms } from "../raw/format.ts";
import type { RawConnection, RawConnectionParts } from "../raw/raw-connection.ts";
import { publicationMessage } from "../../codec/publication-json.ts";
import type { NativeError } from "./packet.ts";
import {
  answerMessage,
  atMessage,
  dialectName,
  errorMessage,
  historyMessage,
  isEventName,
  refusedMessage,
} from "./packet.ts";
import { readCommand } from "./read-command.ts";
import type { Command, History, Say, Token } from "./read-command.ts";
import { isMember } from "./joins.ts";
import type { Joins } from "./joins.ts";
import { refuse } from "./rooms.ts";
import type { AskedRoom } from "./rooms.ts";
import { CommandOrder } from "./command-order.ts";
import { answerToken, closeReasonOf } from "./token.ts";

export interface MemberParts {
  readonly context: BrowserContext;
  readonly joins: Joins;
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

/** A class, because it is all that an idle client costs beside its connection. */
export class Member implements RawConnectionParts {
  readonly release: () => void;
  readonly protocol?: string;
  readonly #context: BrowserContext;
  readonly address: string;
  readonly #joins: Joins;
  /** Needed when it opens alone. */
  #opening: Pick<MemberParts, "asked" | "who"> | undefined;
  /** Undefined while no command waits for another. */
  #order: CommandOrder | undefined;

  constructor({ context, joins, asked, address, who, protocol, release }: MemberParts) {
    this.#context = context;
    this.address = address;
    this.#joins = joins;
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
    for (const one of asked) this.#joinAsked(client, one);
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
    if (command.type === "fault") {
      const { id, code, sentence } = command;
      client.send(errorMessage(refuse(this.#context, code), id, sentence));
    } else if (!this.#take(client, command, frame.length)) this.#refuse(client, command.id, "unavailable");
  }

  /** @returns false where too much waits already. */
  #take(client: RawConnection, command: Command, bytes: number): boolean {
    if (this.#order) return this.#order.take(command, bytes);
    const work = this.#begin(client, command);
    if (!work) return true;
    this.#order = new CommandOrder({
      begin: (later) => this.#begin(client, later),
      idle: () => {
        this.#order = undefined;
      },
    });
    this.#order.hold(command, work);
    return true;
  }

  /** @returns until when commands that build on it have to wait; undefined: they need not. */
  #begin(client: RawConnection, command: Command): Promise<void> | undefined {
    // It may be gone while commands waited.
    if (!client.connection) return undefined;
    const work = this.#carryOut(client, client.connection, command);
    return work?.catch((error: unknown) => {
      this.#context.observe.report("native_command", error);
    });
  }

  #carryOut(client: RawConnection, connection: Connection, command: Command): Promise<void> | undefined {
    const { type, id } = command;
    switch (type) {
      case "join":
        return this.#joins.begin(client, command);
      case "publish":
        void this.#say(client, command);
        return undefined;
      case "leave":
        this.#context.hub.leave(connection, command.room);
        client.send(answerMessage(id, "left", { room: command.room }));
        return undefined;
      case "history":
        return this.#look(client, command);
      case "token":
        return this.#identify(client, command);
      case "ping":
        client.send(answerMessage(id, "pong"));
        return undefined;
      default:
        return type satisfies never;
    }
  }

  #joinAsked(client: RawConnection, { room, fault, at, presence }: AskedRoom): void {
    if (fault) client.send(refusedMessage(room, refuse(this.#context, fault)));
    else {
      const asks = presence && this.#joins.presence.isTold(room);
      const join = { id: undefined, room, secret: undefined, at, presence: asks };
      this.#take(client, { type: "join", ...join }, 0);
    }
  }

  async #identify(client: RawConnection, command: Token): Promise<void> {
    client.sendAll(await answerToken(this.#context, client, command));
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
    if (!isMember(this.#context.hub, client, room)) {
      this.#refuse(client, id, "not_in_room");
      return;
    }
    try {
      const page = await this.#context.broker.history(
        { namespace: "/", room },
        { after: since, before, limit },
      );
      // It may have been put out of the room, or be gone.
      if (!isMember(this.#context.hub, client, room)) this.#refuse(client, id, "not_in_room");
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

  #judge(client: RawConnection, { room, event }: Say): NativeError | undefined {
    const { access, limits } = this.#context;
    if (!client.connection || !isMember(this.#context.hub, client, room)) return "not_in_room";
    const { identity } = client.connection;
    if (!access.mayPublish({ namespace: "/", room, identity })) return "publish_forbidden";
    return event === undefined || isEventName(event, limits.nameBytes) ? undefined : "event_invalid";
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
