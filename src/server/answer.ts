// What a listener does to an answer before the engine sends it: its own sentences, and which answers end the connection.

import { setImmediate } from "node:timers/promises";

/** A fixed sentence (SEC-05). */
export function plain(status: number, sentence: string, headers: Record<string, string> = {}): Response {
  const fixed = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  return new Response(sentence, { status, headers: { ...fixed, ...headers } });
}

/** It ends the connection, and says so (RFC 9112 section 9.6). */
export function closing(response: Response): Response {
  // Whoever names a protocol in Upgrade says so here, too (RFC 9110 section 7.8).
  response.headers.set("connection", response.headers.has("upgrade") ? "close, Upgrade" : "close");
  return response;
}

/**
 * A body that was refused or left unread is not looked through for the next request. Chunks that came together with
 * the request are parsed before the answer goes out: if they are broken, the engine's 400 is the only one.
 */
export async function settled(request: Request, answer: Response | Promise<Response>): Promise<Response> {
  const response = await answer;
  if (request.headers.has("transfer-encoding")) await setImmediate();
  return response.ok && request.bodyUsed ? response : closing(response);
}
