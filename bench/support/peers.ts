// Other software of the same kind, each a process of its own beside Belfry. What a machine lacks for one of them is
// said in its row.

import { join } from "node:path";
import type { Page } from "./generator.ts";
import { built, freePort, onServersCore, peers } from "./process.ts";
import { peerPython } from "./python.ts";
import type { Absent, Bench, Subject } from "./subjects.ts";
import { pages, redisFeed, subject } from "./subjects.ts";

/** The `socket.io` package on Node, fed from a Redis channel. */
export async function startSocketIo(bench: Bench): Promise<Subject | Absent> {
  const name = "socket.io";
  if (Bun.which("node") === null) return { name, absence: "no `node` on this machine" };
  const port = await freePort();
  const channel = "bench-socket.io";
  const child = onServersCore(["node", join(peers, "socketio.mjs"), `${port}`, "-", bench.redisUrl, channel]);
  await child.line();
  const message = JSON.stringify({
    method: "emit",
    event: "update",
    data: "x".repeat(bench.payload),
    namespace: "/",
    room: "time",
  });
  return subject(name, { child, port, page: pages.socketio, feed: await redisFeed(bench, channel, message) });
}

/** A hub in Go with gorilla/websocket, as WS-HUB is one. */
export async function startGorilla(bench: Bench): Promise<Subject | Absent> {
  const name = "gorilla/websocket";
  if (Bun.which("go") === null) return { name, absence: "no `go` on this machine" };
  const program = join(built, "gorilla-hub");
  const build = Bun.spawnSync(["go", "build", "-o", program], {
    cwd: join(peers, "gorilla-hub"),
    stderr: "inherit",
  });
  if (!build.success) return { name, absence: "`go build` failed" };
  const channel = "bench-gorilla";
  return startRaw({
    name,
    bench,
    channel,
    path: "/",
    command: (port) => [program, port, bench.redisUrl, channel],
  });
}

/** A relay in Python with gevent-websocket, as python-websocket-channels is one. */
export async function startGevent(bench: Bench): Promise<Subject | Absent> {
  const channel = "bench-gevent";
  return startPython({ name: "gevent-websocket", bench, channel, path: "/" }, "gevent_websocket.py", [
    channel,
  ]);
}

/** django-websocket-redis itself; its own facility, so that Belfry does not hear it. */
export async function startDjango(bench: Bench): Promise<Subject | Absent> {
  const channel = "broadcast:peer";
  const path = "/ws/peer?subscribe-broadcast";
  const peer = { name: "django-websocket-redis", bench, channel, path };
  const subject = await startPython(peer, "ws4redis_gevent.py", []);
  // Each page has a connection to Redis, which takes 10,000; and W4R-07.
  return { ...subject, most: 9_000, holdsBursts: true };
}

interface RawPeer {
  readonly name: string;
  readonly bench: Bench;
  /** Redis channel on which it hears a message. */
  readonly channel: string;
  readonly path: Page["path"];
}

async function startPython(
  peer: RawPeer,
  program: string,
  args: readonly string[],
): Promise<Subject | Absent> {
  const python = await peerPython();
  if ("absence" in python) return { name: peer.name, absence: python.absence };
  const script = [python.binary, "-u", join(peers, program)];
  const subject = await startRaw({
    ...peer,
    command: (port) => [...script, port, `${peer.bench.redisPort}`, ...args],
  });
  return { ...subject, isSlow: true };
}

/** A peer that hears the bare text on a channel and sends it to everyone. */
async function startRaw({
  name,
  bench,
  channel,
  path,
  command,
}: RawPeer & { command: (port: string) => readonly string[] }): Promise<Subject> {
  const port = await freePort();
  const child = onServersCore(command(`${port}`));
  await child.line();
  const feed = await redisFeed(bench, channel, "x".repeat(bench.payload));
  return subject(name, { child, port, page: { style: "plain", path }, feed });
}
