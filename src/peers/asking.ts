// Questions to all gateways of the bus (peers.ts), each with a schema: an answer says which gateways it comes from, and which were
// silent. What gateways say to each other passes a bus where others may publish too, so it is checked on both ends.

import { z } from "zod";
import type { Json, Peers } from "./peers.ts";
import { unreadable } from "./peers.ts";

/** Members of every answer that comes from all gateways. */
export const gatewayFields = {
  answered: z.array(z.string()).describe("The gateways that this comes from"),
  silent: z
    .array(z.string())
    .describe("Gateways that gave no answer within a second: what they know is missing here"),
};

/**
 * A question that gateways ask each other. They may be of two versions: a question with more than is known here has no answer, and
 * an answer is taken without what is not known here.
 */
export interface Question<Asked extends z.ZodType, Answered extends z.ZodType> {
  readonly topic: string;
  readonly asked: Asked;
  readonly answered: Answered;
}

export interface Told<Answered> {
  /** By gateway. */
  readonly answers: ReadonlyMap<string, Answered>;
  readonly gateways: { readonly answered: readonly string[]; readonly silent: readonly string[] };
}

/** Asks all gateways, this one too. An answer of another form counts as none. */
export async function askAll<Asked extends z.ZodType, Answered extends z.ZodType>(
  peers: Pick<Peers, "ask">,
  { topic, answered }: Question<Asked, Answered>,
  asked: z.input<Asked>,
): Promise<Told<z.output<Answered>>> {
  const told = await peers.ask(topic, asked as Json);
  const answers = new Map<string, z.output<Answered>>();
  const silent = [...told.silent];
  for (const [gateway, answer] of told.answers) {
    const read = answered.safeParse(answer);
    if (read.success) answers.set(gateway, read.data);
    else silent.push(gateway);
  }
  return { answers, gateways: { answered: [...answers.keys()].sort(), silent: silent.sort() } };
}

/** Asks one gateway. @returns undefined when it gave no answer in time, or one of another form. */
export async function askOne<Asked extends z.ZodType, Answered extends z.ZodType>(
  peers: Pick<Peers, "askOne">,
  gateway: string,
  { topic, answered, about }: Question<Asked, Answered> & { readonly about: z.input<Asked> },
): Promise<z.output<Answered> | undefined> {
  const answer = await peers.askOne(gateway, { topic, question: about as Json });
  const read = answered.safeParse(answer);
  return read.success ? read.data : undefined;
}

/** Answers it here. A question of another form has no answer, and is counted. */
export function answerTo<Asked extends z.ZodType, Answered extends z.ZodType>(
  peers: Pick<Peers, "answer">,
  { topic, asked }: Question<Asked, Answered>,
  reply: (asked: z.output<Asked>) => z.input<Answered> | Promise<z.input<Answered>>,
): void {
  peers.answer(topic, (question) => {
    const read = asked.safeParse(question);
    // What the schema describes is JSON.
    return read.success ? (reply(read.data) as Json | Promise<Json>) : unreadable;
  });
}

/** Of what only listens, and asks nothing. */
export const noPeers: Pick<Peers, "ask" | "answer"> = {
  ask: async () => ({ answers: new Map(), silent: [] }),
  answer: () => undefined,
};
