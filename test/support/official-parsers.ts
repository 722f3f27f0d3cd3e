// The packet parsers that the official clients bring along, to compare ours with: each client's own version.

import { createRequire } from "node:module";

/** A packet as socket.io-parser knows it. */
export interface OfficialPacket {
  readonly type: number;
  readonly nsp: string;
  readonly id?: number;
  readonly data?: unknown;
  readonly attachments?: number;
}

interface SocketIoParser {
  readonly Decoder: new () => {
    on(event: "decoded", listener: (packet: OfficialPacket) => void): unknown;
    /** Throws on what is no packet. */
    add(data: string | Uint8Array): void;
  };
  readonly Encoder: new () => {
    /** Version 3 answers through the callback, later ones return. */
    encode(packet: object, done?: (frames: (string | Buffer)[]) => void): (string | Buffer)[] | undefined;
  };
}

/** A packet of engine.io-parser. */
export interface EnginePacket {
  readonly type: string;
  readonly data?: string | Buffer;
}

interface EngineParserV4 {
  encodePayload(packets: readonly EnginePacket[], done: (payload: string) => void): void;
  decodePayload(payload: string): EnginePacket[];
}

interface EngineParserV3 {
  encodePayload(
    packets: readonly EnginePacket[],
    supportsBinary: boolean,
    done: (payload: string | Buffer) => void,
  ): void;
  decodePayload(payload: string | Buffer, done: (packet: EnginePacket) => void): void;
}

/** Where each client lies: its parsers are found from there. */
const clients = {
  "4": import.meta.resolve("socket.io-client"),
  "3": import.meta.resolve("socket.io-client-3"),
  "2": import.meta.resolve("socket.io-client-2"),
} as const;

export type ClientVersion = keyof typeof clients;

/** The transport layer of a client is a package of its own, with its own parser. */
const engineClient = "engine.io-client";

function requireOf(version: ClientVersion): NodeJS.Require {
  return createRequire(clients[version]);
}

/** Decodes what one message is made of. Throws on what the client takes for no packet. */
export function officialDecode(
  version: ClientVersion,
  frames: readonly (string | Uint8Array)[],
): OfficialPacket | undefined {
  const { Decoder } = requireOf(version)("socket.io-parser") as SocketIoParser;
  const decoder = new Decoder();
  let decoded: OfficialPacket | undefined;
  decoder.on("decoded", (packet) => {
    decoded = packet;
  });
  for (const frame of frames) decoder.add(frame);
  return decoded;
}

export function officialEncode(version: ClientVersion, packet: object): readonly (string | Buffer)[] {
  const { Encoder } = requireOf(version)("socket.io-parser") as SocketIoParser;
  let frames: readonly (string | Buffer)[] = [];
  const returned = new Encoder().encode(packet, (encoded) => {
    frames = encoded;
  });
  return returned ?? frames;
}

/** Engine.IO 4 payloads, as socket.io-client 4 makes and reads them. */
export const enginePayloadV4 = {
  encode(packets: readonly EnginePacket[]): string {
    let payload = "";
    (engineParser("4") as EngineParserV4).encodePayload(packets, (encoded) => {
      payload = encoded;
    });
    return payload;
  },
  decode: (payload: string): EnginePacket[] => (engineParser("4") as EngineParserV4).decodePayload(payload),
};

/** Engine.IO 3 payloads, as socket.io-client 2 makes and reads them. */
export const enginePayloadV3 = {
  encode(packets: readonly EnginePacket[], supportsBinary: boolean): string | Buffer {
    let payload: string | Buffer = "";
    (engineParser("2") as EngineParserV3).encodePayload(packets, supportsBinary, (encoded) => {
      payload = encoded;
    });
    return payload;
  },
  decode(payload: string | Buffer): EnginePacket[] {
    const packets: EnginePacket[] = [];
    (engineParser("2") as EngineParserV3).decodePayload(payload, (packet) => void packets.push(packet));
    return packets;
  },
};

function engineParser(version: ClientVersion): unknown {
  return createRequire(requireOf(version).resolve(engineClient))("engine.io-parser");
}
