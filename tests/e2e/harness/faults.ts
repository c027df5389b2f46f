// SPDX-License-Identifier: Apache-2.0
//
// kill -9 while refresh tokens rotate under load, again and again on the same SQLite store. What the server has acknowledged must
// be there after each restart, and what it has retired must stay so.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { Visitor } from "./browserless.ts";
import { Authority } from "./certs.ts";
import { OpenUnison } from "./openunison.ts";
import { root } from "./paths.ts";
import { freePort, sleep } from "./process.ts";
import { demoPeople, Upstream } from "./upstream.ts";

export interface FaultCounts {
  cycles: number;
  /** Answers 200 that clients got. */
  acknowledged: number;
  /** Requests that a kill cut: whether they counted is open until the next one. */
  cut: number;
  /** The newest token that a client was given is not known any more. */
  lost: number;
  /** A token that was replaced twice gets a successor of its own. */
  revived: number;
  /** Tokens revoked before the first kill that were accepted after a restart. */
  replayed: number;
  /** Clients that must sign in again, for whatever reason. */
  forcedSignIns: number;
  /** Upstream token requests beyond the sign-ins: re-reads, which are off here. */
  rereads: number;
  /** From exec to ready, in milliseconds. */
  readyAfter: number[];
}

/** One kubectl's refresh tokens. */
export class Chain {
  retired?: string;  // the one before the one before `current`
  previous?: string;
  constructor(public current: string) {}
  advance(next: string): void {
    if (next === this.current) return;
    this.retired = this.previous;
    this.previous = this.current;
    this.current = next;
  }
}

export type Outcome = { token: string } | { refused: string; retryAfter?: string } | "cut";

export async function refresh(client: Visitor, issuer: string, token: string): Promise<Outcome> {
  try {
    const answer = await client.fetch(`${issuer}/token`, { form: { grant_type: "refresh_token", refresh_token: token, client_id: "kubernetes" } });
    const body = JSON.parse(answer.body) as { refresh_token?: string; error?: string; error_description?: string };
    if (answer.status === 200 && body.refresh_token) return { token: body.refresh_token };
    return { refused: `${answer.status} ${body.error ?? ""} ${body.error_description ?? ""}`, retryAfter: answer.headers["retry-after"] };
  } catch {
    return "cut";
  }
}

export interface Stand {
  folder: string;
  authority: Authority;
  upstream: Upstream;
  portal: OpenUnison;
}

/** A server with an upstream in build/NAME; not started. A stale token is refused and ends nothing, so that it can be tried. */
export async function stand(name: string, options: { rereadEvery?: number; env?: (folder: string) => NodeJS.ProcessEnv; wrapper?: (folder: string) => string[] } = {}): Promise<Stand> {
  const folder = join(root, "build", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const authority = await Authority.create(folder);
  const port = await freePort(), upstreamPort = await freePort();
  const upstream = await Upstream.start({ port: upstreamPort, ...(await authority.issue("upstream", "/CN=127.0.0.1")), clientSecret: "secret", redirectUris: [`https://localhost:${port}/auth/oidc`] });
  const portal = new OpenUnison({
    folder, authority, port, managementPort: await freePort(), apiServer: "https://127.0.0.1:1", upstream: { issuer: upstream.issuer, clientSecret: "secret" },
    authentication: `group_refresh_seconds: ${options.rereadEvery ?? 86400}\nupstream_stale_limit_seconds: 604800\nrefresh_token: {on_reuse: refuse, on_reuse_of_pasted: refuse}`,
    extra: "  log_level: error\n", environment: options.env?.(folder), wrapper: options.wrapper?.(folder),
  });
  await portal.prepare();
  return { folder, authority, upstream, portal };
}

/** `each` kubectl sessions of each of the demo's people. */
export async function openChains({ authority, portal }: Stand, each: number): Promise<Chain[]> {
  const chains: Chain[] = [];
  for (const person of Object.keys(demoPeople)) {
    for (let i = 0; i < each; i += 1) {
      const visitor = new Visitor(authority.caPem);
      await visitor.signIn(portal.portal, person, demoPeople[person]!.password);
      const token = /refresh-token: "?([^"\s]+)/.exec(await visitor.kubeconfig(portal.portal, "demo"))?.[1];
      if (!token) throw new Error("the kubeconfig has no refresh token");
      chains.push(new Chain(token));
    }
  }
  return chains;
}

/** `rereadEvery` seconds: small ones let the upstream be asked in between, so that a kill can hit that. */
export async function killWhileRotating(cycles: number, progress: (counts: FaultCounts) => void = () => {}, rereadEvery = 86400): Promise<FaultCounts> {
  const made = await stand("faults", { rereadEvery });
  const { authority, upstream, portal } = made;
  await portal.start();
  const counts: FaultCounts = { cycles: 0, acknowledged: 0, cut: 0, lost: 0, revived: 0, forcedSignIns: 0, rereads: 0, replayed: 0, readyAfter: [] };
  try {
    const chains = await openChains(made, 4);
    // Revoked once, and replayed after every restart.
    const revoked = await Promise.all((await openChains(made, 1)).map(async (chain) => {
      const answer = await new Visitor(authority.caPem).fetch(`${portal.issuer}/revoke`, { form: { token: chain.current, client_id: "kubernetes" } });
      if (answer.status !== 200) throw new Error(`not revoked: ${answer.status} ${answer.body}`);
      return chain.current;
    }));
    const signIns = upstream.control.tokenRequests;
    for (; counts.cycles < cycles; counts.cycles += 1) {
      let running = true;
      const client = new Visitor(authority.caPem);
      const load = chains.map(async (chain) => {
        while (running) {
          const outcome = await refresh(client, portal.issuer, chain.current);
          if (outcome === "cut") {
            counts.cut += 1;
            return;
          }
          if ("refused" in outcome) {
            if (rereadEvery > 3600) throw new Error(`refused while nothing was wrong: ${outcome.refused}`);
            counts.forcedSignIns += 1;
            chains.splice(chains.indexOf(chain), 1);
            return;
          }
          counts.acknowledged += 1;
          chain.advance(outcome.token);
        }
      });
      await sleep(20 + Math.random() * 60);
      await portal.stop("SIGKILL");
      running = false;
      await Promise.all(load);
      const began = performance.now();
      await portal.start();
      counts.readyAfter.push(performance.now() - began);
      const after = new Visitor(authority.caPem);
      for (const token of revoked) {
        const outcome = await refresh(after, portal.issuer, token);
        if (typeof outcome === "object" && "token" in outcome) counts.replayed += 1;
      }
      for (const chain of [...chains]) {
        const outcome = await refresh(after, portal.issuer, chain.current);
        if (outcome === "cut") throw new Error("cut while nothing was killed");
        if ("refused" in outcome) {
          // With re-reads on the upstream's word may have been lost with the kill; the family is ended then, and that is counted.
          if (rereadEvery > 3600) counts.lost += 1;
          counts.forcedSignIns += 1;
          chains.splice(chains.indexOf(chain), 1);
          continue;
        }
        counts.acknowledged += 1;
        chain.advance(outcome.token);
        if (!chain.retired) continue;
        // Within the grace it is answered with the newest token, later refused; a successor of its own would be a second life.
        const revived = await refresh(after, portal.issuer, chain.retired);
        if (typeof revived === "object" && "token" in revived && revived.token !== chain.current) counts.revived += 1;
      }
      progress(counts);
    }
    counts.rereads = upstream.control.tokenRequests - signIns;
    return counts;
  } finally {
    await portal.stop();
    await upstream.stop();
  }
}
