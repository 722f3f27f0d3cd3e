// What the engine does with the websockets of one listener (listener.ts): the settings that all of them share, and each call handed
// to the transport that it is for (websocket.ts).

import type { ServerWebSocket } from "bun";
import type { CloseCause } from "./socket.ts";
import type { WebSocketTransport } from "./websocket.ts";

type Handle<Rest extends unknown[]> = (ws: ServerWebSocket<WebSocketTransport>, ...rest: Rest) => void;

/** The engine's own bound on unread bytes: a backstop, websocket.ts closes slow clients long before. */
const engineBufferBytes = 128 * 1024 * 1024;

/** @param report is told of errors in handlers. */
export function websocketHandler(
  maxMessageBytes: number,
  report: (error: unknown) => void,
): Bun.WebSocketHandler<WebSocketTransport> {
  const guarded = <Rest extends unknown[]>(handle: Handle<Rest>): Handle<Rest> => guardedBy(report, handle);
  return {
    maxPayloadLength: maxMessageBytes,
    backpressureLimit: engineBufferBytes,
    closeOnBackpressureLimit: true,
    // Heartbeats are the dialects' business: the engine's own step by 4 s and are put off by any data.
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open: guarded((ws) => {
      ws.data.opened(ws);
    }),
    message: guarded((ws, data: string | Buffer) => {
      ws.data.received(data);
    }),
    drain: guarded((ws) => {
      ws.data.drained();
    }),
    pong: guarded((ws) => {
      ws.data.ponged();
    }),
    ping: guarded((ws) => {
      ws.data.pinged();
    }),
    close: guarded((ws, code: number, reason: string) => {
      ws.data.ended(code, engineFault(code, reason));
    }),
  };
}

/** An error in a handler ends this one websocket; the engine would let it end the process. */
function guardedBy<Rest extends unknown[]>(
  report: (error: unknown) => void,
  handle: Handle<Rest>,
): Handle<Rest> {
  return (ws, ...rest) => {
    try {
      handle(ws, ...rest);
    } catch (error) {
      report(error);
      ws.data.terminate();
    }
  };
}

/**
 * What made the engine close a websocket by itself. It sends the close frame that RFC 6455 asks for, and tells us 1006,
 * which no client can send, with what it found; a connection that broke has no such words.
 */
function engineFault(code: number, reason: string): CloseCause | undefined {
  if (code !== 1006 || reason === "") return undefined;
  return reason === "Received too big message" ? "too_large" : "protocol_error";
}
