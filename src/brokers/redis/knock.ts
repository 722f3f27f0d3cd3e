// A look whether anybody answers where Redis should be: one bare connection with a PING, no login. It ends a back-off
// early after an outage, so that the gateway is back in seconds although the attempts themselves are far apart.

import { connect } from "node:net";
import type { RedisAddress } from "./url.ts";

const knockMs = 1_000;
const ping = "*1\r\n$4\r\nPING\r\n";

/**
 * True when the other side says anything within a second, be it an error or a hang-up: a server is there. A server
 * that is stopped or cut off accepts connections (its kernel does) but stays silent.
 */
export async function knock(place: RedisAddress["place"], signal: AbortSignal): Promise<boolean> {
  const socket = place.kind === "socket" ? connect(place.path) : connect(place.port, place.host);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let isConnected = false;
  const settle = (): void => {
    resolve(isConnected);
  };
  const giveUp = (): void => {
    resolve(false);
  };
  socket.on("connect", () => {
    isConnected = true;
    socket.write(ping);
  });
  socket.on("data", settle).on("error", settle).on("close", settle);
  const timer = setTimeout(giveUp, knockMs);
  signal.addEventListener("abort", giveUp);
  const isAnswered = await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", giveUp);
  socket.destroy();
  return isAnswered;
}
