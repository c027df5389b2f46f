// SPDX-License-Identifier: Apache-2.0
//
// The server's clock is set while it runs (libfaketime): by minutes and by a day, forward and back. What must hold then is the
// table in docs/guides/operations.md. Identity provider and API server keep the true time.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import { Cluster } from "./harness/cluster.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { openunisonProgram, pinnedTools, root } from "./harness/paths.ts";
import { freePort, run, sleep, waitFor } from "./harness/process.ts";
import { demoPeople, Upstream } from "./harness/upstream.ts";

const kMinutes = 300, kDay = 86_400;
let folder: string, authority: Authority, upstream: Upstream, portal: OpenUnison, cluster: Cluster, faked: NodeJS.ProcessEnv, control: string;

beforeAll(async () => {
  folder = join(root, "build/e2e-clock");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  control = join(folder, "offset");
  writeFileSync(control, "+0\n");
  faked = {
    LD_PRELOAD: `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/faketime/libfaketimeMT.so.1`, FAKETIME_TIMESTAMP_FILE: control, FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1", DONT_FAKE_MONOTONIC: "1",
  };
  authority = await Authority.create(folder, 3);
  const port = await freePort();
  cluster = await Cluster.prepare(join(folder, "cluster"), pinnedTools, authority);
  upstream = await Upstream.start({ port: await freePort(), ...(await authority.issue("upstream", "/CN=127.0.0.1")), clientSecret: "secret", redirectUris: [`https://localhost:${port}/auth/oidc`] });
  portal = new OpenUnison({
    folder, authority, port, managementPort: await freePort(), apiServer: cluster.server, upstream: { issuer: upstream.issuer, clientSecret: "secret" }, authentication: "group_refresh_seconds: 1",
    environment: faked,
  });
  await portal.prepare();
  await portal.start();
  await cluster.start(await portal.apiServerFlags());
  const alice = await signedIn("alice");
  await waitFor("the API server to know the provider", async () => (await call((await alice.refresh()).idToken)) === 201, 60_000, 1000);
}, 180_000);
afterEach(() => set(0));
afterAll(async () => {
  await cluster?.stop();
  await portal?.stop();
  await upstream?.stop();
});

