// SPDX-License-Identifier: Apache-2.0
//
// Signing keys change under a real API server while it is called all the time: nobody is refused over prepare, switch and
// retire. Then the key has leaked: the runbook of docs/guides/operations.md is run as it stands there, and the time is printed
// until a forged token is worth nothing.
import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import { Cluster } from "./harness/cluster.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { openunisonProgram, pinnedTools, root } from "./harness/paths.ts";
import { freePort, run, sleep, waitFor } from "./harness/process.ts";

// The shortest that values allow: published two lifetimes of the JWKS and a minute before it signs.
const maxAge = 10, publishAhead = 80, tokenLife = 20;

let folder: string, authority: Authority, portal: OpenUnison, cluster: Cluster, agent: Agent, client: Visitor;
beforeAll(async () => {
  folder = join(root, "build/e2e-keys");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  authority = await Authority.create(folder);
  cluster = await Cluster.prepare(join(folder, "cluster"), pinnedTools, authority);
  portal = new OpenUnison({
    folder, authority, port: await freePort(), managementPort: await freePort(), apiServer: cluster.server, authentication: `token_life_seconds: ${tokenLife}`,
    extra: `  jwks: {max_age_seconds: ${maxAge}, publish_ahead_seconds: ${publishAhead}}\n`,
  });
  await portal.prepare();
  await portal.addUser("alice", "wonderland-1", ["demo-admins"]);
  await portal.start();
  await cluster.start(await portal.apiServerFlags());
  agent = new Agent({ ca: authority.caPem, keepAlive: true, maxSockets: 16 });
  client = new Visitor(authority.caPem);
  const chain = await openChain();
  await waitFor("the API server to know the provider", async () => (await whoami(await refreshed(chain))).status === 201, 60_000, 1000);
}, 180_000);
afterAll(async () => {
  agent?.destroy();
  await cluster?.stop();
  await portal?.stop();
});

interface Chain {
  token: string;
}

async function openChain(): Promise<Chain> {
  const visitor = new Visitor(authority.caPem);
  await visitor.signIn(portal.portal, "alice", "wonderland-1");
  const token = /refresh-token: "?([^"\s]+)/.exec(await visitor.kubeconfig(portal.portal, "demo"))?.[1];
  if (!token) throw new Error("the kubeconfig has no refresh token");
  return { token };
}

/** A new ID token. */
async function refreshed(chain: Chain): Promise<string> {
  const answer = await client.fetch(`${portal.issuer}/token`, { form: { grant_type: "refresh_token", refresh_token: chain.token, client_id: "kubernetes" } });
  const body = JSON.parse(answer.body) as { id_token: string; refresh_token: string };
  if (answer.status !== 200) throw new Error(`refused: ${answer.body}`);
  chain.token = body.refresh_token;
  return body.id_token;
}

