// SPDX-License-Identifier: Apache-2.0
//
// An issuer of programs' tokens, as a CI service is one: discovery, keys, and tokens of any claims. Counts what it is asked.
import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

import { noteSecret } from "./secrets.ts";

export class Issuer {
  /** By path. */
  readonly asked = new Map<string, number>();
  private kid = 0;
  private key!: KeyObject;
  private keys: object[] = [];
  private constructor(readonly issuer: string) {
    this.rotate();
  }

  static async start(port: number, tls: { cert: string; key: string }): Promise<Issuer> {
    const it = new Issuer(`https://127.0.0.1:${port}`);
    const server = createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, (request, response) => {
      const path = request.url ?? "";
      it.asked.set(path, (it.asked.get(path) ?? 0) + 1);
      const body = path === "/.well-known/openid-configuration" ? { issuer: it.issuer, jwks_uri: `${it.issuer}/keys` } : path === "/keys" ? { keys: it.keys } : undefined;
      response.writeHead(body ? 200 : 404, { "content-type": "application/json" });
      response.end(JSON.stringify(body ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    server.unref();
    return it;
  }

  /** From here on tokens are signed with a new key. */
  rotate(): void {
    const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.kid += 1;
    this.key = pair.privateKey;
    this.keys = [{ ...pair.publicKey.export({ format: "jwk" }), kid: `key-${this.kid}`, alg: "RS256", use: "sig" }];
  }

  token(claims: Record<string, unknown>, header: Record<string, unknown> = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const input = `${encode({ alg: "RS256", typ: "JWT", kid: `key-${this.kid}`, ...header })}.${encode({ iss: this.issuer, iat: now, exp: now + 300, ...claims })}`;
    const token = `${input}.${createSign("RSA-SHA256").update(input).sign(this.key).toString("base64url")}`;
    noteSecret("token", token);
    return token;
  }
}
