// The config of the connect hook: the application is asked who a client is, by what the client shows.

import { z } from "zod";
import { outboundUrl, privateRanges, signingSecret } from "../../outbound/options.ts";

export const hookOptions = z
  .strictObject({
    url: outboundUrl.describe("Asked by POST who shows a token, or the cookie"),
    secrets: z
      .array(signingSecret)
      .min(1)
      .max(10)
      .describe(
        "Secrets that sign the requests, each `whsec_` and base64; a request has a signature by each",
      ),
    cookie: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe("Cookie that says who a client is, as that of a session does; it is passed on"),
    timeout: z.number().positive().max(30).default(2).describe("Seconds that an answer may take"),
    allowPrivate: privateRanges,
  })
  .describe("A connect hook: your application says who a client is ([auth.md](auth.md#a-connect-hook))");

export type HookOptions = z.output<typeof hookOptions>;
