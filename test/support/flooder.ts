// Clients that send one frame over and over, as fast as the gateway takes it, in a process of their own: this one shall
// have time to measure, and the gateway to serve, as if the clients were elsewhere. Who is ended comes back. Run as a program, it floods until it is killed.

import { connect } from "node:net";
import { RunningProcess } from "./process.ts";
import { handshakeHeaders, requestBytes } from "./raw.ts";

interface FloodParts {
  readonly url: string;
  /** Of the handshake; `#` becomes the client's number. */
  readonly path: string;
  /** What is sent once. */
  readonly first?: Uint8Array;
  /** What is sent without end. */
  readonly frames: Uint8Array;
  /** @default 8 */
  readonly clients?: number;
}

/** How soon an ended one is there again, ms. */
const returnMs = 100;
const chunkBytes = 256 * 1024;

/** A frame, masked with zeros. */
export function maskedFrame(opcode: number, payload = ""): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Uint8Array.of(0x80 | opcode, 0x80 | bytes.length, 0, 0, 0, 0), bytes]);
}

/** Floods from now on; `await using` ends it. */
export async function startFlood(parts: FloodParts): Promise<RunningProcess> {
  const text = JSON.stringify({ ...parts, first: base64(parts.first), frames: base64(parts.frames) });
  const process = new RunningProcess([
    "nice",
    "-n",
    "10",
    globalThis.process.execPath,
    import.meta.path,
    text,
  ]);
  await process.waitFor(/flooding/);
  return process;
}

function base64(bytes: Uint8Array = Buffer.alloc(0)): string {
  return Buffer.from(bytes).toString("base64");
}

function flood(parts: FloodParts, index: number): void {
  const { hostname, port } = new URL(parts.url);
  const bytes = parts.frames;
  const chunk = Buffer.concat(Array.from({ length: Math.ceil(chunkBytes / bytes.length) }, () => bytes));
  const socket = connect({ host: hostname, port: Number(port) });
  const push = (): void => {
    while (!socket.destroyed) {
      if (socket.write(chunk)) continue;
      socket.once("drain", push);
      return;
    }
  };
  socket.once("connect", () => {
    const path = parts.path.replace("#", String(index));
    socket.write(requestBytes(parts.url, { path, headers: handshakeHeaders() }));
  });
  socket.once("data", () => {
    // From here on it reads all that comes.
    socket.resume();
    if (parts.first) socket.write(parts.first);
    console.log("flooding");
    push();
  });
  socket.on("error", () => undefined);
  socket.once("close", () => setTimeout(flood, returnMs, parts, index));
}

if (import.meta.main) {
  const given = JSON.parse(process.argv[2] ?? "") as FloodParts & { first: string; frames: string };
  const parts = {
    ...given,
    first: Buffer.from(given.first, "base64"),
    frames: Buffer.from(given.frames, "base64"),
  };
  for (let index = 0; index < (parts.clients ?? 8); index++) flood(parts, index);
}
