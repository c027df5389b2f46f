// SPDX-License-Identifier: Apache-2.0
//
// The identity provider can't be reached, in every way that we know: who is signed in goes on, who signs in is told what is
// wrong, nothing hangs, and all is well again by itself once the provider is back.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Visitor, type Answer } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import { Line, type Fault } from "./harness/line.ts";
import { OpenUnison, type OpenUnisonOptions } from "./harness/openunison.ts";
import { openunisonProgram, root } from "./harness/paths.ts";
import { freePort, must, run, sleep, waitFor } from "./harness/process.ts";
import { demoPeople, Upstream } from "./harness/upstream.ts";

// No wait for a provider is longer than 25 seconds (a sign-in's last step); what isn't there after this hangs.
const patience = 45_000;
const kWaiting = 6, kInFlight = 40;

let folder: string, authority: Authority, upstream: Upstream, line: Line, portal: OpenUnison;
beforeAll(async () => {
  folder = join(root, "build/e2e-upstream");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "stranger"), { recursive: true });
  authority = await Authority.create(folder);
  const port = await freePort(), inner = await freePort(), outer = await freePort();
  const good = await authority.issue("upstream", "/CN=127.0.0.1");
  const stranger = await (await Authority.create(join(folder, "stranger"))).issue("upstream", "/CN=127.0.0.1");
  line = new Line(outer, inner, { good, stranger, expired: await expired() });
  await line.be("none");
  upstream = await Upstream.start({ port: inner, issuerPort: outer, ...good, clientSecret: "upstream-secret", redirectUris: [`https://localhost:${port}/auth/oidc`] });
  portal = site({ port, managementPort: await freePort() });
  await portal.prepare();
  await portal.start();
}, 120_000);
afterAll(async () => {
  await portal?.stop();
  await line?.stop();
  await upstream?.stop();
});

function site(options: Partial<OpenUnisonOptions> & { port: number; managementPort: number }, issuer = upstream.issuer): OpenUnison {
  return new OpenUnison({
    folder, authority, apiServer: "https://127.0.0.1:1", upstream: { issuer, clientSecret: "upstream-secret" }, authentication: "group_refresh_seconds: 1",
    extra: `  limits: {requests_in_flight: ${kInFlight}, requests_in_flight_per_address: ${kInFlight}, identity_provider_waiting: ${kWaiting}}\n`, ...options,
  });
}

/** A certificate of our authority that ended yesterday. */
async function expired(): Promise<{ cert: string; key: string }> {
  const cert = join(folder, "expired.crt"), key = join(folder, "expired.key"), request = join(folder, "expired.csr"), extensions = join(folder, "expired.ext");
  (await import("node:fs")).writeFileSync(extensions, "subjectAltName=IP:127.0.0.1\n");
  await must("openssl", ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", request]);
  await must("faketime", ["-f", "-10d", "openssl", "x509", "-req", "-in", request, "-CA", authority.caFile, "-CAkey", authority.caKey, "-days", "1", "-extfile", extensions, "-out", cert]);
  return { cert, key };
}

/** What must come, or it hangs. */
async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = new AbortController();
  const end = sleep(patience, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${what} hangs`);
  });
  try {
    return await Promise.race([promise, end]);
  } finally {
    late.abort();
    await end.catch(() => {});
  }
}

const visitor = () => new Visitor(authority.caPem);
async function signedIn(user: string): Promise<{ browser: Visitor; refresh: () => Promise<{ status: number; groups: unknown }> }> {
  const browser = visitor();
  const page = await browser.signIn(portal.portal, user, demoPeople[user]!.password);
  if (page.status !== 200) throw new Error(`${user} isn't let in (${page.status})`);
  let token = /refresh-token: "?([^"\s]+)/.exec(await browser.kubeconfig(portal.portal, "demo"))![1]!;
  const client = visitor();
  return {
    browser,
    async refresh() {
      const answer = await client.fetch(`${portal.issuer}/token`, { form: { grant_type: "refresh_token", refresh_token: token, client_id: "kubernetes" } });
      if (answer.status !== 200) return { status: answer.status, groups: answer.body };
      const body = JSON.parse(answer.body) as { refresh_token: string; id_token: string };
      token = body.refresh_token;
      return { status: 200, groups: (JSON.parse(Buffer.from(body.id_token.split(".")[1]!, "base64url").toString()) as { groups: unknown }).groups };
    },
  };
}

/** Somebody who has typed the password and comes back from the provider in a moment. */
async function onTheWayBack(user: string): Promise<{ browser: Visitor; callback: string }> {
  const browser = visitor();
  const form = await browser.follow(`${portal.portal}/`);
  const left = await browser.submitLogin(form, user, demoPeople[user]!.password, `${portal.portal}/auth/oidc`);
  return { browser, callback: left.url };
}

interface Ready {
  ready: boolean;
  identity_providers: { name: string; reachable: boolean; detail?: string; warning?: string }[];
}
async function readyz(of: OpenUnison = portal): Promise<{ status: number; provider: Ready["identity_providers"][number] }> {
  const answer = await fetch(`${of.management}/readyz`);
  return { status: answer.status, provider: ((await answer.json()) as Ready).identity_providers[0]! };
}
const endings = () => portal.audit().filter((line) => line.event === "session_ended");
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${portal.management}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith(name)).reduce((sum, line) => sum + Number(line.split(" ").pop()), 0);
}
const heals = () => waitFor("sign-ins to work again", async () => (await visitor().signIn(portal.portal, "alice", demoPeople.alice!.password)).status === 200, 30_000, 500);

