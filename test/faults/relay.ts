// What stands between a client with a library and the gateways, as a load balancer does: each connection goes to any gateway
// that runs, and connections are lost here, so that the library is left as it is.

import { type Socket, connect, createServer } from "node:net";
import type { Server } from "node:net";
import { abandonedMs } from "./client.ts";
import type { Blip, Place } from "./client.ts";

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

export class Relay {
  readonly #server: Server;
  readonly #place: () => Place;
  readonly #links = new Set<Link>();
  #awayUntil = 0;
  /** Where the last connection went. */
  place: Place = { name: "", url: "" };

  private constructor(place: () => Place) {
    this.#place = place;
    this.#server = createServer((client) => {
      this.#accept(client);
    });
  }

  /** On a free port of the loopback. */
  static async start(place: () => Place): Promise<Relay> {
    const relay = new Relay(place);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    relay.#server.once("error", reject);
    relay.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return relay;
  }

  get host(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || !address) throw new Error("Expected a relay that listens, got none");
    return `127.0.0.1:${address.port}`;
  }

  /** Ends what passes, and lets nothing in for so many ms. An abandoned connection stays open on the gateway's side. */
  blip(kind: Blip, awayMs: number): void {
    this.#awayUntil = performance.now() + awayMs;
    for (const { client, server } of this.#links) {
      server.pause().removeAllListeners("close");
      if (kind === "close") client.destroy();
      else client.resetAndDestroy();
      if (kind === "close") server.destroy();
      else if (kind === "reset") server.resetAndDestroy();
      else setTimeout(() => server.destroy(), abandonedMs).unref();
    }
    this.#links.clear();
  }

  stop(): void {
    this.blip("reset", 0);
    this.#server.close();
  }

  #accept(client: Socket): void {
    client.on("error", () => undefined);
    if (performance.now() < this.#awayUntil) {
      client.resetAndDestroy();
      return;
    }
    this.place = this.#place();
    const server = connect(Number(new URL(this.place.url).port), "127.0.0.1");
    const link = { client, server };
    this.#links.add(link);
    client.pipe(server);
    server.pipe(client);
    const end = (): void => {
      this.#links.delete(link);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on("close", end);
    server.on("error", end);
  }
}
