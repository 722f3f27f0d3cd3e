// The section `webhooks` of the config: where events of rooms are sent, which ones, and how they are signed (docs/webhooks.md).

import { z } from "zod";
import { roomEventTypes } from "../brokers/room-event.ts";
import { outboundProblem, outboundUrl, privateRanges, signingSecret } from "../outbound/options.ts";

export const webhooksOptions = z
  .strictObject({
    urls: z
      .array(outboundUrl)
      .max(16)
      .default([])
      .describe("URLs that are told what happens in rooms, each by POST ([webhooks.md](webhooks.md))"),
    secrets: z
      .array(signingSecret)
      .max(10)
      .default([])
      .describe(
        "Secrets that sign the requests, each `whsec_` and base64; a request has a signature by each",
      ),
    events: z
      .array(z.enum(roomEventTypes))
      .min(1)
      .default([...roomEventTypes])
      .describe("The events that are sent"),
    rooms: z
      .array(z.string().min(1).max(256))
      .min(1)
      .max(1_000)
      .default(["*"])
      .describe("Globs of the rooms of which events are sent"),
    allowPrivate: privateRanges,
    retry: z
      .number()
      .min(1)
      .max(86_400)
      .default(300)
      .describe("Seconds after which an event that a URL does not take is a dead letter"),
    backlog: z
      .number()
      .int()
      .min(100)
      .max(10_000_000)
      .default(100_000)
      .describe("Events that may wait for one URL: with more, the oldest become dead letters"),
  })
  .describe("Webhooks: what happens in rooms, told to your application");

export type WebhooksOptions = z.output<typeof webhooksOptions>;

export interface WebhooksProblem {
  readonly path: PropertyKey[];
  readonly message: string;
}

/** What is wrong between the values, each of them being right. */
export function webhooksProblems({
  urls,
  secrets,
  allowPrivate,
}: WebhooksOptions): readonly WebhooksProblem[] {
  const places = urls.flatMap((url, index) => {
    const message = outboundProblem(url, allowPrivate);
    return message === undefined ? [] : [{ path: ["urls", index], message }];
  });
  const twice = urls.findIndex((url, index) => urls.indexOf(url) < index);
  return [
    ...places,
    ...(twice === -1 ? [] : [{ path: ["urls", twice], message: "Expected each URL once, got it again" }]),
    ...(urls.length > 0 && secrets.length === 0
      ? [
          {
            path: ["secrets"],
            message:
              "Expected one secret or more where `urls` has any: a request without a signature proves nothing",
          },
        ]
      : []),
  ];
}
