// Where a listener is reached: a TCP address or a unix socket, with TLS or without. It makes way for the socket's file,
// reads the certificate, and says in a sentence why an address cannot be had. Nothing of a key is ever in a sentence.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { lstatSync, unlinkSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { lookup } from "node:dns/promises";
import { connect, isIP } from "node:net";
import { hostAndPort } from "../base/ip-address.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { readNamedFile } from "../files/named-file.ts";

export interface TcpEndpoint {
  /** A name or an address without brackets. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface UnixEndpoint {
  /** Path of the socket's file. */
  readonly unix: string;
  /** Permissions of the file: who may connect. */
  readonly mode: number;
}

export type Endpoint = TcpEndpoint | UnixEndpoint;

/** Files in PEM: the certificate and those that vouch for it, and its key. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** A chain of certificates has some kilobytes. */
const maxPemBytes = 1024 * 1024;
/** A process that listens answers at once; one that is stopped lets us wait. */
const answerMs = 2_000;

/**
 * Removes the socket that a dead process left behind; anything else stays. Call it right before listening there.
 * @throws GatewayError `start_failed` when the path is taken.
 */
export async function makeWay(path: string): Promise<void> {
  const found = statusOf(path);
  if (!found) return;
  if (!found.isSocket())
    throw failed(`Expected ${path} to be free for a unix socket, got a file of another kind`);
  if (await isAnswered(path)) {
    throw failed(`Expected the unix socket ${path} to be free, another process listens there`);
  }
  // Another process may have taken the place meanwhile, and listen there. Numbers of files are used again, times are not.
  const now = statusOf(path);
  if (now?.ino === found.ino && now.ctimeNs === found.ctimeNs) unlinkSync(path);
}

function statusOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false, bigint: true });
  } catch (error) {
    throw failed(`Expected to find out what stands at ${path}, got ${codeOf(error)}`, error);
  }
}

/** Only a refused connection proves that no process listens there. */
async function isAnswered(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path, timeout: answerMs });
  const taken = (): void => {
    resolve(true);
  };
  socket.once("connect", taken).once("timeout", taken);
  socket.once("error", (error) => {
    resolve(!["ECONNREFUSED", "ENOENT"].includes(codeOf(error)));
  });
  const answered = await promise;
  socket.destroy();
  return answered;
}

/** @throws GatewayError `start_failed` when the files cannot be used, or do not belong together. */
export function readTls(files: TlsFiles): { readonly cert: string; readonly key: string } {
  const [cert, key] = [readPem(files.cert, "a certificate"), readPem(files.key, "a private key")];
  const certificate = parsed(`a certificate in PEM in ${files.cert}`, () => new X509Certificate(cert));
  const privateKey = parsed(`a private key in PEM without a passphrase in ${files.key}`, () =>
    createPrivateKey(key),
  );
  if (certificate.checkPrivateKey(privateKey)) return { cert, key };
  throw failed(
    `Expected the key in ${files.key} to belong to the certificate in ${files.cert}, got another's`,
  );
}

function readPem(path: string, what: string): string {
  try {
    return readNamedFile(path, maxPemBytes).toString("utf8");
  } catch (error) {
    throw failed(`Expected ${what} in the file ${path}, got ${codeOf(error)}`, error);
  }
}

/** What the parser says might quote the file: it is left out, as a cause too. */
function parsed<Result>(expected: string, parse: () => Result): Result {
  try {
    return parse();
  } catch {
    throw failed(`Expected ${expected}, got something else`);
  }
}

/** Runs `listen`, with the permissions of new files set: there is no moment in which others may connect. */
export function withMode<Result>(endpoint: Endpoint, listen: () => Result): Result {
  if (!("unix" in endpoint)) return listen();
  const before = process.umask(0o777 & ~endpoint.mode);
  try {
    return listen();
  } finally {
    process.umask(before);
  }
}

/**
 * The engine takes an unknown name for an address that another machine has.
 * @throws GatewayError `start_failed` when there is no such name.
 */
export async function checkHost(endpoint: TcpEndpoint): Promise<void> {
  if (isIP(endpoint.host) !== 0) return;
  try {
    await lookup(endpoint.host);
  } catch (error) {
    const where = endpointLabel(endpoint);
    throw failed(`Expected ${where} to be an address of this machine, got a name that has none`, error);
  }
}

/** For people: `127.0.0.1:8899`, `[::1]:8899`, `unix:/run/belfry.sock`. */
export function endpointLabel(endpoint: Endpoint): string {
  if ("unix" in endpoint) return `unix:${endpoint.unix}`;
  return hostAndPort(endpoint.host, endpoint.port);
}

/** Why `Bun.serve` did not listen there. */
export function listenFailure(endpoint: Endpoint, error: unknown): GatewayError {
  const where = endpointLabel(endpoint);
  const code = codeOf(error);
  if (code === "EADDRINUSE")
    return failed(
      `Expected ${where} to be free, another process listens there: end it, or listen elsewhere (--address, BELFRY_ADDRESS)`,
      error,
    );
  if (code === "EADDRNOTAVAIL") {
    return failed(
      `Expected ${where} to be an address of this machine, got one that it does not have; 0.0.0.0 is all that it has`,
      error,
    );
  }
  if (code === "EACCES") return failed(`Expected the right to listen on ${where}, got EACCES`, error);
  return failed(`Expected to listen on ${where}, got ${code}`, error);
}

function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? code : String(error);
}

function failed(sentence: string, cause?: unknown): GatewayError {
  return new GatewayError("start_failed", sentence, { cause });
}
