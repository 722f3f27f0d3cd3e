// A websocket without a network, for unit tests of whatever speaks through the Socket port.

import type { Frame } from "../../src/core/carrier.ts";
import type { Socket, SocketHandler } from "../../src/server/socket.ts";

/** A websocket that keeps what it is sent. Like the engine's, it tells its handler of its end within the call. */
export class FakeSocket implements Socket {
  handler: SocketHandler | undefined;
  isOnTopics = true;
  readonly isWritable = true;
  readonly bufferedBytes = 0;
  readonly sent: Frame[] = [];
  readonly topics = new Set<string>();
  closedWith: number | "terminated" | undefined;

  send(frames: readonly Frame[]): void {
    this.sent.push(...frames);
  }
  inherit(frames: readonly Frame[]): void {
    this.send(frames);
  }
  subscribe(topic: string): void {
    this.topics.add(topic);
  }
  unsubscribe(topic: string): void {
    this.topics.delete(topic);
  }
  fallBehind(): void {
    this.isOnTopics = false;
  }
  ping(): void {}
  close(code: number): void {
    this.#end(code, code);
  }
  terminate(): void {
    this.#end("terminated", 1006);
  }
  #end(how: number | "terminated", code: number): void {
    if (this.closedWith !== undefined) return;
    this.closedWith = how;
    this.topics.clear();
    this.handler?.closed(code, "peer");
  }
}
