// Free ports for programs that cannot be told "any": nginx, redis-server, a gateway that is restarted on its port.

import { connect, createServer } from "node:net";

/** Below those that a system gives to outgoing connections and to servers on "any" port: 32768 and more. */
const firstPort = 10_000;
const lastPort = 32_000;

/** A TCP port of the loopback that was free a moment ago, and that nothing takes by chance before it is used. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort));
    if (await canListen(host, port)) return port;
  }
}

/** The port of a gateway that listens at a TCP address. */
export function portOf({ url }: { readonly url: string }): number {
  return Number(new URL(url).port);
}

async function canListen(host: string, port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  server.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EADDRINUSE") resolve(false);
    else reject(error);
  });
  server.listen({ port, host, exclusive: true }, () => {
    server.close(() => {
      resolve(true);
    });
  });
  return promise;
}

/** Does something listen there? */
export async function isListening(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, timeout: 2_000 });
  socket.once("connect", () => {
    resolve(true);
  });
  for (const event of ["error", "timeout"]) {
    socket.once(event, () => {
      resolve(false);
    });
  }
  const answer = await promise;
  socket.destroy();
  return answer;
}
