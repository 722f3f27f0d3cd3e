// `npm run example:dir2web -- --directory DIR`: a folder, shown live to pages that have the secret of the room-space `dir`.
// It starts a gateway, a web server with the page and the files, and a backend that watches the folder: every change
// is an event `update` for the room of its file, `dir::<file>`, and for the room of the list, `dir::/`.

import { randomBytes, timingSafeEqual } from "node:crypto";
import { httpBackend, redisBackend } from "../support/backend.ts";
import type { Backend } from "../support/backend.ts";
import { startGateway } from "../support/gateway.ts";
import { readOptions } from "../support/options.ts";
import { runExample, untilStopped } from "../support/run.ts";
import { serveExample } from "../support/web.ts";
import { Folder } from "./folder.ts";

/** No file can have this name. */
const listRoom = "dir::/";
/** Where gateways look the secret up when they have it not in their own settings. */
const secretKey = "ws-emit::secret::dir";
/** The longest file name, 255 bytes, behind `dir::`. */
const longestRoomBytes = 260;

/** Wraps what only those may see who send the secret along. */
function guarded(secret: string, answer: (request: Request) => Promise<Response>) {
  const expected = Buffer.from(`Bearer ${secret}`);
  return async (request: Request): Promise<Response> => {
    const given = Buffer.from(request.headers.get("authorization") ?? "");
    const isRight = given.length === expected.length && timingSafeEqual(given, expected);
    return isRight ? answer(request) : new Response("Incorrect secret\n", { status: 403 });
  };
}

async function answerFile(folder: Folder, request: Request): Promise<Response> {
  const text = await folder.read(new URL(request.url).searchParams.get("name") ?? "");
  return text === undefined ? new Response("No such file\n", { status: 404 }) : new Response(text);
}

/** The door of the backend, and what the gateway must know so that the secrets are the same. */
async function openDoor(redis: string | undefined, url: string, roomSecret: string) {
  const limits = { BELFRY_LIMITS_NAME_BYTES: `${longestRoomBytes}` };
  if (redis !== undefined) {
    const backend = await redisBackend(redis);
    await backend.set(secretKey, roomSecret);
    return { backend, env: limits, close: async () => backend.remove(secretKey) };
  }
  const secret = randomBytes(24).toString("base64url");
  const env = { ...limits, BELFRY_SECRET: secret, BELFRY_ROOM_SECRETS: `dir=${roomSecret}` };
  return { backend: httpBackend(url, secret), env, close: async () => undefined };
}

/** Says every change to the room of the file and to the room of the list. */
async function watchFolder(path: string, backend: Backend): Promise<Folder> {
  return Folder.watch(path, async (change) => {
    try {
      await backend.emit({ event: "update", room: [`dir::${change.file}`, listRoom], data: change });
    } catch (error) {
      console.error(`Not emitted: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}

await runExample(async (stopped) => {
  const { port, gatewayPort, gatewayUrl, redis, flags } = readOptions({
    directory: { type: "string", default: "." },
  });
  const secret = randomBytes(24).toString("base64url");
  const door = await openDoor(redis, gatewayUrl, secret);
  await using backend = door.backend;
  using folder = await watchFolder(String(flags["directory"]), backend);
  await using web = serveExample({
    port,
    gatewayPort,
    folder: import.meta.dirname,
    routes: {
      "/files": guarded(secret, async () => Response.json(folder.files)),
      "/file": guarded(secret, async (request) => answerFile(folder, request)),
    },
  });
  await using gateway = await startGateway({ port: gatewayPort, pagePort: web.port, redis, env: door.env });
  console.log(`Open http://localhost:${web.port}/#secret=${secret} (Ctrl-C ends it)`);
  await untilStopped(stopped, gateway);
  await door.close();
});
