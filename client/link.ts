// One connection to the gateway, by websocket or by event stream, as the client sees it: it opens, texts come, it ends once.
// After `close()` it says nothing more, whatever the network does.

export type Transport = "websocket" | "stream";

/** Told in this order: opened, heard while open, ended once. A stream may lapse, and the browser opens it again. */
export interface LinkListener {
  opened(): void;
  lapsed(): void;
  heard(text: string): void;
  ended(end: LinkEnd): void;
}

/** `refused`: the gateway said not to come back. `shutdown`: it stops, and all its clients come back. */
export type LinkEnd = "lost" | "shutdown" | "refused";

export interface Link {
  readonly transport: Transport;
  send(text: string): void;
  close(): void;
  /** For the next stream: where all rooms of this one stand. */
  readonly cursor: string;
}

/** A class like the browser's `WebSocket`: its own, Node's, Bun's, or that of the package `ws`. */
export type WebSocketClass = new (url: string) => { send(text: string): void; close(): void };

/** A class like the browser's `EventSource`. */
export type EventSourceClass = new (url: string) => { readonly readyState: number; close(): void };

/** Their types differ in details in which they do not: what is used of both. */
interface Target {
  addEventListener(name: string, listener: (event: never) => void): void;
}

/** A connection that is not open after so long is given up, ms. */
const openTimeoutMs = 10_000;

/** `EventSource.CONNECTING` */
const connecting = 0;

const shutdownCode = 1001;
const tooLargeCode = 1009;

export function openSocket(socketClass: WebSocketClass, url: string, listener: LinkListener): Link {
  const socket = new socketClass(url);
  const target = socket as unknown as Target;
  const { opened, heard, end } = guard(listener, socket);
  target.addEventListener("open", opened);
  target.addEventListener("message", ({ data }: { readonly data: unknown }) => {
    heard(String(data));
  });
  target.addEventListener("close", ({ code }: { readonly code: number }) => {
    const isRefused = code === tooLargeCode || (code >= 4500 && code < 5000);
    end(code === shutdownCode ? "shutdown" : isRefused ? "refused" : "lost");
  });
  // `close` follows; without a listener the package `ws` would throw.
  target.addEventListener("error", () => undefined);
  return {
    transport: "websocket",
    cursor: "",
    send(text) {
      socket.send(text);
    },
    close: end,
  };
}

export function openStream(streamClass: EventSourceClass, url: string, listener: LinkListener): Link {
  const source = new streamClass(url);
  const target = source as unknown as Target;
  let cursor = "";
  const { opened, heard, end } = guard(listener, source);
  let hasOpened = false;
  target.addEventListener("open", () => {
    hasOpened = true;
    opened();
  });
  for (const name of ["message", "joined", "refused", "gap"]) {
    target.addEventListener(
      name,
      ({ data, lastEventId }: { readonly data: string; readonly lastEventId: string }) => {
        cursor = lastEventId;
        heard(data);
      },
    );
  }
  target.addEventListener("error", () => {
    // The browser comes back by itself, with a newer cursor than scripts are told of.
    if (hasOpened && source.readyState === connecting) listener.lapsed();
    else end("lost");
  });
  return {
    transport: "stream",
    get cursor() {
      return cursor;
    },
    send: () => undefined,
    close: end,
  };
}

/** Sees to it that the end comes once, comes where nothing opens, and nothing comes behind it. */
function guard(listener: LinkListener, source: { close(): void }) {
  let isOver = false;
  /** @param how undefined: the listener wants to hear no more. */
  const end = (how?: LinkEnd): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    source.close();
    if (how) listener.ended(how);
  };
  const timer = setTimeout(end, openTimeoutMs, "lost");
  return {
    end,
    opened: (): void => {
      clearTimeout(timer);
      if (!isOver) listener.opened();
    },
    heard: (text: string): void => {
      if (!isOver) listener.heard(text);
    },
  };
}
