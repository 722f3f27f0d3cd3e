// A gateway of the websocket-channels dialect alone, and how its tests speak with it.

import type { z } from "zod";
import type { websocketChannelsOptions } from "../../src/dialects/websocket-channels/options.ts";
import { DialectGateway } from "./dialect-gateway.ts";
import type { DialectParts } from "./dialect-gateway.ts";
import type { RawResponse, RawWebSocket } from "./raw.ts";
import { rawRequest } from "./raw.ts";

export const secret = "s3cret of the channels";

export interface ChannelsOptions extends Omit<DialectParts, "secret"> {
  /** As in the config's section. */
  readonly options?: z.input<typeof websocketChannelsOptions>;
  /** The publish secret; null: none is configured. @default {@link secret} */
  readonly secret?: string | null;
}

/** A running one; `await using` stops it. */
export class ChannelsGateway extends DialectGateway {
  /** Starts one whose bus is ready. */
  static async start(parts: ChannelsOptions = {}): Promise<ChannelsGateway> {
    const key = parts.secret === undefined ? secret : (parts.secret ?? undefined);
    return this.speaking("websocket-channels", { ...parts, secret: key });
  }

  /** A websocket at `/ws/<encoded>`. */
  async join(encoded: string, headers?: Readonly<Record<string, string>>): Promise<RawWebSocket> {
    return this.open(`/ws/${encoded}`, headers);
  }

  /** A POST with the publish secret, if the headers do not say otherwise. */
  async post(
    path: string,
    body: string | Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawResponse> {
    const authorized = { Authorization: `Bearer ${secret}`, ...headers };
    return rawRequest(this.url, { method: "POST", path, body, headers: authorized });
  }
}
