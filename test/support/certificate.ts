// Certificates for tests that speak TLS: each signed by itself, made anew, in a folder that goes away with the test.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./process.ts";
import { needTool } from "./tools.ts";

/** A folder of files in PEM; `using` removes it. */
export class CertificateFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "belfry-tls-"));

  /** Makes `<name>.crt` and `<name>.key` for 127.0.0.1. @returns their paths. */
  async make(name: string): Promise<{ readonly cert: string; readonly key: string }> {
    const files = { cert: join(this.path, `${name}.crt`), key: join(this.path, `${name}.key`) };
    const form = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    const names = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
    const out = ["-keyout", files.key, "-out", files.cert];
    const { code, stderr } = await run([needTool("openssl"), ...form.split(" "), ...names, ...out]);
    if (code !== 0) throw new Error(`Expected openssl to make a certificate, got status ${code}: ${stderr}`);
    return files;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
