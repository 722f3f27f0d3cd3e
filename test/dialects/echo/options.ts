// The echo dialect's section of the config.

import { z } from "zod";

export const echoOptions = z
  .strictObject({
    path: z.string().default("/echo").describe("Where websockets, streams and publishes are"),
    maxMessage: z.number().int().default(65_536).describe("Largest message of a client, bytes"),
  })
  .describe("echo: JSON over websockets and event streams");

export type EchoOptions = z.infer<typeof echoOptions>;