/** Who the API server says that is. */
function whoami(token: string): Promise<{ status: number; body: string }> {
  const body = JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" });
  return new Promise((resolve, reject) => {
    const call = request(`${cluster.server}/apis/authentication.k8s.io/v1/selfsubjectreviews`, { method: "POST", agent, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode!, body: text }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

const part = (token: string, index: number) => JSON.parse(Buffer.from(token.split(".")[index]!, "base64url").toString()) as Record<string, unknown>;
const kidOf = (token: string) => part(token, 0).kid as string;
const published = async () => (JSON.parse((await client.fetch(`${portal.issuer}/certs`)).body) as { keys: { kid: string }[] }).keys.map((key) => key.kid);
interface Listed {
  kid: string;
  state: string;
}
const keys = async () => (JSON.parse(await portal.command(["keys", "list", "--state", portal.state, "--output", "json"])) as { keys: Listed[] }).keys;

/** Calls the API server without pause, with tokens up to their last second, until told to stop. */
class Load {
  readonly byKid = new Map<string, number>();
  calls = 0;
  refused: string[] = [];
  private running = true;
  private readonly work: Promise<void>[] = [];

  async start(chains: number): Promise<void> {
    for (let i = 0; i < chains; i += 1) this.work.push(this.one(await openChain()));
  }
  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.work);
  }

  private async one(chain: Chain): Promise<void> {
    let held: string[] = [];
    while (this.running) {
      held.push(await refreshed(chain));
      held = held.filter((token) => (part(token, 1).exp as number) * 1000 - Date.now() > 1500);
      for (const token of [held[0]!, held[held.length - 1]!]) {
        const answer = await whoami(token);
        this.calls += 1;
        this.byKid.set(kidOf(token), (this.byKid.get(kidOf(token)) ?? 0) + 1);
        if (answer.status !== 201) this.refused.push(`${new Date().toISOString()} ${kidOf(token)} ${answer.status}`);
      }
      await sleep(200);
    }
  }
}

/** An attacker with the key: alice's next token, as good as ours. */
function forge(key: KeyObject, kid: string): string {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${encode({ alg: "RS256", typ: "JWT", kid })}.${encode({ iss: portal.issuer, aud: "kubernetes", sub: "alice", groups: ["demo-admins"], exp: now + 300, iat: now, jti: `forged-${Math.random()}`, token_use: "id" })}`;
  return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
}

const leaked = { pem: "", kid: "of-the-test" };

test("prepare, switch and retire refuse nobody", async () => {
  const first = (await keys())[0]!.kid;
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048, privateKeyEncoding: { type: "pkcs8", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" } });
  leaked.pem = pair.privateKey;
  const file = join(folder, "own.pem");
  writeFileSync(file, leaked.pem, { mode: 0o600 });
  const load = new Load();
  await load.start(4);
  try {
    await portal.command(["keys", "import", file, "--kid", leaked.kid, "--state", portal.state]);
    expect(await keys()).toMatchObject([{ kid: first, state: "active" }, { kid: leaked.kid, state: "pending" }]);
    expect(await published()).toEqual([first, leaked.kid]);
    await waitFor("the new key to sign", async () => (await keys()).some((key) => key.kid === leaked.kid && key.state === "active"), (publishAhead + 20) * 1000, 1000);
    expect(await published()).toEqual([first, leaked.kid]);
    await waitFor("the old key to leave", async () => (await published()).length === 1, (tokenLife + maxAge + 60 + 20) * 1000, 1000);
    await sleep(tokenLife * 1000);
  } finally {
    await load.stop();
  }
  expect(load.refused).toEqual([]);
  expect([...load.byKid.keys()].sort()).toEqual([first, leaked.kid].sort());
  for (const [kid, calls] of load.byKid) expect(calls, kid).toBeGreaterThan(50);
  console.log(`key rotation: ${load.calls} calls, 0 refused`);
}, 300_000);

/** The commands that the guide gives for a leaked key. */
function runbook(): string {
  const guide = readFileSync(join(root, "docs/guides/operations.md"), "utf8");
  const section = guide.slice(guide.indexOf("### A signing key has leaked"));
  return /```sh\n([\s\S]*?)```/.exec(section)![1]!;
}

test("the runbook for a leaked key leaves the forger nothing, and people don't notice", async () => {
  const key = createPrivateKey(leaked.pem);
  // The next key is published, and this API server knows it: its tokens alone won't make it forget the leaked one.
  const pending = (JSON.parse(await portal.command(["keys", "rotate", "--state", portal.state, "--output", "json"])) as { keys: Listed[] }).keys.find((each) => each.state === "pending")!.kid;
  await sleep(maxAge * 1000);
  const evict = async () => whoami((await portal.command(["keys", "eviction-token", "--state", portal.state])).trim());
  expect((await evict()).status).toBe(401);
  expect(await whoami(forge(key, leaked.kid))).toMatchObject({ status: 201, body: expect.stringContaining("demo-admins") as string });

  const load = new Load();
  await load.start(2);
  const began = Date.now();
  try {
    const book = run("/bin/bash", ["-euc", runbook()], {
      env: { PATH: `${dirname(openunisonProgram)}:/usr/bin:/bin`, STATE: portal.state, KID: leaked.kid, MAX_AGE: String(maxAge + 5), API_SERVERS: cluster.server, CA: authority.caFile }, timeout: 120_000,
    });
    // Retired, with the copy run out, and new tokens in use: the API server still believes the forger. That is what the last step is for.
    await waitFor("the key to be retired", async () => !(await published()).includes(leaked.kid), 20_000, 200);
    await sleep((maxAge + 2) * 1000);
    expect(kidOf(await refreshed(await openChain()))).toBe(pending);
    expect((await whoami(forge(key, leaked.kid))).status).toBe(201);
    const output = await book;
    expect(output.code, output.stderr).toBe(0);
    expect(output.stdout).toMatch(/After \d{4}-\S+Z send each of them/);
    expect(output.stdout).toContain(`401 ${cluster.server}\n`);
    await waitFor("the old key to be dead", async () => (await whoami(forge(key, leaked.kid))).status === 401, 15_000, 200);
    console.log(`leaked key: dead at the API server ${((Date.now() - began) / 1000).toFixed(1)} s after the runbook began, of which ${maxAge + 5} s wait for the JWKS's max-age to be over`);
    await sleep(2000);
  } finally {
    await load.stop();
  }
  expect(load.refused.filter((line) => !line.includes(leaked.kid))).toEqual([]);
  expect([...load.byKid.keys()]).toContain(pending);
  expect(await published()).not.toContain(leaked.kid);
  expect(portal.audit().filter((line) => line.event === "key_changed" && line.kid === leaked.kid).at(-1)).toMatchObject({ state: "retired", address: "admin socket" });
  expect(portal.audit().filter((line) => line.event === "eviction_token").at(-1)).toMatchObject({ cluster: "demo" });
}, 240_000);
