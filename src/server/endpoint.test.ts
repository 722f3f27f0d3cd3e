import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateFolder } from "../../test/support/certificate.ts";
import { run } from "../../test/support/process.ts";
import { rawRequest } from "../../test/support/raw.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "../core/observe.ts";
import { endpointLabel, makeWay, readTls, withMode } from "./endpoint.ts";
import type { Endpoint, TlsFiles } from "./endpoint.ts";
import { Listener } from "./listener.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "belfry-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function start(address: Endpoint, tls?: TlsFiles): Promise<Listener> {
  return Listener.start({
    address,
    tls,
    routes: [{ path: "/", isPrefix: false, fetch: (_request, { address: client }) => new Response(client) }],
    origins: undefined,
    trustedProxies: [],
    maxMessageBytes: 1_000,
    limits: defaultLimits,
    observe: silent,
  });
}

/** The sentence of a start that fails. */
async function failure(doing: () => unknown): Promise<string> {
  try {
    await doing();
  } catch (error) {
    if (error instanceof GatewayError && error.code === "start_failed") return error.message;
    throw error;
  }
  throw new Error("Expected a failure");
}

/** A program that listens on the path, as another process would. */
async function occupy(path: string): Promise<Server> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(path, resolve);
  await promise;
  return server;
}

/** Leaves a socket's file behind as a killed process does. */
async function abandon(path: string): Promise<void> {
  const listen = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await run([process.execPath, "-e", listen]);
  expect(lstatSync(path).isSocket()).toBe(true);
}

