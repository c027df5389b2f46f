// SPDX-License-Identifier: Apache-2.0
//
// One certificate authority for everything of a run, made with the openssl program.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { must } from "./process.ts";

export class Authority {
  private constructor(readonly folder: string, private readonly daysAgo: number) {}
  get caFile(): string {
    return join(this.folder, "ca.crt");
  }
  get caKey(): string {
    return join(this.folder, "ca.key");
  }
  get caPem(): string {
    return readFileSync(this.caFile, "utf8");
  }

  /** `daysAgo`: its certificates began so long ago, for clocks that are set back. */
  static async create(folder: string, daysAgo = 0): Promise<Authority> {
    const authority = new Authority(folder, daysAgo);
    await authority.openssl(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=demo CA", "-keyout", authority.caKey, "-out",
      authority.caFile, "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
    return authority;
  }

  private async openssl(args: string[]): Promise<void> {
    if (this.daysAgo > 0) await must("faketime", ["-f", `-${this.daysAgo}d`, "openssl", ...args]);
    else await must("openssl", args);
  }

  /** A certificate `name.crt` with its key `name.key`, for loopback or as a client of the API server. */
  async issue(name: string, subject: string, usage: "serverAuth" | "clientAuth" | "serverAuth,clientAuth" = "serverAuth", names: string[] = []): Promise<{ cert: string; key: string }> {
    const cert = join(this.folder, `${name}.crt`), key = join(this.folder, `${name}.key`);
    await this.openssl(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", subject, "-keyout", key, "-out", cert, "-CA", this.caFile,
      "-CAkey", this.caKey, "-addext", "basicConstraints=critical,CA:FALSE", "-addext", `extendedKeyUsage=${usage}`, "-addext", `subjectAltName=${["DNS:localhost", "IP:127.0.0.1", ...names.map((each) => `DNS:${each}`)].join(",")}`]);
    return { cert, key };
  }
}
