// What the gateway itself publishes on a channel of the Python queue: always JSON that every version understands
// (PSQ-20), older ones by falling back from pickle.

import type { Canary } from "../../../core/bus.ts";

export interface PythonEmit {
  readonly event: string;
  /** Raw JSON texts, binary as numbered placeholders. */
  readonly args: readonly string[];
  readonly attachments: readonly Uint8Array[];
  readonly namespace: string;
  /** null: everyone in the namespace. */
  readonly room: string | readonly string[] | null;
  readonly hostId: string;
}

/** An `emit` with its full set of fields (PSQ-20). */
export function encodeEmit(emit: PythonEmit): string {
  const { event, namespace, room, hostId } = emit;
  const said = `"event":${JSON.stringify(event)},"data":${encodeData(emit)},"binary":${emit.attachments.length > 0}`;
  const to = `"namespace":${JSON.stringify(namespace)},"room":${JSON.stringify(room)},"skip_sid":null`;
  return `{"method":"emit",${said},${to},"callback":null,"host_id":${JSON.stringify(hostId)}}`;
}

/** One argument that is no list goes as it is, because all versions read that alike. */
function encodeData({ args, attachments }: PythonEmit): string {
  const [first] = args;
  if (attachments.length === 0 && args.length < 2 && first?.startsWith("[") !== true) return first ?? "null";
  const list = `[${args.join(",")}]`;
  if (attachments.length === 0) return list;
  return `[${[list, ...attachments.map((bytes) => `"${Buffer.from(bytes).toString("base64")}"`)].join(",")}]`;
}

export interface PythonCallback {
  readonly hostId: string;
  /** The emit's `callback`: room, namespace and id as raw JSON. */
  readonly callback: readonly [string, string, string];
  /** Raw JSON texts without binary. */
  readonly args: readonly string[];
}

/** A client's acknowledgement on its way to the backend that asked for it (PSQ-10). */
export function encodeCallback({ hostId, callback, args }: PythonCallback): string {
  const [room, namespace, id] = callback;
  const head = JSON.stringify({ method: "callback", host_id: hostId });
  return `${head.slice(0, -1)},"sid":${room},"namespace":${namespace},"id":${id},"args":[${args.join(",")}]}`;
}

/** Longer than any canary: other messages are told by their length alone. */
const maxCanaryBytes = 128;
const canaryForm = /^\{"belfry":"canary","token":"([A-Za-z0-9]{1,64})"\}$/;

/** An object without `method`: that word, or a bare value, would end old listeners (PSQ-17). */
export function queueCanary(channel: string): Canary {
  return {
    channel,
    encode: (token) => JSON.stringify({ belfry: "canary", token }),
    decode: ({ payload }) =>
      payload.length > maxCanaryBytes ? undefined : canaryForm.exec(payload.toString("latin1"))?.[1],
  };
}
