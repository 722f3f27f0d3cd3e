// Free ports for programs that cannot be told "any": nginx, redis-server, a gateway that is restarted on its port.

import { connect, createServer } from "node:net";

/** A TCP port of the loopback that was free a moment ago. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once("error", reject);
  server.listen(0, host, () => {
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    server.close(() => {
      resolve(port);
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
