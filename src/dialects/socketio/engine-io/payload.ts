// Engine.IO polling payloads: several packets in one HTTP body, version 4 (EIO-08) and version 3 (EIO-09). Pure
// codecs between bodies and frames; a frame is what a websocket of the same version would carry, so a string is a
// text packet with its type digit, and bytes are a binary message (in version 3 behind the type byte 0x04).

import { toBase64 } from "../../../codec/base64.ts";
import { readUtf8 } from "../../../codec/utf8.ts";
import type { Frame } from "../../../core/carrier.ts";

const separator = "\u001e";
/** More packets than a body has room for. */
const anyNumber = 2 ** 31;

export function encodePayloadV4(frames: readonly Frame[]): string {
  return frames.map((frame) => (typeof frame === "string" ? frame : `b${toBase64(frame)}`)).join(separator);
}

/**
 * @param mostPackets of more, the first ones are decoded and one more.
 * @returns undefined when one of them is not decodable (EIO-17).
 */
export function decodePayloadV4(body: string, mostPackets = anyNumber): readonly Frame[] | undefined {
  const frames: Frame[] = [];
  for (const packet of body.split(separator, mostPackets + 1)) {
    if (packet.startsWith("b")) {
      const bytes = base64PacketV4(packet);
      if (!bytes) return undefined;
      frames.push(bytes);
    } else if (/^[0-6]/.test(packet)) {
      frames.push(packet);
    } else {
      return undefined;
    }
  }
  return frames;
}

/** A binary message of version 4 as text, on a websocket too: `b` + base64. */
export function base64PacketV4(packet: string): Uint8Array | undefined {
  return fromBase64(packet.slice(1));
}

/** Text form: `<n>:<packet>`, n in UTF-16 units; binary as `b4` + base64. */
export function encodePayloadV3Text(frames: readonly Frame[]): string {
  return frames
    .map((frame) => {
      const packet = typeof frame === "string" ? frame : `b4${toBase64(frame.subarray(1))}`;
      return `${packet.length}:${packet}`;
    })
    .join("");
}

/** Binary form: 0 or 1, the length's digits as byte values, 0xFF, the packet. */
export function encodePayloadV3Binary(frames: readonly Frame[]): Buffer<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const frame of frames) {
    const isText = typeof frame === "string";
    const bytes = isText ? Buffer.from(frame, "utf8") : frame;
    const digits = String(bytes.length).split("").map(Number);
    parts.push(Uint8Array.from([isText ? 0 : 1, ...digits, 0xff]), bytes);
  }
  return Buffer.concat(parts);
}

/** @returns undefined when a length or a packet is wrong (EIO-17). */
export function decodePayloadV3Text(body: string, mostPackets = anyNumber): readonly Frame[] | undefined {
  if (body === "") return undefined;
  const frames: Frame[] = [];
  let at = 0;
  while (at < body.length && frames.length <= mostPackets) {
    const colon = body.indexOf(":", at);
    const digits = colon === -1 ? "" : body.slice(at, colon);
    const length = lengthOf(digits);
    if (length === undefined || colon + 1 + length > body.length) return undefined;
    const frame = textPacketV3(body.slice(colon + 1, colon + 1 + length));
    if (frame === undefined) return undefined;
    frames.push(frame);
    at = colon + 1 + length;
  }
  return frames;
}

/** A text packet of version 3, on a websocket too: binary is `b4` + base64 there. */
export function textPacketV3(packet: string): Frame | undefined {
  if (/^[0-6]/.test(packet)) return packet;
  if (!packet.startsWith("b4")) return undefined;
  const bytes = fromBase64(packet.slice(2));
  return bytes && Buffer.concat([messageByte, bytes]);
}

/** Type byte of a binary message in version 3 (EIO-10). */
export const messageByte = Uint8Array.of(4);

export function decodePayloadV3Binary(
  body: Uint8Array,
  mostPackets = anyNumber,
): readonly Frame[] | undefined {
  const frames: Frame[] = [];
  let at = 0;
  while (at < body.length && frames.length <= mostPackets) {
    const isText = body[at] === 0;
    if (!isText && body[at] !== 1) return undefined;
    const end = body.indexOf(0xff, at + 1);
    if (end === -1) return undefined;
    const length = lengthOf(digitsOf(body.subarray(at + 1, end)));
    if (length === undefined || end + 1 + length > body.length) return undefined;
    const frame = packetOf(body.subarray(end + 1, end + 1 + length), isText);
    if (frame === undefined) return undefined;
    frames.push(frame);
    at = end + 1 + length;
  }
  return frames;
}

function packetOf(bytes: Uint8Array, isText: boolean): Frame | undefined {
  if (!isText) return bytes[0] === messageByte[0] ? bytes : undefined;
  const text = readUtf8(bytes);
  return text === undefined ? undefined : textPacketV3(text);
}

/** Digits as byte values 0 to 9; more of them than a length can have are not looked at. */
function digitsOf(bytes: Uint8Array): string {
  return bytes.length <= maxLengthDigits && bytes.every((digit) => digit <= 9) ? bytes.join("") : "";
}

const maxLengthDigits = 10;

function lengthOf(digits: string): number | undefined {
  return /^\d{1,10}$/.test(digits) ? Number(digits) : undefined;
}

/**
 * Of either alphabet; line breaks and blanks stand anywhere, as Java and Android 2.x break lines after 76 characters and
 * at the end (EIO-08). The pattern is linear: nothing that it takes can be taken in two ways.
 */
const base64Form = /^[A-Za-z0-9+/_\-\r\n\t ]*(?:=[\r\n\t ]*){0,2}$/;

/** @returns undefined when it is no base64; the decoder skips what stands between the digits. */
function fromBase64(text: string): Uint8Array | undefined {
  return base64Form.test(text) ? Buffer.from(text, "base64") : undefined;
}