async function steps(direction: "forward" | "backward"): Promise<number> {
  const text = await (await fetch(`${portal.management}/metrics`)).text();
  return Number(new RegExp(`^openunison_clock_steps_total\\{direction="${direction}"\\} (\\S+)`, "m").exec(text)?.[1] ?? NaN);
}
let offset = 0;
/** Sets the server's clock so many seconds off, and waits until it has noticed. */
async function set(seconds: number): Promise<void> {
  if (seconds === offset) return;
  const direction = seconds > offset ? "forward" : "backward", before = await steps(direction);
  offset = seconds;
  writeFileSync(control, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds)}\n`);
  await waitFor("the server to notice its clock", async () => (await steps(direction)) === before + 1, 20_000, 200);
}

interface Refreshed {
  status: number;
  idToken: string;
  body: string;
}
interface SignedIn {
  browser: Visitor;
  page: () => Promise<number>;
  refresh: () => Promise<Refreshed>;
}
async function signedIn(user: string): Promise<SignedIn> {
  const browser = new Visitor(authority.caPem), client = new Visitor(authority.caPem);
  const page = await browser.signIn(portal.portal, user, demoPeople[user]!.password);
  if (page.status !== 200) throw new Error(`${user} isn't let in (${page.status})`);
  let token = /refresh-token: "?([^"\s]+)/.exec(await browser.kubeconfig(portal.portal, "demo"))![1]!;
  return {
    browser,
    page: async () => (await browser.fetch(`${portal.portal}/profile`)).status,
    async refresh() {
      const answer = await client.fetch(`${portal.issuer}/token`, { form: { grant_type: "refresh_token", refresh_token: token, client_id: "kubernetes" } });
      const body = JSON.parse(answer.body) as { refresh_token?: string; id_token?: string };
      token = body.refresh_token ?? token;
      return { status: answer.status, idToken: body.id_token ?? "", body: answer.body };
    },
  };
}
/** The API server's answer to this token. */
function call(token: string): Promise<number> {
  const body = JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" });
  return new Promise((resolve, reject) => {
    const outgoing = request(`${cluster.server}/apis/authentication.k8s.io/v1/selfsubjectreviews`, { method: "POST", ca: authority.caPem, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode!));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
const claims = (token: string) => JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { iat: number; nbf: number; exp: number };
const endings = () => portal.audit().filter((line) => line.event === "session_ended" && line.reason !== "replaced");
const signIn = async (user: string) => new Visitor(authority.caPem).signIn(portal.portal, user, demoPeople[user]!.password);
interface Ready {
  ready: boolean;
  identity_providers: { warning?: string }[];
}

describe("a step of", () => {
  const table: { name: string; by: number; refresh: [number, string]; page: number; accepted: boolean }[] = [
    { name: "100 s forward", by: 100, refresh: [200, "id_token"], page: 200, accepted: true },
    { name: "30 s back", by: -30, refresh: [200, "id_token"], page: 200, accepted: true },
    { name: "5 minutes forward", by: kMinutes, refresh: [200, "id_token"], page: 200, accepted: false },
    { name: "5 minutes back", by: -kMinutes, refresh: [200, "id_token"], page: 200, accepted: false },
    { name: "a day forward", by: kDay, refresh: [400, "invalid_grant"], page: 303, accepted: false },
    { name: "a day back", by: -kDay, refresh: [503, "temporarily_unavailable"], page: 200, accepted: false },
  ];
  test.each(table)("$name", async ({ by, refresh, page, accepted }) => {
    const bob = await signedIn("bob");
    expect((await bob.refresh()).status).toBe(200);
    const ended = endings().length;
    await set(by);

    const during = await bob.refresh();
    expect([during.status, during.body]).toEqual([refresh[0], expect.stringContaining(refresh[1])]);
    expect(await bob.page()).toBe(page);
    if (during.status === 200) {
      const { iat, nbf, exp } = claims(during.idToken);
      expect([nbf - iat, exp - iat]).toEqual([-120, 60]);
      expect(Math.abs(iat - (Date.now() / 1000 + by))).toBeLessThan(10);
      expect((await call(during.idToken)) === 201).toBe(accepted);
    }
    // Put right: everybody is there again, and nobody's session was ended meanwhile.
    await set(0);
    const after = await bob.refresh();
    expect(after.status).toBe(200);
    expect(await call(after.idToken)).toBe(201);
    expect(await bob.page()).toBe(200);
    expect(endings().slice(ended)).toEqual([]);
  });
});

describe("while the clock is wrong", () => {
  test.each([["5 minutes back", -kMinutes, /future/], ["a day forward", kDay, /expired/], ["a day back", -kDay, /future/]] as const)("%s: a sign-in says that it is the clock", async (_name, by, reason) => {
    await set(by);
    const told = await signIn("alice");
    expect(told.status).toBe(502);
    expect(told.body).toContain("The clocks don’t agree");
    expect(portal.audit().filter((line) => line.event === "sign_in_refused").at(-1)).toMatchObject({ reason: expect.stringMatching(reason) as string });
    await set(0);
    expect((await signIn("alice")).status).toBe(200);
  });

  test("minutes forward let people sign in: the provider's tokens live longer than that", async () => {
    await set(kMinutes);
    expect((await signIn("alice")).status).toBe(200);
  });

  test.each([["6 s forward", 6], ["6 s back", -6], ["a day back", -kDay]] as const)("%s: /readyz and check warn, and the server stays ready", async (_name, by) => {
    const bob = await signedIn("bob");
    await sleep(1500);
    await set(by);
    await bob.refresh();  // bob's groups are asked for, and the answer has the provider's time
    const seconds = await waitFor("the warning", async () => {
      const answer = await fetch(`${portal.management}/readyz`);
      expect(answer.status).toBe(200);
      const { warning } = ((await answer.json()) as Ready).identity_providers[0]!;
      const told = Number(/differ by (-?\d+) ms/.exec(warning ?? "")?.[1] ?? 0) / 1000;
      return Math.abs(told + by) < 2 ? told : undefined;
    }, 45_000, 1000);
    expect(Math.sign(seconds)).toBe(-Math.sign(by));
    const check = await run(openunisonProgram, ["check", "-f", portal.valuesFile, "--secrets", portal.secrets], { env: { ...process.env, ...faked } });
    expect(check.stdout).toMatch(/warning: oidc: its clock and this machine's differ by -?\d+ s/);
  });

  test("a key that waits to sign goes on waiting, since API servers haven't read it", async () => {
    const states = async () => (JSON.parse(await portal.command(["keys", "list", "--state", portal.state, "--output", "json"])) as { keys: { state: string }[] }).keys.map((key) => key.state);
    await portal.command(["keys", "rotate", "--state", portal.state]);
    expect(await states()).toEqual(["active", "pending"]);
    await set(2 * kDay);
    await sleep(2500);
    expect(await states()).toEqual(["active", "pending"]);
    await set(-kDay);
    await sleep(2500);
    expect(await states()).toEqual(["active", "pending"]);
  });
});

test("all the while it was one process, and the log says what was done to its clock", async () => {
  expect(portal.program!.exited).toBe(false);
  const { readFileSync } = await import("node:fs");
  const log = readFileSync(portal.log, "utf8");
  expect(log).toContain('"message":"the clock of this machine was set"');
  expect(log).not.toContain("a task ended with an exception");
});
