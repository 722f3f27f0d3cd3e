// Bytes as base64 text, without a copy of them.

import { asBuffer } from "../base/bytes.ts";

export function toBase64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("base64");
}
