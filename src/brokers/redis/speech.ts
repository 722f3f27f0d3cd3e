// Why a first connection failed although a server is there: the URL says TLS and the port speaks none, or the other way
// round. Asked once, at a start that fails, so that its sentence names the remedy.

import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { RedisAddress } from "./url.ts";

/** How long the other side may take, ms. */
const patienceMs = 1_000;

/** What the URL should be, for people; undefined when the scheme is not the fault. */
export async function betterScheme({ place }: RedisAddress): Promise<string | undefined> {
  if (place.kind === "tls" && (await isPlain(place))) return "a Redis without TLS: redis://, not rediss://";
  if (place.kind === "tcp" && (await isTls(place))) return "a server with TLS: rediss://, not redis://";
  return undefined;
}

type Place = Exclude<RedisAddress["place"], { readonly kind: "socket" }>;

/** Redis answers this with `+PONG`, or with `-` and why not. */
async function isPlain({ host, port }: Place): Promise<boolean> {
  const socket = connect({ host, port, timeout: patienceMs });
  return settledBy(socket, (settle) => {
    socket.once("connect", () => socket.write("*1\r\n$4\r\nPING\r\n"));
    socket.once("data", (data) => {
      settle(/^[+-]/.test(data.toString("latin1")));
    });
  });
}

async function isTls({ host, port }: Place): Promise<boolean> {
  // Whatever server it is: nothing is sent to it.
  const socket = connectTls({ host, port, timeout: patienceMs, rejectUnauthorized: false });
  return settledBy(socket, (settle) => {
    socket.once("secureConnect", () => {
      settle(true);
    });
  });
}

async function settledBy(
  socket: ReturnType<typeof connect>,
  listen: (settle: (verdict: boolean) => void) => void,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const fail = (): void => {
    resolve(false);
  };
  listen(resolve);
  socket.once("error", fail).once("close", fail).once("timeout", fail);
  const verdict = await promise;
  socket.destroy();
  return verdict;
}
