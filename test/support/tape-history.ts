// A model of gateways on one Redis, and of clients that move between them, to hold the tape against: a list of all that
// was said, in the one order that Redis gives, and for each client how far of it is accounted for. What the tapes answer
// is compared with the list; nothing here looks into a tape.

import type { BusMessage } from "../../src/core/bus.ts";
import type { LineObserver } from "../../src/brokers/marker.ts";
import { createSource, formatMarker } from "../../src/brokers/marker.ts";
import type { Publication } from "../../src/core/publication.ts";
import type { Answer, Asked } from "../../src/recovery/recovery.ts";
import type { Position } from "../../src/core/position.ts";
import type { TapeRecovery } from "../../src/recovery/tape-recovery.ts";
import { offerOf } from "../../src/recovery/tape-join.ts";
import type { TapeSource } from "../../src/recovery/tape.ts";
import type { Line } from "../../src/brokers/redis/line.ts";

/** What is held against the model: the real classes, or changed ones. */
export interface Subject {
  readonly TapeRecovery: typeof TapeRecovery;
  readonly Line: typeof Line;
}

/** How often a tape was joined so far, in all histories: a model without would prove nothing. */
export const takenOver = { count: 0 };

interface Item {
  readonly publication?: Publication;
  /** The token of a marker. */
  readonly token?: string;
}

interface Client {
  readonly room: string | undefined;
  readonly dialect: string;
  gateway: Gateway | undefined;
  position: Position | undefined;
  /** Everything before this place of the list is accounted for by the position. */
  stood: number;
  isWaiting: boolean;
}

const maxAgeMs = 120_000;
const waitMs = 2_000;
const filters = [["exact a"], ["exact a", "pattern *"]];
const rooms = [["a"], ["b"], ["a", "b"], ["a", "a"], [], undefined];
const dialects = ["x", "y"];

/** One gateway: how far it heard the list, through a line of its own filters. */
class Gateway {
  readonly recovery: TapeRecovery;
  readonly line: Line;
  readonly source = createSource();
  readonly heard: { readonly index: number; readonly time: number }[] = [];
  markers = 0;
  next = 0;
  isConnected = false;
  /** Where it was connected lately. */
  since = 0;
  hasMarker = false;
  /** It keeps what another one heard, too. */
  hasTaken = false;
  /** Cut, and no marker since. */
  isCut = false;
  /** And no publication since. */
  isSilent = false;
  owedGaps = 0;
  gaps = 0;

  constructor({ TapeRecovery, Line }: Subject, maxBytes: number, now: () => number) {
    // Blocks so small that messages span them.
    this.recovery = new TapeRecovery({ maxAgeMs, maxBytes, now, blockBytes: 1_024 });
    const observer: LineObserver = {
      step: () => {
        this.recovery.step();
      },
      mark: (token) => {
        this.recovery.mark(token);
      },
      cut: () => {
        this.recovery.cut();
      },
    };
    this.line = new Line(observer);
    this.recovery.onGap(() => {
      this.gaps++;
    });
  }
}

/** Plays one history: each number is a step. Throws where an answer is not what the list says. */
export function playHistory(subject: Subject, steps: readonly number[]): void {
  const [first = 0, ...others] = steps;
  const history = new History(subject, first % 3 === 0 ? 6_000 : 1e9);
  for (const step of others) history.play(step);
  history.end();
}

