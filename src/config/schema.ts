// The one schema of the config. Flags, environment names, help, JSON Schema and the reference page are all derived
// from it (options.ts); each dialect brings its own section. What is wrong between sections is house-rules.ts.

import { z } from "zod";
import { identityOptions } from "../auth/django/options.ts";
import { authOptions } from "../auth/options.ts";
import { isAddressRange } from "../base/ip-address.ts";
import { checkBackplaneUrl, isLocalUrl, urlForms } from "../brokers/registry.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import type { Dialects } from "../dialects/registry.ts";
import { checkSocketPath, parseAddress, readOrigins } from "./address.ts";
import { limitsSchema } from "./limits.ts";
import { roomsSchema } from "./rooms.ts";
import { webhooksOptions } from "../webhooks/options.ts";

/** Marks a value that is never shown: `writeOnly` is JSON Schema's word for it. */
const secretText = (): z.ZodString => z.string().min(1).max(4_096).meta({ writeOnly: true });

/** Of a TCP listener that does not say otherwise. */
const defaultAddress = "127.0.0.1:8899";
/** Its owner and its group, where the proxy belongs. */
const defaultUnixMode = "660";

/** One of the two without the other. */
const missing =
  (sentence: string) =>
  ({ input }: { readonly input?: unknown }): string | undefined =>
    input === undefined ? sentence : undefined;

const listenerTlsSchema = z
  .strictObject({
    cert: z
      .string({ error: missing("Expected --tls-cert with the certificate beside --tls-key") })
      .min(1)
      .describe("File with the certificate and the chain behind it, PEM"),
    key: z
      .string({ error: missing("Expected --tls-key with the private key beside --tls-cert") })
      .min(1)
      .describe("File with the certificate's private key, PEM without a passphrase"),
  })
  .describe("TLS of the listener");

/** Where it listens. */
const placeShape = {
  address: z
    .string()
    .refine(
      (text) => parseAddress(text) !== undefined,
      "`host:port`, `[v6]:port` or `:port`, with a port up to 65535",
    )
    .optional()
    .meta({ default: defaultAddress })
    .describe("Where to listen: `host:port`, `[v6]:port` or `:port`; port 0 takes a free one"),
  unix: z
    .string()
    .superRefine(checkSocketPath)
    .optional()
    .describe(
      "Path of a unix socket to listen on instead; a program that connects to it is trusted as a proxy (SEC-15)",
    ),
  unixMode: z
    .string()
    .regex(/^[0-7]{3}$/)
    .optional()
    .meta({ default: defaultUnixMode })
    .describe("Permissions of the socket's file, octal"),
  tls: listenerTlsSchema.optional(),
};

/** What it is for, beside its dialects. */
const purposeShape = {
  api: z
    .boolean()
    .default(true)
    .describe(
      "Serve the HTTP API that rules the gateway here, for those who show the publish secret (docs/api.md); publishing over HTTP is not part of it",
    ),
};

/** Who may come there. */
const pagesShape = {
  origins: z
    .union([z.string(), z.array(z.string())])
    .transform(readOrigins)
    .optional()
    .describe(
      "Origins of the web pages that may connect, compared exactly; `*` allows every page, an empty list none." +
        " Without it, only pages of the gateway's own origin may",
    ),
  trustedProxies: z
    .array(z.string().refine(isAddressRange, "an address or a range such as 10.0.0.0/8"))
    .default([])
    .describe(
      "Addresses and ranges of the proxies that are trusted to set X-Forwarded-For, -Host and -Proto",
    ),
};

/** What a listener is, where these dialects are known. @param usual what one speaks that does not say so */
function createListenerSchema<Name extends string>(
  names: readonly [Name, ...Name[]],
  usual: readonly Name[],
) {
  return z
    .strictObject({
      ...placeShape,
      dialects: z
        .array(z.enum(names))
        .min(1)
        .default([...usual])
        .describe("The dialects of the listener"),
      ...purposeShape,
      ...pagesShape,
    })
    .describe("Listener")
    .superRefine(({ address, unix }, context) => {
      if (address === undefined || unix === undefined) return;
      context.addIssue({ code: "custom", path: ["unix"], message: "Expected `address` or `unix`, got both" });
    })
    .transform((listener) => {
      const { address = defaultAddress, unix, unixMode = defaultUnixMode } = listener;
      return { ...listener, ...(unix === undefined ? { address } : { unixMode }) };
    });
}

const logSchema = z
  .strictObject({
    level: z
      .enum(["debug", "info", "warn", "error"])
      .default("info")
      .describe("The lowest level that is logged"),
    names: z
      .boolean()
      .default(false)
      .describe("Log each join and message with the names of rooms, for development: logs are kept"),
    format: z
      .enum(["auto", "json", "pretty"])
      .default("auto")
      .describe(
        "Form of a log line: `pretty` is a sentence, `json` is for programs, `auto` is `pretty` on a terminal",
      ),
  })
  .describe("Logs");

