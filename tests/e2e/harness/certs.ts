// SPDX-License-Identifier: Apache-2.0
//
// One certificate authority for everything of a run, made with the openssl program.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { must } from "./process.ts";

export class Authority {
  private constructor(readonly folder: string) {}
  get caFile(): string {
    return join(this.folder, "ca.crt");
  }
  get caKey(): string {
    return join(this.folder, "ca.key");
  }
  get caPem(): string {
    return readFileSync(this.caFile, "utf8");
  }

  static async create(folder: string): Promise<Authority> {
    const authority = new Authority(folder);
    await must("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=demo CA", "-keyout", authority.caKey, "-out",
      authority.caFile, "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
    return authority;
  }

  /** A certificate `name.crt` with its key `name.key`, for loopback or as a client of the API server. */
  async issue(name: string, subject: string, usage: "serverAuth" | "clientAuth" | "serverAuth,clientAuth" = "serverAuth", names: string[] = []): Promise<{ cert: string; key: string }> {
    const cert = join(this.folder, `${name}.crt`), key = join(this.folder, `${name}.key`);
    await must("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", subject, "-keyout", key, "-out", cert, "-CA", this.caFile,
      "-CAkey", this.caKey, "-addext", "basicConstraints=critical,CA:FALSE", "-addext", `extendedKeyUsage=${usage}`, "-addext", `subjectAltName=${["DNS:localhost", "IP:127.0.0.1", ...names.map((each) => `DNS:${each}`)].join(",")}`]);
    return { cert, key };
  }
}