describe("unix sockets", () => {
  const modeOf = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);

  test("SEC-15 listens there with the permissions asked for, and removes the file at the end", async () => {
    const path = join(folder, "own.sock");
    for (const mode of [0o660, 0o600, 0o666]) {
      const listener = await start({ unix: path, mode });
      expect(listener.url).toBe(`unix:${path}`);
      expect(modeOf(path)).toBe(mode.toString(8));
      expect((await rawRequest(listener.url, { path: "/" })).text).toBe("unix:");
      await listener.stop();
      expect(existsSync(path)).toBe(false);
    }
  });

  test("T32 the permissions of other files are as before, also after a failure", async () => {
    const before = process.umask();
    const endpoint = { unix: join(folder, "missing", "x.sock"), mode: 0o600 };
    expect(await failure(async () => start(endpoint))).toBe(
      `Expected to listen on unix:${endpoint.unix}, got ENOENT`,
    );
    expect(process.umask()).toBe(before);
    expect(withMode({ host: "127.0.0.1", port: 0 }, () => process.umask())).toBe(before);
  });

  test("F9 the socket that a killed process left behind is replaced", async () => {
    const path = join(folder, "stale.sock");
    await abandon(path);
    const listener = await start({ unix: path, mode: 0o660 });
    expect((await rawRequest(listener.url, { path: "/" })).status).toBe(200);
    await listener.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("T32 one that is in use is refused, and goes on", async () => {
    const path = join(folder, "used.sock");
    const first = await start({ unix: path, mode: 0o660 });
    expect(await failure(async () => start({ unix: path, mode: 0o660 }))).toBe(
      `Expected the unix socket ${path} to be free, another process listens there`,
    );
    expect((await rawRequest(first.url, { path: "/" })).status).toBe(200);
    await first.stop();
    const other = await occupy(path);
    expect(await failure(async () => makeWay(path))).toEndWith("another process listens there");
    other.close();
  });

  test("T32 a file, a folder or a link is never removed", async () => {
    const paths = ["file", "folder", "link"].map((name) => join(folder, name)) as [string, string, string];
    const [file, , link] = paths;
    writeFileSync(file, "precious");
    symlinkSync(file, link);
    for (const path of [file, folder, link]) {
      const sentence = `Expected ${path} to be free for a unix socket, got a file of another kind`;
      expect(await failure(async () => start({ unix: path, mode: 0o660 }))).toBe(sentence);
    }
    expect(readFileSync(link, "utf8")).toBe("precious");
  });

  test("T32 a path below a file is a sentence", async () => {
    const path = join(folder, "file-in-the-way");
    writeFileSync(path, "");
    expect(await failure(async () => makeWay(join(path, "x.sock")))).toBe(
      `Expected to find out what stands at ${join(path, "x.sock")}, got ENOTDIR`,
    );
  });

  test("several gateways that start at once on a stale socket: one has it, the others are refused", async () => {
    const path = join(folder, "race.sock");
    await abandon(path);
    const starts = Array.from({ length: 5 }, async () => start({ unix: path, mode: 0o660 }));
    const ends = await Promise.allSettled(starts);
    const started = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
    expect(started).toHaveLength(1);
    expect((await rawRequest(`unix:${path}`, { path: "/" })).status).toBe(200);
    for (const listener of started) await listener.stop();
  });
});

describe("TLS", () => {
  let certificates: CertificateFolder;
  let files: TlsFiles;
  let others: TlsFiles;
  beforeAll(async () => {
    certificates = new CertificateFolder();
    files = await certificates.make("belfry-test");
    others = await certificates.make("another");
  });
  afterAll(() => {
    certificates[Symbol.dispose]();
  });

  const write = (name: string, text: string): string => {
    const path = join(certificates.path, name);
    writeFileSync(path, text);
    return path;
  };

  test("a certificate and its key serve https", async () => {
    const listener = await start({ host: "127.0.0.1", port: 0 }, files);
    expect(listener.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await rawRequest(listener.url, { path: "/" })).toMatchObject({ status: 200, text: "127.0.0.1" });
    const trusting = { tls: { ca: readFileSync(files.cert, "utf8") } };
    expect((await fetch(listener.url, trusting)).status).toBe(200);
    await listener.stop();
  });

  test("TLS works on a unix socket, too", async () => {
    const path = join(folder, "tls.sock");
    const listener = await start({ unix: path, mode: 0o660 }, files);
    const options = { unix: path, tls: { rejectUnauthorized: false } };
    expect(await (await fetch("https://localhost/", options)).text()).toBe("unix:");
    await listener.stop();
  });

  test("SEC-04 files that cannot be used are named, and nothing of their content is", async () => {
    const secret = "c2VjcmV0IGtleSBtYXRlcmlhbA";
    const broken = write("broken.pem", `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`);
    const text = write("text.pem", secret);
    const missing = join(certificates.path, "missing.pem");
    const locked = write("locked.pem", await encrypted(files.key));
    const cases: readonly (readonly [files: TlsFiles, sentence: string])[] = [
      [{ ...files, cert: missing }, `Expected a certificate in the file ${missing}, got ENOENT`],
      [{ ...files, key: missing }, `Expected a private key in the file ${missing}, got ENOENT`],
      [{ ...files, cert: folder }, `Expected a certificate in the file ${folder}, got EISDIR`],
      [{ ...files, cert: files.key }, `Expected a certificate in PEM in ${files.key}, got something else`],
      [{ ...files, cert: text }, `Expected a certificate in PEM in ${text}, got something else`],
      ...[files.cert, broken, text, locked].map((key) => {
        const sentence = `Expected a private key in PEM without a passphrase in ${key}, got something else`;
        return [{ ...files, key }, sentence] as const;
      }),
      [
        { ...files, key: others.key },
        `Expected the key in ${others.key} to belong to the certificate in ${files.cert}, got another's`,
      ],
    ];
    for (const [given, sentence] of cases) {
      expect(await failure(async () => start({ host: "127.0.0.1", port: 0 }, given))).toBe(sentence);
      const error = await start({ host: "127.0.0.1", port: 0 }, given).catch((cause: unknown) => cause);
      expect(Bun.inspect(error)).not.toContain(secret);
    }
    expect(readTls(others)).toEqual({
      cert: readFileSync(others.cert, "utf8"),
      key: readFileSync(others.key, "utf8"),
    });
  });

  test("T32 a key that we may not read is a sentence", async () => {
    const key = write("closed.pem", "x");
    chmodSync(key, 0o000);
    // Root may read everything.
    const code = process.getuid?.() === 0 ? "something else" : "EACCES";
    expect(await failure(() => readTls({ ...files, key }))).toEndWith(`got ${code}`);
  });

  async function encrypted(key: string): Promise<string> {
    const { stdout } = await run(["openssl", "pkcs8", "-topk8", "-in", key, "-passout", "pass:x"]);
    expect(stdout).toContain("ENCRYPTED PRIVATE KEY");
    return stdout;
  }
});

test("what an address is called", () => {
  expect(endpointLabel({ host: "127.0.0.1", port: 1 })).toBe("127.0.0.1:1");
  expect(endpointLabel({ host: "::1", port: 1 })).toBe("[::1]:1");
  expect(endpointLabel({ unix: "/run/x.sock", mode: 0o660 })).toBe("unix:/run/x.sock");
});
