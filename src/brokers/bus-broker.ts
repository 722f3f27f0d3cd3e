// The Broker port over any bus: one channel on which gateways send each other publications. A publication comes back to
// its own gateway on the same way as to the others, so all of them deliver in one order. What goes to a room with a log is
// said there by the log (log.ts), in the same step in which it is stored.

import type {
  Broker,
  HistoryPage,
  HistoryQuery,
  HistoryRefusal,
  PublishOptions,
  QueueRef,
  Receipt,
} from "../core/broker.ts";
import type { Bus, BusMessage } from "../core/bus.ts";
import { textCanary } from "../codec/canary.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import type { Log } from "./log.ts";
import type { Meaning, Publication, RoomName } from "../core/publication.ts";
import type { Observe } from "../core/observe.ts";
import type { Queue } from "./queue.ts";
import { contentBytes } from "../core/publication.ts";
import type { HistoryRule, RoomRules } from "../vocabulary/room-rules.ts";
import { Echoes } from "./echoes.ts";
import type { Awaiting, Sent } from "./echoes.ts";
import { decodeEnvelope, encodeEnvelope } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import { readHistory } from "./history.ts";

/** What a log puts in front of it, bytes: fewer than these. */
const positionBytes = 128;
/** No other program's channel begins like this. */
export const brokerChannel = "belfry-broker";

export interface BusBrokerParts {
  readonly bus: Bus;
  readonly log: Log;
  /** Where the entries come from that publications are of. */
  readonly queue?: Queue;
  readonly rules: RoomRules;
  /** What gateways take from the bus. */
  readonly limits: { readonly busMessageBytes: number };
  readonly observe: Observe;
}

type Deliver = Parameters<Broker["open"]>[0];

/** A room that keeps what is said there. */
interface LoggedRoom {
  readonly room: string;
  readonly history: HistoryRule;
}

export class BusBroker implements Broker {
  readonly #parts: BusBrokerParts;
  /** By the id of the envelope. */
  readonly #echoes = new Echoes(() => performance.now());
  #isOpen = false;

  constructor(parts: BusBrokerParts) {
    this.#parts = parts;
  }

