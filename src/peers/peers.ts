// The Peers port: gateways on one bus ask each other. peers/ implements it. What is asked and answered comes from outside: any
// client of the server may publish there, so each topic checks the shape of both.

/** What JSON can say. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** In the place of an answer: the question has a form that this gateway does not know. */
export const unreadable = Symbol("unreadable");

export interface PeerAnswers {
  /** By the name of the gateway, this one included. */
  readonly answers: ReadonlyMap<string, unknown>;
  /** Gateways that are known and gave no answer: too late, gone, or not able to. */
  readonly silent: readonly string[];
}

export interface AskedOne {
  readonly topic: string;
  readonly question: Json;
  /** @default 1_000 */
  readonly deadlineMs?: number;
}

export type PeerReply = (
  question: unknown,
  from: string,
) => Json | typeof unreadable | Promise<Json | typeof unreadable>;

export interface Peers {
  /** The name of this gateway, as answers have it: its host and a random part. */
  readonly self: string;
  /** The other gateways that are known now. */
  readonly others: readonly string[];
  /**
   * Asks every gateway of the bus, this one included. Resolves when all that are known have answered, or at the deadline;
   * never rejects. Where the bus is away or refuses, this gateway alone answers.
   * @param deadlineMs @default 1_000
   */
  ask(topic: string, question: Json, deadlineMs?: number): Promise<PeerAnswers>;
  /** Asks one gateway. @returns undefined when it gave no answer in time; never rejects. */
  askOne(gateway: string, asked: AskedOne): Promise<unknown>;
  /**
   * What this gateway answers; one reply for each topic. A reply that throws is no answer, and is reported; `unreadable` is none
   * either, and is counted: any client of the server may ask.
   * @param reply the question is to be checked; `from` is the name that the asking gateway gives itself.
   */
  answer(topic: string, reply: PeerReply): void;
}
