// What makes a plain client one of ws4redis: it hears what was persisted before what is live (W4R-04), what it says is
// published and kept (W4R-05), it is not told its own last words (W4R-08), and the heartbeat is a text (W4R-09).

import type { BrowserContext } from "../../core/dialect.ts";
import type { DisconnectReason } from "../../core/disconnect.ts";
import { GatewayError } from "../../core/errors.ts";
import type { RawConnection, RawConnectionParts } from "../raw/raw-connection.ts";
import { rawFrame } from "../../codec/raw-publication.ts";
import type { Frame } from "../../core/carrier.ts";
import type { KeptMessages } from "./kept-messages.ts";
import type { LegacyNames } from "./legacy-names.ts";
import type { Speakers } from "./messages.ts";
import { dialectName, saidRoom } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";
import type { Recheck } from "./recheck.ts";
import type { Rights } from "./rights.ts";

/** "At least every 4 s" (W4R-09), on a clock that comes four times a second. */
const heartbeatMs = 3_600;

/** What the visitors of one gateway share. */
export interface House {
  readonly context: BrowserContext;
  readonly options: Ws4redisOptions;
  readonly legacyNames: LegacyNames;
  readonly keptMessages: KeptMessages;
  readonly speakers: Speakers;
}

export interface VisitorParts {
  readonly rights: Rights;
  /** It hears its own words, too. */
  readonly hearsItself: boolean;
  readonly protocol: string | undefined;
  /** When its identity ends, by the monotonic clock, ms; infinity: never. */
  readonly expiresAt: number;
  /** Asks again who it is; undefined: never. */
  readonly recheck: Recheck | undefined;
  /** Why it is closed as soon as it is open; undefined: it may stay. */
  readonly farewell: DisconnectReason | undefined;
  readonly release: () => void;
}

const none: readonly string[] = [];

/** What it keeps is most of what an idle page costs: all that only its coming needs is let go. */
export class Visitor implements RawConnectionParts {
  readonly release: () => void;
  readonly protocol?: string;
  readonly #house: House;
  readonly #hearsItself: boolean;
  /** What it says goes to these names. */
  readonly #speaksTo: readonly string[];
  readonly #expiresAt: number;
  readonly #recheck: Recheck | undefined;
  /** Until it asked for what it hears first. */
  #coming: Pick<VisitorParts, "rights" | "farewell"> | undefined;
  /** Names of 0.1 and 0.2 that were asked for, and are to be left. */
  #wanted = none;
  #said: string | undefined;
  #nextHeartbeat: number;

  constructor(house: House, parts: VisitorParts) {
    const { rights, hearsItself, expiresAt, recheck, farewell } = parts;
    this.release = parts.release;
    this.#house = house;
    this.#hearsItself = hearsItself;
    this.#speaksTo = rights.said.length === 0 ? none : rights.said;
    this.#expiresAt = expiresAt;
    this.#recheck = recheck;
    this.#coming = { rights, farewell };
    this.#nextHeartbeat = house.context.now() + heartbeatMs;
    if (parts.protocol !== undefined) this.protocol = parts.protocol;
  }

  get rooms(): readonly string[] {
    return this.#coming?.rights.rooms ?? none;
  }

  opened(client: RawConnection): void {
    if (this.#coming?.farewell !== undefined) client.close(this.#coming.farewell);
  }

  /** Subscribed first, asked then: what is published meanwhile may come twice, and is never lost. */
  async first(): Promise<readonly Frame[]> {
    const { legacyNames, keptMessages } = this.#house;
    const { legacy, kept } = this.#coming?.rights ?? { legacy: none, kept: none };
    this.#coming = undefined;
    if (legacy.length > 0) {
      this.#wanted = legacy;
      await Promise.all(legacy.map(async (name) => legacyNames.want(name)));
    }
    const values = await keptMessages.read(kept);
    return values.flatMap((value) => (value && this.#isSent(value) ? [rawFrame(value)] : []));
  }

  heard(client: RawConnection, frame: Frame): void {
    const { heartbeat } = this.#house.options;
    this.#forget(client);
    if (frame.length === 0) return;
    if (heartbeat !== undefined && Buffer.from(heartbeat).equals(Buffer.from(frame))) {
      this.#beat(client, heartbeat);
      return;
    }
    if (!this.#hearsItself) this.#remember(client, frame);
    for (const name of this.#speaksTo) void this.#say(name, frame);
  }

  ticked(client: RawConnection, now: number): void {
    const { heartbeat } = this.#house.options;
    this.#recheck?.tick(now, () => {
      client.close("expired");
    });
    if (now >= this.#expiresAt) client.close("expired");
    else if (heartbeat !== undefined && now >= this.#nextHeartbeat) this.#beat(client, heartbeat);
  }

  gone(): void {
    if (this.#said !== undefined) this.#house.speakers.count--;
    for (const name of this.#wanted) this.#house.legacyNames.leave(name);
  }

  /** Bounded as what is published (SEC-06). */
  #isSent({ length }: Buffer): boolean {
    const { limits, observe } = this.#house.context;
    if (length > limits.busMessageBytes) observe.skipped(dialectName, "too_large");
    return length > 0 && length <= limits.busMessageBytes;
  }

  #beat(client: RawConnection, heartbeat: string): void {
    this.#nextHeartbeat = this.#house.context.now() + heartbeatMs;
    client.send(heartbeat);
  }

  #remember(client: RawConnection, frame: Frame): void {
    if (!client.connection) return;
    this.#said = saidRoom(frame);
    this.#house.speakers.count++;
    this.#house.context.hub.join(client.connection, this.#said);
  }

  #forget(client: RawConnection): void {
    if (this.#said === undefined || !client.connection) return;
    this.#house.context.hub.leave(client.connection, this.#said);
    this.#said = undefined;
    this.#house.speakers.count--;
  }

  /** What Redis does not take at once is lost, and counted: it is never sent late. */
  async #say(name: string, frame: Frame): Promise<void> {
    const { context, options } = this.#house;
    try {
      await context.voice.say(name, frame, options.expire);
    } catch (error) {
      if (error instanceof GatewayError) context.observe.refused(dialectName, error.code);
      else context.observe.report("facility_publish", error);
    }
  }
}
