// What a listener does to an answer before the engine sends it: its own sentences, and which answers end the connection.

import { setImmediate } from "node:timers/promises";

/** It ends the connection, and says so (RFC 9112 section 9.6). */
export function closing(response: Response): Response {
  // A request that names a protocol in Upgrade says so here, too (RFC 9110 section 7.8).
  response.headers.set("connection", response.headers.has("upgrade") ? "close, Upgrade" : "close");
  return response;
}

/** How much too much a client may send and still hear of it, bytes: the rest of a body is read away before the answer. */
export const drainBytes = 32 * 1024 * 1024;
/** That takes no longer than this, ms, */
const drainMs = 10_000;
/** and ends when nothing came for so long. */
const silenceMs = 500;

/** A request with a body, and how that is sent. */
interface SentBody {
  readonly request: Request;
  readonly isChunked: boolean;
}

/**
 * The answer to a request with a body. One that was refused or left unread is read away first, within bounds: a client
 * that still sends when the connection ends never sees why (Node's fetch: EPIPE). Nor is it looked through for the next
 * request: the connection ends. If its chunks are broken, the engine's 400 is the only answer.
 */
export function settled(
  body: SentBody,
  answer: Response | Promise<Response | undefined>,
): Response | Promise<Response | undefined> {
  return answer instanceof Promise
    ? answer.then((response) => response && settledNow(body, response))
    : settledNow(body, answer);
}

/** At once for the usual request: a function that waits would cost each of them a turn. */
function settledNow({ request, isChunked }: SentBody, response: Response): Response | Promise<Response> {
  const isRead = response.ok && request.bodyUsed;
  return isRead && !isChunked ? response : settledLate(request, response, { isRead, isChunked });
}

async function settledLate(
  request: Request,
  response: Response,
  { isRead, isChunked }: { readonly isRead: boolean; readonly isChunked: boolean },
): Promise<Response> {
  if (!isRead) await readAway(request.body);
  // Chunks that came together with the request are parsed by then.
  if (isChunked) await setImmediate();
  return isRead ? response : closing(response);
}

async function readAway(body: ReadableStream<Uint8Array> | null): Promise<void> {
  // It was read to its end.
  if (!body || body.locked) return;
  const deadline = performance.now() + drainMs;
  const reader = body.getReader();
  const giveUp = (): void => {
    // It breaks where the connection does.
    reader.cancel().catch(() => undefined);
  };
  const timer = setTimeout(giveUp, silenceMs);
  try {
    for (let left = drainBytes; left > 0 && performance.now() < deadline;) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.length;
      timer.refresh();
    }
  } catch {
    // The client is gone, or its chunks are broken.
  } finally {
    clearTimeout(timer);
  }
}
