// One gateway on a real Redis, and raw clients of Socket.IO that say and hear single packets.

import { createClient } from "@redis/client";
import { flaskEmit, flaskPublish } from "./flask.ts";
import { startGateway } from "./gateway.ts";
import type { TestGateway } from "./gateway.ts";
import { RawWebSocket } from "./raw.ts";
import type { RawMessage } from "./raw.ts";
import { startRedis } from "./redis.ts";
import type { RedisServer } from "./redis.ts";

export const version4 = "/socket.io/?EIO=4&transport=websocket";
export const version3 = "/socket.io/?EIO=3&transport=websocket";
/** Protocol 5 rides on Engine.IO 4, protocol 4 and older on 3. */
export const bothVersions = [
  [5, version4],
  [4, version3],
] as const;
export const connectReply = /^40\{"sid":"([A-Za-z0-9_-]{20})"\}$/;

/** A raw websocket with the id that it has in `/`. */
export interface Client extends Disposable {
  readonly socket: RawWebSocket;
  readonly sid: string;
}

export class SocketIoScene {
  readonly redis: RedisServer;
  readonly gateway: TestGateway;
  /** Publishes in the order of its calls, on one connection. */
  readonly bus: ReturnType<typeof createClient>;

  private constructor(redis: RedisServer, gateway: TestGateway) {
    this.redis = redis;
    this.gateway = gateway;
    this.bus = createClient({ url: redis.url });
  }

  static async start(): Promise<SocketIoScene> {
    const redis = await startRedis();
    const gateway = await startGateway({ redis: redis.url, limits: { failedJoinsPerMinute: 1_000 } });
    const scene = new SocketIoScene(redis, gateway);
    await scene.bus.connect();
    return scene;
  }

  async stop(): Promise<void> {
    this.bus.destroy();
    await this.gateway[Symbol.asyncDispose]();
    await this.redis.stop();
  }

  async connect(path: string = version4, url: string = this.gateway.url): Promise<Client> {
    const socket = await RawWebSocket.open(url, path);
    const open = String(await socket.waitForMessage());
    if (path.includes("EIO=4")) socket.send("40");
    const reply = String(await socket.waitForMessage());
    const engineSid = /"sid":"([^"]+)"/.exec(open)?.[1] ?? "";
    return {
      socket,
      sid: connectReply.exec(reply)?.[1] ?? engineSid,
      [Symbol.dispose]() {
        socket[Symbol.dispose]();
      },
    };
  }

  async publish(message: object): Promise<void> {
    await flaskPublish(this.bus, message);
  }

  async emit(event: string, data: unknown, more: object = {}): Promise<void> {
    await flaskEmit(this.bus, [event, data], more);
  }

  /** Is the client in the room? What is sent to the room comes before what is sent to everyone, or not at all. */
  async isIn({ socket }: Client, room: string, namespace = "/"): Promise<boolean> {
    const token = crypto.randomUUID();
    await this.emit("in", token, { room, namespace });
    await this.emit("out", token, { namespace });
    let isMember = false;
    for (;;) {
      const packet = String(await socket.waitForMessage());
      if (packet.includes(`["out","${token}"]`)) return isMember;
      isMember ||= packet.includes(`["in","${token}"]`);
    }
  }
}

/** Joins another namespace. @returns the id there. */
export async function connectTo({ socket }: Client, namespace: string): Promise<string> {
  socket.send(`40${namespace},`);
  return /"sid":"([^"]+)"/.exec(String(await socket.waitForMessage()))?.[1] ?? "";
}

/** Sends packets, and then an event whose acknowledgement comes last. @returns what came before it. */
export async function answersTo(
  { socket }: Client,
  ...packets: readonly RawMessage[]
): Promise<readonly RawMessage[]> {
  for (const packet of packets) socket.send(packet);
  socket.send('42999["leave",{"room":"nowhere"}]');
  const answers: RawMessage[] = [];
  for (;;) {
    const answer = await socket.waitForMessage();
    if (answer === "43999[]") return answers;
    answers.push(answer);
  }
}

export function join(id: number, argument: object): string {
  return `42${id}["join",${JSON.stringify(argument)}]`;
}