describe("while it runs", () => {
  const faults: [Fault, RegExp][] = [
    ["refused", /refused/i],
    ["silent", /in time|timed out|took too long/i],
    ["drip", /in time|timed out|took too long/i],
    ["broken", /status 500/],
    ["cut", /broke off|closed/],
    ["not TLS", /TLS|handshake/i],
    ["expired", /expired/],
    ["stranger", /certificate|trusted|issuer/i],
  ];
  test.each(faults)("%s: sessions live, a sign-in is told, readiness stays and names it, and it heals", async (fault, cause) => {
    const bob = await within("a sign-in", signedIn("bob"));
    const late = await onTheWayBack("carol");
    const before = endings().length;
    await sleep(1200);  // bob's groups are due to be asked for
    await line.be(fault);
    try {
      expect(await within("a refresh", bob.refresh())).toEqual({ status: 200, groups: ["developers"] });
      expect(await within("a second refresh", bob.refresh())).toEqual({ status: 200, groups: ["developers"] });
      expect((await within("a page", bob.browser.follow(`${portal.portal}/profile`))).status).toBe(200);

      const told = await within("the end of a sign-in", late.browser.fetch(late.callback));
      expect(told.status).toBe(502);
      expect(told.body).toContain("The identity provider can’t be reached");
      expect(told.body).not.toContain(new URL(upstream.issuer).port);
      const line = portal.audit().filter((each) => each.event === "sign_in_refused").at(-1)!;
      expect(line.reason).toMatch(fault === "broken" ? /failed/ : cause);

      const known = await waitFor("readiness to say it", async () => {
        const { status, provider } = await readyz();
        expect(status).toBe(200);
        return provider.reachable ? undefined : provider;
      }, patience, 500);
      expect(known.detail).toMatch(cause);
      const check = await within("check", run(openunisonProgram, ["check", "-f", portal.valuesFile, "--secrets", portal.secrets]));
      expect(check.code).toBe(1);
      expect(check.stdout).toMatch(cause);
    } finally {
      await line.be("none");
    }
    await heals();
    await waitFor("readiness to say that it is back", async () => (await readyz()).provider.reachable, 30_000, 500);
    expect((await bob.refresh()).status).toBe(200);
    expect(endings().slice(before).map((each) => each.reason)).toEqual([]);
  }, 180_000);

  test("those who wait for it leave room for the others", async () => {
    const bob = await signedIn("bob");
    const strangers = await Promise.all(Array.from({ length: 2 * kInFlight }, async () => {
      const browser = visitor();
      const begun = await browser.follow(`${portal.portal}/auth/login`, { stopAt: upstream.issuer });
      return { browser, state: new URL(begun.url).searchParams.get("state")! };
    }));
    await line.be("silent");
    try {
      const answers: Promise<Answer>[] = strangers.map(({ browser, state }) => browser.fetch(`${portal.portal}/auth/oidc?code=none&state=${state}&iss=${encodeURIComponent(upstream.issuer)}`));
      await waitFor("the places to be taken", async () => (await metric("openunison_identity_provider_crowded_total")) > 0, 20_000, 50);
      for (let i = 0; i < 3; i += 1) {
        expect(await bob.refresh()).toMatchObject({ status: 200 });
        expect((await bob.browser.follow(`${portal.portal}/profile`)).status).toBe(200);
      }
      const statuses = (await within("the strangers", Promise.all(answers))).map((answer) => answer.status);
      expect(statuses.filter((status) => status !== 502 && status !== 503)).toEqual([]);
      expect(await metric("openunison_identity_provider_crowded_total")).toBeGreaterThanOrEqual(kInFlight - kWaiting);
    } finally {
      await line.be("none");
    }
    await heals();
  }, 180_000);
});

describe("from the start", () => {
  test.each<[Fault]>([["refused"], ["silent"]])("%s: the server is ready, says so at sign-in, and heals", async (fault) => {
    await portal.stop();
    await line.be(fault);
    await portal.start();
    const { status, provider } = await readyz();
    expect(status).toBe(200);
    expect(provider.reachable).toBe(false);
    expect(provider.detail).not.toBe("");
    const told = await within("a sign-in", visitor().follow(`${portal.portal}/`));
    expect(told.status).toBe(502);
    expect(told.body).toContain("The identity provider can’t be reached");
    await line.be("none");
    await heals();
  }, 120_000);

  test("a name that nobody knows", async () => {
    const away = site({ folder: join(folder, "away"), port: await freePort(), managementPort: await freePort() }, "https://identity-provider.invalid");
    mkdirSync(join(folder, "away"), { recursive: true });
    await away.prepare();
    await away.start();
    try {
      const told = await within("a sign-in", visitor().follow(`${away.portal}/`));
      expect(told.status).toBe(502);
      expect(told.body).not.toContain("identity-provider.invalid");
      const known = await waitFor("readiness to say it", async () => {
        const { provider } = await readyz(away);
        return provider.detail?.includes("identity-provider.invalid") ? provider : undefined;
      }, patience, 500);
      expect(known.reachable).toBe(false);
      expect((await visitor().follow(`${away.portal}/auth/login`)).status).toBe(502);
    } finally {
      await away.stop();
    }
  }, 120_000);
});
