// SPDX-License-Identifier: Apache-2.0
//
// One API server for many set-ups: each variant is an identity provider and a portal of its own, at the same addresses and with
// the same signing keys, so that the API server needn't be started again. One variant at a time.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { Visitor } from "./browserless.ts";
import { Authority } from "./certs.ts";
import { Cluster } from "./cluster.ts";
import { Machine } from "./kubectl.ts";
import { OpenUnison, type OpenUnisonOptions } from "./openunison.ts";
import { openunisonProgram, pinnedTools, root } from "./paths.ts";
import { freePort, run, waitFor, type Output } from "./process.ts";
import { demoPeople, Upstream, type UpstreamOptions } from "./upstream.ts";

export interface VariantOptions {
  upstream?: Partial<UpstreamOptions>;
  /** What values say where it isn't what the provider says of itself. */
  issuer?: string;
  scopes?: string;
  /** More of the oidc: block. */
  oidc?: string;
  authentication?: string;
  openunison?: string;
}

export interface Person {
  visitor: Visitor;
  machine: Machine;
}

export class Variant {
  constructor(readonly stack: VariantStack, public upstream: Upstream, readonly portal: OpenUnison) {}
  visitor(): Visitor {
    return new Visitor(this.stack.authority.caPem);
  }
  /** Somebody who is signed in and has pasted the command. */
  async person(name: string): Promise<Person> {
    const visitor = this.visitor();
    const page = await visitor.signIn(this.portal.portal, name, demoPeople[name]!.password);
    if (page.status !== 200) throw new Error(`${name} isn't let in (${page.status}): ${page.body}`);
    const machine = new Machine(this.stack.folder, pinnedTools);
    const pasted = await machine.paste(await visitor.command(this.portal.portal, "demo"));
    if (pasted.code !== 0) throw new Error(`pasting failed: ${pasted.stderr}`);
    return { visitor, machine };
  }
  /** `openunison check` of this variant's values. */
  check(): Promise<Output> {
    return run(this.stack.program, ["check", "-f", this.portal.valuesFile, "--secrets", this.portal.secrets]);
  }
  /** Another provider at the same address, while the portal runs on. */
  async replaceUpstream(options: Partial<UpstreamOptions>): Promise<void> {
    await this.upstream.stop();
    this.upstream = await this.stack.startUpstream(options);
  }
  async stop(): Promise<void> {
    await this.portal.stop();
    await this.upstream.stop();
  }
}

export class VariantStack {
  private current?: Variant;
  private count = 0;
  private constructor(
    readonly folder: string, readonly program: string, readonly authority: Authority, readonly cluster: Cluster, private readonly tls: { cert: string; key: string },
    private readonly ports: { portal: number; management: number; upstream: number },
  ) {}
  private static started?: Promise<VariantStack>;
  static shared(): Promise<VariantStack> {
    return (this.started ??= this.start());
  }

  get portalUrl(): string {
    return `https://localhost:${this.ports.portal}`;
  }
  get upstreamUrl(): string {
    return `https://127.0.0.1:${this.ports.upstream}`;
  }

  private static async start(): Promise<VariantStack> {
    const folder = join(root, "build/e2e-variants");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const authority = await Authority.create(folder);
    const ports = { portal: await freePort(), management: await freePort(), upstream: await freePort() };
    const cluster = await Cluster.prepare(join(folder, "cluster"), pinnedTools, authority);
    const stack = new VariantStack(folder, openunisonProgram, authority, cluster, await authority.issue("upstream", "/CN=127.0.0.1"), ports);
    const first = await stack.variant({});
    await cluster.start(await first.portal.apiServerFlags());
    await cluster.applyDemoAccess();
    // The API server asks for its provider every ten seconds; from here on tokens are accepted.
    const { machine } = await first.person("alice");
    await waitFor("the API server to know the provider", async () => (await machine.kubectl(["auth", "whoami"])).code === 0);
    return stack;
  }

  startUpstream(options: Partial<UpstreamOptions> = {}): Promise<Upstream> {
    return Upstream.start({
      port: this.ports.upstream, ...this.tls, clientSecret: "upstream-secret", redirectUris: [`${this.portalUrl}/auth/oidc`], postLogoutUris: [`${this.portalUrl}/signed-out`], ...options,
    });
  }

  /** Ends the variant before it and starts this one. */
  async variant(options: VariantOptions): Promise<Variant> {
    await this.current?.stop();
    this.current = undefined;
    const { ports } = this;
    const upstream = await this.startUpstream(options.upstream);
    const values: OpenUnisonOptions = {
      folder: this.folder, authority: this.authority, port: ports.portal, managementPort: ports.management, apiServer: this.cluster.server,
      upstream: { issuer: options.issuer ?? upstream.issuer, clientSecret: "upstream-secret", scopes: options.scopes, extra: options.oidc },
      authentication: options.authentication ?? "group_refresh_seconds: 1", openunisonExtra: options.openunison,
      logName: `openunison-${(this.count += 1)}.log`,
    };
    const portal = new OpenUnison(values);
    await portal.prepare();
    await portal.start();
    return (this.current = new Variant(this, upstream, portal));
  }

  async stopVariant(): Promise<void> {
    await this.current?.stop();
    this.current = undefined;
  }
}
