// SPDX-License-Identifier: Apache-2.0
//
// A portal with an identity provider and no cluster: enough for what people, browsers, clients and providers do to it.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Visitor } from "./browserless.ts";
import { Authority } from "./certs.ts";
import { logEnd, logEntries } from "./log.ts";
import { OpenUnison, type OpenUnisonOptions } from "./openunison.ts";
import { root } from "./paths.ts";
import { freePort } from "./process.ts";
import { Upstream } from "./upstream.ts";

export interface FrontOptions {
  portal?: Partial<OpenUnisonOptions>;
  /** Secrets of clients, by id. */
  clients?: Record<string, string>;
  /** Makes the provider, at this port; undefined: the well-behaved one. */
  provider?: (port: number, tls: { cert: string; key: string }, callback: string) => Promise<Provider>;
}

export interface Provider {
  readonly issuer: string;
  stop(): Promise<void>;
}

export class Front<P extends Provider = Provider> {
  private constructor(readonly folder: string, readonly authority: Authority, readonly portal: OpenUnison, readonly provider: P) {}

  static async start<P extends Provider = Upstream>(name: string, options: FrontOptions = {}): Promise<Front<P>> {
    const folder = join(root, "build/e2e-fronts", name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const authority = await Authority.create(folder);
    const port = await freePort(), upstreamPort = await freePort(), managementPort = await freePort();
    const tls = await authority.issue("upstream", "/CN=127.0.0.1");
    const callback = `https://${options.portal?.host ?? "localhost"}:${port}/auth/oidc`;
    const provider = options.provider
      ? await options.provider(upstreamPort, tls, callback)
      : await Upstream.start({ port: upstreamPort, ...tls, clientSecret: "upstream-secret", redirectUris: [callback], postLogoutUris: [`https://localhost:${port}/signed-out`] });
    const portal = new OpenUnison({
      folder, authority, port, managementPort, apiServer: "https://127.0.0.1:1", upstream: { issuer: provider.issuer, clientSecret: "upstream-secret" }, ...options.portal,
    });
    await portal.prepare();
    for (const [id, secret] of Object.entries(options.clients ?? {})) writeFileSync(join(portal.secrets, `CLIENT_${id}`), secret, { mode: 0o600 });
    await portal.start();
    return new Front(folder, authority, portal, provider as unknown as P);
  }

  visitor(): Visitor {
    return new Visitor(this.authority.caPem);
  }
  /** The log's lines from a byte on; `mark` gives where it ends now. */
  log(from = 0): Record<string, unknown>[] {
    return logEntries(this.portal.log, from);
  }
  mark(): number {
    return logEnd(this.portal.log);
  }

  async stop(): Promise<void> {
    await this.portal.stop();
    await this.provider.stop();
  }
}
