// The proof that one subscription lives: its canary, published every few seconds, must come back through it. Pure;
// the bus publishes and ticks.

import { createSource, formatMarker } from "../marker.ts";

/** Ticks of silence after an accepted canary that mean deaf, on a connection that carries nothing at all. */
const idleTicks = 2;
/** The same while others are heard: a canary may stand behind a burst. */
const busyTicks = 4;

export class Pulse {
  /** What its canaries carry in front of their number (brokers/marker.ts). */
  readonly source: string = createSource();
  #sent = 0;
  #isProved = false;
  #refusal: string | undefined;
  #heard = 0;
  #heardAtTick = 0;
  /** `#heard` when the last canary was accepted, if nothing came until then. */
  #owedSince = -1;
  #silentTicks = 0;

  /** The token of its next canary, on this line. */
  nextToken(line: string): string {
    return formatMarker({ source: this.source, line, number: ++this.#sent });
  }

  /** Heard its canary on the connections of now. */
  get isProved(): boolean {
    return this.#isProved;
  }

  /** Why Redis did not take its last canary. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** How much was heard; to be given to `accepted`. */
  get heard(): number {
    return this.#heard;
  }

  /** Any message came: a life sign, too. */
  hear(): void {
    this.#heard += 1;
  }

  /** Its own canary came. */
  prove(): void {
    this.#isProved = true;
    this.#refusal = undefined;
  }

  /** Redis took a canary that was sent when `heard` was so much. */
  accepted(heard: number): void {
    if (heard === this.#heard) this.#owedSince = heard;
  }

  /** Redis did not take a canary: nothing can be proved. */
  refuse(reason: string): void {
    this.#isProved = false;
    this.#refusal = reason;
  }

  /** A new connection: everything is to be proved again, and canaries of before do not count. */
  restart(): void {
    this.#isProved = false;
    this.#refusal = undefined;
    this.#heard += 1;
    this.#silentTicks = 0;
  }

  /** A second went by; whether anything was heard in it. */
  tick(): boolean {
    const isQuiet = this.#heard === this.#heardAtTick;
    this.#heardAtTick = this.#heard;
    this.#silentTicks = this.#owedSince === this.#heard ? this.#silentTicks + 1 : 0;
    return !isQuiet;
  }

  /** Whether it has been silent for too long. Counted in ticks, so a stalled event loop is not taken for it. */
  isDeaf(isConnectionIdle: boolean): boolean {
    return this.#silentTicks >= (isConnectionIdle ? idleTicks : busyTicks);
  }
}