class History {
  #now = 0;
  readonly #items: Item[] = [];
  readonly #positions = new Map<string, Position>();
  readonly #gateways: readonly Gateway[];
  readonly #clients: readonly Client[];
  readonly #maxBytes: number;
  /** Who understands the messages: each says its place in the list, and some a channel that belongs to it. */
  readonly #sources: readonly TapeSource[] = (["exact", "pattern"] as const).map((kind) => ({
    filter: { kind, name: kind },
    decode: (message) => this.#read(message, kind),
  }));

  constructor(subject: Subject, maxBytes: number) {
    this.#maxBytes = maxBytes;
    const now = (): number => this.#now;
    this.#gateways = [0, 0, 1].map((set) => {
      const gateway = new Gateway(subject, maxBytes, now);
      gateway.line.rename(filters[set] ?? []);
      return gateway;
    });
    this.#clients = ["a", "b", "a", undefined].map((room, index) => ({
      room,
      dialect: dialects[index % 2] ?? "",
      gateway: undefined,
      position: undefined,
      stood: 0,
      isWaiting: false,
    }));
    for (const gateway of this.#gateways) this.#connect(gateway);
    for (const gateway of this.#gateways) this.#say({ token: this.#token(gateway) });
    for (const gateway of this.#gateways) this.#hear(gateway, 100);
  }

  play(step: number): void {
    const kind = step % 16;
    const rest = step >> 4;
    // Two of the three most of the time: the third has other filters.
    const gateway = this.#gateways[[0, 1, 0, 1, 0, 1, 2][rest % 7] ?? 0];
    const client = this.#clients[(rest >> 3) % 4];
    if (!gateway || !client) return;
    if (kind < 5) this.#say({ publication: publicationOf(rest) });
    else if (kind === 5) this.#say({});
    else if (kind === 6) this.#say({ token: this.#token(gateway) });
    else if (kind < 10) this.#hear(gateway, (rest >> 5) % 8);
    else if (kind < 13) this.#move(client, gateway);
    else if (kind === 13) this.#heartbeat(client);
    else if (kind === 14) this.#fault(gateway, rest >> 3);
    else if (rest % 2 === 0) this.#handOver(gateway, rest >> 3);
    else this.#wait([10, 700, 2_100, 50_000][(rest >> 3) % 4] ?? 0);
  }

  /** In the end all hear everything, and whoever waits is answered. */
  end(): void {
    for (const gateway of this.#gateways) this.#hear(gateway, this.#items.length);
    this.#wait(waitMs);
    if (this.#clients.some(({ isWaiting }) => isWaiting)) throw new Error("Expected an answer within 2 s");
    for (const client of this.#clients) {
      const home = client.gateway ?? this.#gateways[0];
      if (!home) continue;
      client.gateway = undefined;
      this.#move(client, home);
    }
  }

  #say(item: Item): void {
    this.#items.push(item);
  }

  #token({ source, line, markers }: Gateway): string {
    const token = formatMarker({ source, line: line.name, number: markers + 1 });
    for (const gateway of this.#gateways) if (gateway.source === source) gateway.markers++;
    return token;
  }

  #hear(gateway: Gateway, count: number): void {
    if (!gateway.isConnected) return;
    const end = Math.min(this.#items.length, gateway.next + count);
    while (gateway.next < end) this.#hearNext(gateway);
    this.#look(gateway);
  }

  #hearNext(gateway: Gateway): void {
    const index = gateway.next++;
    const { publication, token } = this.#items[index] ?? {};
    const { line, recovery } = gateway;
    line.step();
    // It comes through the pattern, too.
    if (line.name === this.#gateways[2]?.line.name) line.step();
    if (token !== undefined) {
      line.mark(token);
      if (token.slice(24, 32) === line.name) this.#heardMarker(gateway);
    }
    if (!publication) return;
    gateway.heard.push({ index, time: this.#now });
    if (gateway.isCut && gateway.isSilent) gateway.owedGaps++;
    gateway.isSilent = false;
    const at = recovery.record(publication, this.#sourceOf(index), messageOf(index));
    checkGaps(gateway);
    if ((at !== undefined) !== gateway.hasMarker) throw new Error(`Expected a position, got ${at}`);
    if (at === undefined) return;
    this.#checkSame(`${line.name} ${index}`, at);
    for (const client of this.#clients) {
      if (client.gateway !== gateway || client.isWaiting || !isFor(client, publication)) continue;
      client.position = at;
      client.stood = gateway.next;
    }
  }

  #sourceOf(index: number): TapeSource {
    const source = this.#sources[index % this.#sources.length];
    if (!source) throw new Error("Expected a source");
    return source;
  }

  #read({ channel, payload }: BusMessage, kind: "exact" | "pattern"): Publication {
    const index = Number.parseInt(payload.toString(), 10);
    const { publication } = this.#items[index] ?? {};
    const isSame = channel === (kind === "exact" ? kind : `c${index}`);
    if (!publication || !isSame || !messageOf(index).payload.equals(payload))
      throw new Error(`Expected message ${index} as it came`);
    return publication;
  }

  #heardMarker(gateway: Gateway): void {
    gateway.hasMarker = true;
    if (gateway.isCut) gateway.owedGaps++;
    gateway.isCut = false;
    checkGaps(gateway);
  }

  #checkSame(what: string, at: Position): void {
    const known = this.#positions.get(what);
    if (known !== undefined && known !== at) throw new Error(`Expected ${known} everywhere, got ${at}`);
    this.#positions.set(what, at);
  }

  #heartbeat(client: Client): void {
    const { gateway } = client;
    if (!gateway || client.isWaiting) return;
    const at = gateway.recovery.here();
    if (at === undefined) return;
    client.position = at;
    client.stood = gateway.next;
  }

  #fault(gateway: Gateway, rest: number): void {
    if (rest % 3 === 0) this.#wait(10);
    else if (gateway.isConnected) {
      gateway.isConnected = false;
      gateway.line.cut();
      gateway.isCut ||= gateway.hasMarker;
      gateway.isSilent = true;
      gateway.hasMarker = false;
    } else this.#connect(gateway);
  }

  /** A gateway takes over what others kept, message by message: often one that just came back. */
  #handOver(gateway: Gateway, rest: number): void {
    const { recovery } = gateway;
    if (rest % 2 === 0) {
      if (!gateway.isConnected) this.#connect(gateway);
      this.#say({ token: this.#token(gateway) });
      for (const one of this.#gateways) this.#hear(one, this.#items.length);
      for (let count = rest % 5; count > 0; count--) this.#say({ publication: publicationOf(count) });
      this.#hear(gateway, rest % 7);
    }
    for (const { recovery: other } of this.#gateways) {
      const { tape } = other;
      const offer = offerOf(tape, recovery.tape.latestMarkers(4));
      if (other === recovery || !offer) continue;
      const join = recovery.join(offer);
      const items = [...tape.items(offer.from, offer.serial)];
      if (!items.every((item) => join.add(item))) continue;
      // Some of what came meanwhile is joined at once, and more comes.
      join.follow(rest % 3);
      this.#hear(gateway, rest % 2);
      if (!recovery.take(join)) continue;
      gateway.hasTaken = true;
      takenOver.count++;
    }
  }

  #connect(gateway: Gateway): void {
    gateway.isConnected = true;
    gateway.next = this.#items.length;
    gateway.since = gateway.next;
    gateway.line.join();
  }

  #wait(ms: number): void {
    this.#now += ms;
    for (const gateway of this.#gateways) this.#look(gateway);
  }

  #look({ recovery }: Gateway): void {
    recovery.tick();
  }

  /** Leaves where it is, or comes to a gateway with what it knows. */
  #move(client: Client, gateway: Gateway): void {
    if (client.isWaiting) return;
    if (client.gateway) {
      client.gateway = undefined;
      return;
    }
    const { room, dialect, position } = client;
    const asked = { namespace: "/", room, dialect, position };
    const askedAt = this.#now;
    client.isWaiting = true;
    gateway.recovery.resume([asked], ([answer]) => {
      client.isWaiting = false;
      if (answer) this.#enter({ client, gateway, asked, askedAt }, answer);
    });
  }

  #enter({ client, gateway, asked, askedAt }: Coming, { verdict, at }: Answer): void {
    if ((verdict === undefined) !== (asked.position === undefined)) throw new Error("Expected a verdict");
    if (verdict?.recovered === true) this.#checkMissed(client, gateway, verdict.missed);
    else if (verdict && asked.position !== undefined)
      this.#checkLoss(
        { client, gateway, asked, askedAt },
        { reason: verdict.reason, position: asked.position },
      );
    client.gateway = gateway;
    client.position = at;
    client.stood = gateway.next;
  }

  /** Never too good: it is what the list says, each once, in order. */
  #checkMissed(client: Client, gateway: Gateway, missed: readonly Kept[]): void {
    const expected: string[] = [];
    for (let index = client.stood; index < gateway.next; index++) {
      const { publication } = this.#items[index] ?? {};
      if (!publication || publication.volatile || !isFor(client, publication)) continue;
      expected.push(`${index}=${this.#positions.get(`${gateway.line.name} ${index}`)}`);
    }
    const got = missed.map(({ publication, at }) => `${this.#indexOf(publication)}=${at}`);
    if (client.stood > gateway.next) throw new Error("Expected no answer before the gateway got there");
    if (got.join() !== expected.join()) throw new Error(`Expected ${expected.join()}, got ${got.join()}`);
  }

  /** Never too bad: there was an outage, or so much was said or so long ago, or the gateway never got there. */
  #checkLoss({ client, gateway, askedAt }: Coming, { reason, position }: Loss): void {
    const token = position.split(".")[0] ?? "";
    const marker = this.#items.findIndex((item) => item.token === token);
    const isOfLine = token.slice(24, 32) === gateway.line.name;
    if (gateway.hasMarker && isOfLine === (reason === "epoch"))
      throw new Error(`Expected epoch for another line alone, got ${reason}`);
    if (!isOfLine || !gateway.hasMarker || marker < gateway.since) return;
    if (client.stood > gateway.next && this.#now >= askedAt + waitMs) return;
    const since = gateway.heard.filter(({ index }) => index >= client.stood);
    const ofRoom = since.filter(({ index }) => isFor({ room: client.room }, this.#items[index]?.publication));
    if (ofRoom.some(({ time }) => time < this.#now - maxAgeMs)) return;
    const kept = gateway.hasTaken ? this.#items.length : since.length;
    if (ofRoom.length > 0 && kept * 900 > this.#maxBytes) return;
    throw new Error(`Expected ${position} to be recovered, got ${reason}`);
  }

  #indexOf(publication: Publication): number {
    return this.#items.findIndex((item) => item.publication === publication);
  }
}

type Kept = { readonly publication: Publication; readonly at: Position };

interface Coming {
  readonly client: Client;
  readonly gateway: Gateway;
  readonly asked: Asked;
  readonly askedAt: number;
}

interface Loss {
  readonly reason: string;
  readonly position: Position;
}

/** After an outage: in front of the first publication, and at the marker. */
function checkGaps({ gaps, owedGaps }: Gateway): void {
  if (gaps !== owedGaps) throw new Error(`Expected ${owedGaps} gaps, got ${gaps}`);
}

const messages: BusMessage[] = [];

/** Always the same one. */
function messageOf(index: number): BusMessage {
  return (messages[index] ??= {
    channel: `c${index}`,
    payload: Buffer.from(`${index}${"x".repeat((37 * index) % 300)}`),
  });
}

function publicationOf(rest: number): Publication {
  return {
    kind: "publication",
    namespace: "/",
    rooms: rooms[rest % rooms.length],
    except: [],
    skip: [],
    event: "update",
    args: [],
    attachments: [],
    volatile: rest % 11 === 0,
    ...[{}, {}, {}, { only: "x" }, { not: "x" }][(rest >> 3) % 5],
  };
}

/** Is it said in the client's room, to its dialect? */
function isFor({ room, dialect }: Partial<Client>, publication: Publication | undefined): boolean {
  if (!publication) return false;
  const { rooms, only, not } = publication;
  const isOfRoom = room === undefined ? rooms === undefined : rooms?.includes(room) === true;
  if (dialect === undefined) return isOfRoom;
  return isOfRoom && (only === undefined || only === dialect) && not !== dialect;
}
