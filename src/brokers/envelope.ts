// The form in which a publication travels between gateways: one JSON object, bytes as base64. What cannot be read is junk,
// never an error: any client of the server may publish on the channel.

import { parseJson } from "../base/json.ts";
import { toBase64 } from "../codec/base64.ts";
import type { Publication } from "../core/publication.ts";
import { readPosition } from "./log-store.ts";
import { RawPublication } from "../codec/raw-publication.ts";

/** A publication and its sender's number for it. */
export interface Envelope {
  /** No other has it. Only what hears the channel, and may say anything there, can guess the next one of a gateway. */
  readonly id: string;
  /** Where it stands in its room's log, which puts that in front of the other fields (`withPosition`). */
  readonly at?: string | undefined;
  readonly publication: Publication;
}

/** Raised when an older gateway could misread what a newer one writes. */
const version = 1;

/** `args` and `attachments` of a raw publication are made from its bytes, so they do not travel. */
export function encodeEnvelope({ id, publication }: Envelope): string {
  const { namespace, rooms, isTree, except, skip, event, raw, only, not, volatile } = publication;
  return JSON.stringify({
    version,
    id,
    namespace,
    rooms,
    isTree,
    except,
    skip,
    only,
    not,
    volatile,
    raw: raw && toBase64(raw),
    event: raw ? undefined : event,
    args: raw ? undefined : publication.args,
    attachments: raw ? undefined : publication.attachments.map(toBase64),
  });
}

/** @returns the reason when it is none of this version. */
export function decodeEnvelope(text: string): Envelope | "not_json" | "version_unknown" | "envelope_invalid" {
  const fields = parse(text);
  if (!fields) return "not_json";
  if (fields["version"] !== version) return "version_unknown";
  const { id, at } = fields;
  const publication = readPublication(fields);
  if (typeof id !== "string" || !publication) return "envelope_invalid";
  if (at === undefined) return { id, publication };
  return typeof at === "string" && readPosition(at) ? { id, publication, at } : "envelope_invalid";
}

/** The front of a text that may be an envelope. */
export interface EnvelopeHead {
  readonly id: string;
  readonly at: string | undefined;
  /** So many characters are there because of `at`. */
  readonly added: number;
}

/** As `encodeEnvelope` and `withPosition` begin; one of another version is read whole. */
const headForm =
  /^\{("at":"([A-Za-z0-9]{1,64}:\d{1,16}\.[A-Za-z0-9]{1,16})",)?"version":1,"id":"([^"]{1,64})"/;

/** Reads nothing but the front. @returns undefined where that is not ours. */
export function readHead(text: string): EnvelopeHead | undefined {
  const [, front = "", at, id] = headForm.exec(text) ?? [];
  return id === undefined ? undefined : { id, at, added: front.length };
}

type Fields = Readonly<Record<string, unknown>>;

function parse(text: string): Fields | undefined {
  const value = parseJson(text);
  return typeof value === "object" && value !== null ? (value as Fields) : undefined;
}

function readPublication(fields: Fields): Publication | undefined {
  const { namespace, rooms, isTree, except, skip, event, args, attachments, raw, only, not, volatile } =
    fields;
  if (typeof namespace !== "string" || (rooms !== undefined && !isTexts(rooms))) return undefined;
  if (!isTexts(except) || !isTexts(skip) || !isOptionalText(only) || !isOptionalText(not)) return undefined;
  const target = { namespace, rooms, isTree: isTree === true, except, skip };
  const dialects = { ...(only !== undefined && { only }), ...(not !== undefined && { not }) };
  if (typeof raw === "string") return new RawPublication(target, Buffer.from(raw, "base64"), dialects);
  if (typeof event !== "string" || !isTexts(args) || !isTexts(attachments)) return undefined;
  return {
    kind: "publication",
    ...target,
    ...dialects,
    event,
    args,
    attachments: attachments.map((bytes) => Buffer.from(bytes, "base64")),
    volatile: volatile === true,
  };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}
