// One client of the native dialect on a websocket: it carries out the client's commands and answers them, each with its id
// (README.md). Closing, heartbeat and limits are those of all raw connections.

import { RawPublication } from "../../codec/raw-publication.ts";
import type { Frame } from "../../core/carrier.ts";
import type { HistoryPage } from "../../core/broker.ts";
import type { BrowserContext } from "../../core/dialect.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import type { Answer } from "../../core/recovery.ts";
import { mayHear } from "../../core/publication.ts";
import type { Publication } from "../../core/publication.ts";
import { toRooms } from "../raw/format.ts";
import type { RawConnection, RawConnectionParts } from "../raw/raw-connection.ts";
import { publicationMessage } from "./format.ts";
import type { Command, History, Join, NativeError, Say } from "./packet.ts";
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
import { maxReplayBytes } from "../kit/replay.ts";
import { returnOf, told } from "./replay.ts";
import { judgeRoom, refuse } from "./rooms.ts";
import type { AskedRoom } from "./rooms.ts";

export interface MemberParts {
  readonly context: BrowserContext;
  /** Those of the URL. */
  readonly asked: readonly AskedRoom[];
  /** What limits count it by. */
  readonly address: string;
  readonly release: () => void;
}

/** What a client asks for a room with; `id` is that of the command. */
type Entry = Pick<Join, "room" | "secret" | "at"> & { readonly id: number | undefined };

/** A class, because it is all that an idle client costs beside its connection. */
export class Member implements RawConnectionParts {
  readonly release: () => void;
  readonly #context: BrowserContext;
  readonly #address: string;
  #asked: readonly AskedRoom[];

  constructor({ context, asked, address, release }: MemberParts) {
    this.#context = context;
    this.#address = address;
    this.#asked = asked;
    this.release = release;
  }

  /** It joins its rooms itself, and says so. */
  get rooms(): readonly string[] {
    return [];
  }

  opened(client: RawConnection): void {
    const asked = this.#asked;
    this.#asked = [];
    for (const one of asked) void this.#joinAsked(client, one);
  }

  /** Quiet rooms stay where the others are. */
  pinged(client: RawConnection): void {
    if (!client.connection || client.connection.roomCount === 0) return;
    const at = this.#context.recovery.here("/", undefined);
    if (at !== undefined) client.send(atMessage(at));
  }

  heard(client: RawConnection, frame: Frame): void {
    const command = readCommand(frame);
    if (command.type === "fault") this.#refuse(client, command.id, command.code);
    else void this.#carryOut(client, command);
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
      case "ping":
        client.send(answerMessage(id, "pong"));
        return;
      default:
        return type satisfies never;
    }
  }

  async #joinAsked(client: RawConnection, { room, fault }: AskedRoom): Promise<void> {
    const code = fault
      ? refuse(this.#context, fault)
      : await this.#enter(client, { id: undefined, room, secret: undefined, at: undefined });
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
      const verdict = judgeRoom(this.#context, { room, secret, address: this.#address, client: this });
      const code = verdict instanceof Promise ? await verdict : verdict;
      if (code !== undefined) return code;
    }
    // It may be in more rooms meanwhile.
    const refusal = client.connection && this.#context.hub.joinRefusal(client.connection, room);
    if (refusal !== undefined) return refuse(this.#context, refusal);
    const { connection } = client;
    const asked = { namespace: "/", room, position: asking.at, dialect: dialectName, client: connection };
    this.#context.recovery.resume([asked], ([answer]) => {
      if (answer) this.#arrive(client, asking, answer);
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
    const { isOpenRoom, limits } = this.#context;
    if (!this.#isIn(client, room)) return "not_in_room";
    if (!isOpenRoom(room)) return "publish_forbidden";
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