  async open(deliver: Deliver): Promise<void> {
    const canary = textCanary(brokerChannel, "belfry canary");
    await this.#parts.bus.subscribe({ kind: "exact", name: brokerChannel, canary }, (message) => {
      this.#received(message, deliver);
    });
    this.#isOpen = true;
  }

  /** Hands on the promise of the step that waits: one of its own would cost each publication memory. */
  publish(publication: Publication, options: PublishOptions = {}): Promise<Receipt> {
    const logged = this.#loggedRooms(publication);
    const { rooms = [] } = publication;
    const isOrdered = options.key !== undefined || options.version !== undefined;
    if (isOrdered && (logged.length === 0 || logged.length < rooms.length)) {
      const expected = "Expected a room with a history, because the publication has a key or a version";
      return Promise.reject(new GatewayError("history_off", expected));
    }
    const [first] = logged;
    if (first === undefined) return this.#send(publication, options.entry);
    if (rooms.length === 1) return this.#store(publication, first, options);
    return this.#storeEach(publication, logged, options);
  }

  /** Each log numbers its own: a publication to several rooms is one in each of them. */
  async #storeEach(
    publication: Publication,
    logged: readonly LoggedRoom[],
    options: PublishOptions,
  ): Promise<Receipt> {
    const kept = new Map(logged.map((one) => [one.room, one]));
    const outcomes = [...kept].map(
      async ([room, one]) =>
        [room, await this.#store({ ...publication, rooms: [room] }, one, options).catch(refusalOf)] as const,
    );
    const rest = publication.rooms?.filter((room) => !kept.has(room)) ?? [];
    const sent = rest.length === 0 ? [] : [this.#send({ ...publication, rooms: rest })];
    const [stored, others] = await Promise.all([Promise.all(outcomes), Promise.all(sent)]);
    const receipts = [...others];
    for (const [, one] of stored) if (!(one instanceof GatewayError)) receipts.push(one);
    const [first] = stored;
    if (receipts.length === 0 && first?.[1] instanceof GatewayError) throw first[1];
    return { delivered: sumOf(receipts), rooms: new Map(stored) };
  }

  async history({ namespace, room }: RoomName, query: HistoryQuery): Promise<HistoryPage | HistoryRefusal> {
    const { log, rules } = this.#parts;
    const { history } = rules.ruleOf(room, namespace);
    return history ? readHistory(log, { namespace, room }, { ...query, history }) : "no_history";
  }

  /** Those that keep it: what may be dropped is not kept, nor what goes to a tree or to everyone. */
  #loggedRooms({ namespace, rooms = [], isTree, volatile }: Publication): readonly LoggedRoom[] {
    const { rules } = this.#parts;
    if (!rules.hasHistory || isTree === true || volatile) return [];
    const logged: LoggedRoom[] = [];
    for (const room of rooms) {
      const { history } = rules.ruleOf(room, namespace);
      if (history) logged.push({ room, history });
    }
    return logged;
  }

  async #send(publication: Publication, entry?: QueueRef): Promise<Receipt> {
    const { sent, echo } = this.#prepare(publication);
    try {
      if (!(await this.#say(sent, entry))) {
        this.#echoes.settle(sent.id, 0);
        return { delivered: 0, isRepeated: true };
      }
    } catch (error) {
      this.#echoes.settle(sent.id, undefined);
      throw error;
    }
    return { delivered: await echo };
  }

  /** @returns false when the entry was said before. */
  async #say(sent: Sent, entry: QueueRef | undefined): Promise<boolean> {
    const { bus, queue } = this.#parts;
    if (entry && queue)
      return queue.say(entry, { channel: brokerChannel, payload: this.#bounded(write(sent)) });
    // Where what it means is handed on, it is written late or never: its receivers judge that.
    const isLate = bus.carriesMeaning === true;
    const text = () => (isLate ? write(sent) : this.#bounded(write(sent)));
    await bus.publish(brokerChannel, text, meaningOf(sent));
    return true;
  }

  async #store(
    publication: Publication,
    { room, history }: LoggedRoom,
    { entry, version, key }: PublishOptions,
  ): Promise<Receipt> {
    const { log } = this.#parts;
    const { sent, echo } = this.#prepare(publication);
    const name = { namespace: publication.namespace, room };
    try {
      const body = this.#bounded(write(sent));
      const stands = { name, history, body, channel: brokerChannel, key, version };
      const appended =
        entry && log.appendQueued ? await log.appendQueued(entry, stands) : await log.append(stands);
      if (appended === "gone") {
        this.#echoes.settle(sent.id, 0);
        return { delivered: 0, isRepeated: true };
      }
      if (appended.kind === "outdated") {
        const text = `Expected a version above ${appended.version}, which stands there, got ${version}`;
        throw new GatewayError("version_outdated", text);
      }
      const { kind, at: stored } = appended;
      if (kind === "stored") return { delivered: await echo, stored };
      this.#echoes.settle(sent.id, 0);
      return { delivered: 0, stored, isRepeated: true };
    } catch (error) {
      this.#echoes.settle(sent.id, undefined);
      throw error;
    }
  }

  /** Every gateway would drop a larger one. @returns the text */
  #bounded(text: string): string {
    const { busMessageBytes } = this.#parts.limits;
    const bytes = 3 * text.length > busMessageBytes - positionBytes ? Buffer.byteLength(text) : 0;
    if (bytes <= busMessageBytes - positionBytes) return text;
    const expected = `at most ${busMessageBytes} bytes between gateways (limits.busMessageBytes)`;
    throw new GatewayError("body_too_large", `Expected a publication to be ${expected}, got ${bytes}`);
  }

  #received(message: BusMessage, deliver: Deliver): void {
    const envelope = this.#read(message);
    if (typeof envelope === "string") this.#parts.observe.skipped("broker", envelope);
    else this.#echoes.settle(envelope.id, deliver(envelope.publication, { at: envelope.at, message }));
  }

  /** The bytes are left alone where it is known what they say: they may not be written yet. */
  #read({ meaning, payload }: BusMessage): ReturnType<typeof decodeEnvelope> {
    if (meaning?.dialect === ownName && meaning.id !== undefined)
      return { id: meaning.id, publication: meaning.publication };
    const text = payload.toString();
    return this.#echoes.recognise(text) ?? decodeEnvelope(text);
  }

  /** An envelope with a number, and what tells that it came back. */
  #prepare(publication: Publication): Awaiting {
    if (this.#isOpen) return this.#echoes.wait(publication);
    return { sent: { id: crypto.randomUUID(), publication }, echo: Promise.resolve(undefined) };
  }
}

/** No dialect is called so. */
const ownName = "broker";

function write(sent: Sent): string {
  const text = encodeEnvelope(sent);
  // An acknowledgement is not carried: that publication is not the one which comes back.
  if (!sent.publication.onAck) sent.text = text;
  return text;
}

/** An acknowledgement is not carried: who wants one needs the envelope. */
function meaningOf({ id, publication }: Envelope): Meaning | undefined {
  if (publication.onAck) return undefined;
  return { dialect: ownName, publication, bytes: contentBytes(publication), id };
}

/** A refusal of one room's log, which leaves the other rooms be. Where nothing is known of it, all is in doubt: that is thrown. */
function refusalOf(error: unknown): GatewayError {
  if (error instanceof GatewayError && error.code !== "bus_unavailable") return error;
  throw error;
}

function sumOf(receipts: readonly Receipt[]): number | undefined {
  let sum = 0;
  for (const { delivered } of receipts) {
    if (delivered === undefined) return undefined;
    sum += delivered;
  }
  return sum;
}