const tapeSchema = z
  .strictObject({
    seconds: z
      .number()
      .min(0)
      .max(3_600)
      .default(120)
      .describe("How long a message is kept; 0 keeps nothing"),
    bytes: z
      .number()
      .int()
      .min(0)
      .max(16 * 1024 ** 3)
      .default(64 * 1024 ** 2)
      .describe("How much is kept at most: the oldest goes first"),
    handover: z
      .number()
      .min(0)
      .max(600)
      .default(10)
      .describe(
        "Seconds that a gateway takes to get the tape of another one, at its start and behind a gap; 0: it takes and gives none",
      ),
  })
  .describe("Tape: what was published lately, for clients that come back");

const redisTlsSchema = z
  .strictObject({
    ca: z.string().min(1).optional().describe("File with the certificates to trust, PEM; for URLs with TLS"),
    insecure: z.boolean().default(false).describe("Accept any certificate; for tests only"),
  })
  .describe("TLS towards Redis");

/** The driver reads the URL at start; here its sentence joins those about the other options. */
function checkUrl(url: string, context: z.RefinementCtx): void {
  try {
    checkBackplaneUrl(url);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
  }
}

/** A local URL takes the place of a profile's Redis: everything stays in this process (RTE-11). */
const busUrlSchema = z
  .string()
  .max(4_096)
  .superRefine(checkUrl)
  .transform((url) => (isLocalUrl(url) ? undefined : url))
  .optional()
  .describe(
    `Redis URL: ${urlForms.shared}; without it, or with ${urlForms.local}, messages stay in this process`,
  );

/** Where the sessions are is the gateway's business, what is in them is auth's. */
const identitySchema = identityOptions
  .extend({
    redis: z
      .string()
      .max(4_096)
      .superRefine(checkUrl)
      .optional()
      .describe("Redis URL of the session store; without it, the gateway's own (RTE-11)"),
  })
  .describe("Identity of visitors: Django's sessions, a callback, JSON Web Tokens");

/** All but the listeners and the dialects. */
const sharedShape = {
  redis: busUrlSchema,
  redisTls: redisTlsSchema.prefault({}),
  secret: secretText()
    .optional()
    .describe(
      "Publish secret: switches publishing over HTTP on. Prefer `secretFile`, a file: flags are seen in `ps`",
    ),
  secretFile: z.string().min(1).optional().describe("File that holds the publish secret"),
  roomSecrets: z
    .record(z.string().max(256), secretText())
    .default({})
    .describe("Secrets of room-spaces, `space=secret`; they win over those in Redis"),
  rooms: roomsSchema,
  openRooms: z
    .array(z.string().min(1).max(256))
    .max(1_000)
    .default([])
    .describe(
      "The old name of `publish: members`: globs of the rooms in which messages of browsers reach clients of every dialect (SEC-16)",
    ),
  secretKeys: z
    .array(z.string().min(1).max(256))
    .default(["ws-emit::secret::", "ws-emit::room_secret::", "r2ws::room_secret::"])
    .describe(
      "Prefixes of the Redis keys with room-space secrets; the first key that exists decides (WSE-05)",
    ),
  auth: authOptions.prefault({}),
  identity: identitySchema.prefault({}),
  tape: tapeSchema.prefault({}),
  webhooks: webhooksOptions.prefault({}),
  peers: z
    .boolean()
    .default(true)
    .describe(
      "Speak with the other gateways on the same Redis, on the channels `belfry-peers*`: for answers of the API and the tape of another gateway",
    ),
  drain: z
    .number()
    .min(0)
    .max(3_600)
    .default(10)
    .describe("Seconds over which connections are closed on shutdown (SEC-14)"),
  limits: limitsSchema.prefault({}),
  log: logSchema.prefault({}),
};

function listenersShape<Name extends string>(names: readonly [Name, ...Name[]], usual: readonly Name[]) {
  return z
    .array(createListenerSchema(names, usual))
    .min(1)
    .max(16)
    .prefault([{}])
    .describe("Where the gateway is reached; flags and environment set the only one of them");
}

type Sections<Table extends Dialects> = { [Name in keyof Table]: z.ZodPrefault<Table[Name]["options"]> };

/** The schema of a config file for the dialects of a table. */
export function createConfigSchema<Table extends Dialects>(dialects: Table) {
  const names = Object.keys(dialects) as [keyof Table & string, ...(keyof Table & string)[]];
  const sections = Object.fromEntries(
    Object.entries(dialects).map(([name, { options }]) => [name, options.prefault({})]),
  ) as Sections<Table>;
  const defaults = names.filter((name) => dialects[name]?.isDefault === true);
  const usual = defaults.length > 0 ? defaults : [names[0]];
  return z.strictObject({ listeners: listenersShape(names, usual), ...sharedShape, ...sections });
}

export type ListenerConfig = z.output<ReturnType<typeof createListenerSchema<string>>>;

/**
 * The checked values, defaults filled in, as code that knows no dialect sees them; `secret` is filled in from `secretFile`.
 * The dialects' sections stand beside them.
 */
export type Config = z.output<z.ZodObject<typeof sharedShape>> & {
  readonly listeners: readonly ListenerConfig[];
};

/** The section of a dialect: its options. */
export function sectionOf(config: Config, dialect: string): unknown {
  return (config as Readonly<Record<string, unknown>>)[dialect];
}
