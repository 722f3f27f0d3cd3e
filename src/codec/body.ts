// Reads a body with a bound that holds while it arrives, also where Content-Length is wrong (SEC-06): of a request, of another
// server's answer, of a decompressor.

import { GatewayError } from "../vocabulary/errors.ts";

/** @returns undefined when the body is longer than `maxBytes`; the rest of it is not read, and left to the listener. */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  const { headers } = request;
  const length = Number(headers.get("content-length") ?? Number.NaN);
  if (length > maxBytes) return undefined;
  // The engine reads no more than was said; a stream would cost more than all else that a small body does.
  if (length >= 0 && !headers.has("transfer-encoding")) return request.bytes();
  return readStream(request.body, maxBytes, "leave");
}

/**
 * The body of a request of a backend. Throws a GatewayError where it is compressed, incomplete, or longer than `maxBytes`.
 */
export async function readPlainBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity")
    throw new GatewayError("content_encoding", "Expected a body without Content-Encoding");
  let body;
  try {
    body = await readBody(request, maxBytes);
  } catch (cause) {
    throw new GatewayError("body_invalid", "Expected a complete body", { cause });
  }
  if (!body) throw new GatewayError("body_too_large", `Expected a body of at most ${maxBytes} bytes`);
  return body;
}

/**
 * An absent stream is an empty one.
 * @param rest what happens to the rest when it is too long.
 * @returns undefined when more than `maxBytes` come; the rest is not read.
 */
export async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  rest: "cancel" | "leave" = "cancel",
): Promise<Buffer | undefined> {
  if (!stream) return Buffer.alloc(0);
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, length);
    length += value.length;
    if (length > maxBytes) {
      if (rest === "cancel") await reader.cancel();
      else reader.releaseLock();
      return undefined;
    }
    chunks.push(value);
  }
}
