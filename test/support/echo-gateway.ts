// A program: a gateway that answers as the official protocol test suites of Engine.IO and Socket.IO ask for, with their
// heartbeat of 300 and 200 ms. Their servers echo what a client says; ours never does, so this process replaces how a
// session takes messages, and nothing else. Arguments: what is echoed (`engine` or `socket`), the port, and `v4` where
// version 3 is off. Prints its URL.

import { createConfigSchema } from "../../src/config/schema.ts";
import type { Frame } from "../../src/core/carrier.ts";
import type { Socket } from "../../src/server/socket.ts";
import { dialects } from "../../src/dialects/registry.ts";
import { Session } from "../../src/dialects/socketio/engine-io/session.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { createObserve } from "../../src/observe/observe.ts";

const [layer = "engine", port = "0", generations = "all"] = process.argv.slice(2);

/** How a session of the gateway takes a frame. */
const receive: (this: Session, frame: Frame) => boolean = Reflect.get(Session.prototype, "receive");

/** Messages of Engine.IO come back as they are; whatever else comes is the session's business. */
function echoMessages(): void {
  // The layer above says nothing by itself.
  Session.prototype.start = () => undefined;
  Session.prototype.receive = function echo(frame: Frame): boolean {
    const isMessage = typeof frame !== "string" || frame.startsWith("4");
    if (isMessage) this.send([frame]);
    return isMessage || receive.call(this, frame);
  };
}

/** A binary event whose attachments are still coming. */
interface Parcel {
  readonly header: string;
  readonly attachments: Frame[];
  readonly count: number;
}

/** Events `message` and `message-with-ack` of Socket.IO come back, and who connects is told what it said of itself. */
function echoEvents(): void {
  const parcels = new WeakMap<Session, Parcel>();
  Session.prototype.receive = function echo(frame: Frame): boolean {
    // The gateway judges the packet first: only what it takes is echoed.
    if (!receive.call(this, frame)) return false;
    const parcel = parcels.get(this);
    if (parcel) {
      parcel.attachments.push(frame);
      if (parcel.attachments.length < parcel.count) return true;
      parcels.delete(this);
      this.send([answerTo(parcel.header), ...parcel.attachments]);
      return true;
    }
    if (typeof frame !== "string") return true;
    const count = Number(/^45(\d+)-/.exec(frame)?.[1] ?? 0);
    const connect = /^40(\/[^,]+)?,?(.*)$/.exec(frame);
    if (count > 0) parcels.set(this, { header: frame, attachments: [], count });
    else if (frame.startsWith("42")) this.send([answerTo(frame)]);
    else if (connect && connect[1] !== "/random") {
      const namespace = connect[1] === undefined ? "" : `${connect[1]},`;
      const auth = `42${namespace}["auth",${connect[2] === "" ? "{}" : connect[2]}]`;
      // Not at once: the suite's listeners miss what comes in one piece with something else.
      setTimeout(() => {
        this.send([auth]);
      }, 10);
    }
    return true;
  };
}

function answerTo(event: string): string {
  const asked = /^4([25])((?:\d+-)?)(\d*)\["message-with-ack",(.*)$/.exec(event);
  if (asked) return `4${asked[1] === "2" ? 3 : 6}${asked[2]}${asked[3]}[${asked[4]}`;
  return event.replace('"message"', '"message-back"');
}

/** The open packet comes after the handshake's answer, not with it: the suites begin to listen in between. */
function openLater(): void {
  const open: (this: Session, socket: Socket) => void = Reflect.get(Session.prototype, "open");
  Session.prototype.open = function later(socket: Socket): void {
    setImmediate(() => {
      open.call(this, socket);
    });
  };
}

openLater();
if (layer === "engine") echoMessages();
else echoEvents();
const config = createConfigSchema(dialects).parse({
  listeners: [{ address: `127.0.0.1:${port}`, origins: "*" }],
  socketio: {
    path: `/${layer}.io`,
    pingInterval: 0.3,
    pingTimeout: 0.2,
    connectTimeout: 1,
    allowEio3: generations !== "v4",
    namespaces: ["/", "/custom"],
  },
});
const observe = createObserve({
  level: "info",
  format: "json",
  version: "test",
  destination: { write: () => undefined },
});
const gateway = await createGateway(config, { observe });
console.log(gateway.urls[0]);
