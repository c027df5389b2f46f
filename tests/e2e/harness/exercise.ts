// SPDX-License-Identifier: Apache-2.0
//
// A portal with an identity provider and built-in users, and a little of everything that happens to one: sign-ins, tokens,
// refusals, a provider that fails, a key that rotates. What metrics, alerts, dashboard and log are held against. No cluster.
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Visitor } from "./browserless.ts";
import { Authority } from "./certs.ts";
import { Issuer } from "./issuer.ts";
import { logEntries } from "./log.ts";
import { OpenUnison } from "./openunison.ts";
import { fetched, root } from "./paths.ts";
import { freePort, sleep, start, waitFor } from "./process.ts";
import { demoPeople, Upstream } from "./upstream.ts";

export type Line = Record<string, unknown>;

/** The trace that alice's requests are part of. */
export const trace = { id: "4bf92f3577b34da6a3ce929d0e0e4736", parent: "00f067aa0ba902b7", state: "vendor=opaque-1,other=2" };

export class Exercised {
  constructor(
    readonly folder: string, readonly authority: Authority, readonly upstream: Upstream, readonly portal: OpenUnison, readonly pipelines: Issuer,
    /** The address of a Prometheus that has scraped the portal since before anything happened. */
    readonly prometheus: string,
  ) {}

  metrics(): Promise<string> {
    return fetch(`${this.portal.management}/metrics`).then((answer) => answer.text());
  }
  /** The lines of the log so far. */
  lines(): Line[] {
    return logEntries(this.portal.log) as Line[];
  }
  visitor(headers: Record<string, string> = {}): Visitor {
    const visitor = new Visitor(this.authority.caPem);
    visitor.headers = headers;
    return visitor;
  }
}

let exercised: Promise<Exercised> | undefined;
/** Started once; what runs is ended with the process. */
export const exercise = (): Promise<Exercised> => (exercised ??= begin());

export const rulesFile = join(root, "deploy/monitoring/openunison.rules.yaml");

/** A Prometheus that looks at the portal each second, with our alert rules. */
async function scrape(folder: string, management: number): Promise<string> {
  const port = await freePort(), address = `http://127.0.0.1:${port}`, config = join(folder, "prometheus.yaml");
  writeFileSync(config, JSON.stringify({
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [rulesFile],
    scrape_configs: [{ job_name: "openunison", static_configs: [{ targets: [`127.0.0.1:${management}`] }] }],
  }));
  start("prometheus", fetched("prometheus"), [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, "prometheus")}`, `--web.listen-address=127.0.0.1:${port}`], join(folder, "prometheus.log"));
  await waitFor("Prometheus to scrape the portal", async () => (await (await fetch(`${address}/api/v1/query?query=openunison_build_info`)).text()).includes('"instance"'), 60_000, 200);
  return address;
}

async function begin(): Promise<Exercised> {
  const folder = join(root, "build/e2e-exercise");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const authority = await Authority.create(folder);
  const port = await freePort(), upstreamPort = await freePort();
  const upstream = await Upstream.start({
    port: upstreamPort, ...(await authority.issue("upstream", "/CN=127.0.0.1")), clientSecret: "upstream-secret", redirectUris: [`https://localhost:${port}/auth/oidc`],
    // So that each re-read asks for both.
    groupsInIdToken: false,
  });
  const pipelines = await Issuer.start(await freePort(), await authority.issue("pipelines", "/CN=127.0.0.1"));
  const portal = new OpenUnison({
    folder, authority, port, managementPort: await freePort(), apiServer: "https://127.0.0.1:1",
    authentication: "group_refresh_seconds: 1\nkubectl_device_authorization: true\npassword_from_command_line: true\nrefresh_token: {grace_period_millis: 2000}",
    openunisonExtra: `clients:\n- {client_id: app, label: An application, redirect_uris: [\"https://127.0.0.1:9999/callback\"], backchannel_logout_uri: \"${upstream.issuer}/no-such-address\"}
workloads:
- {name: pipelines, issuer: \"${pipelines.issuer}\", audience: openunison, subjects: ["repo:org/app:*"], username_prefix: "pipeline:", groups: [deployers], clusters: [demo]}`,
    extra: `identity_providers:
- {name: company, label: Company, issuer: "${upstream.issuer}", client_id: openunison, scopes: "openid profile email groups offline_access", claims: {sub: preferred_username, groups: groups}}
- {name: local, type: local, username_prefix: "local-", groups_prefix: "local-"}
`,
  });
  await portal.prepare();
  writeFileSync(join(portal.secrets, "OIDC_CLIENT_SECRET_company"), "upstream-secret", { mode: 0o600 });
  writeFileSync(join(portal.secrets, "CLIENT_app"), "secret-of-the-app", { mode: 0o600 });
  await portal.addUser("dora", "password-of-dora", ["staff"]);
  await portal.start();
  const it = new Exercised(folder, authority, upstream, portal, pipelines, await scrape(folder, portal.options.managementPort));
  await happen(it);
  return it;
}

/** One request to the token endpoint. */
async function tokens(visitor: Visitor, portal: OpenUnison, form: Record<string, string>): Promise<Record<string, string>> {
  const answer = await visitor.fetch(`${portal.issuer}/token`, { form: { client_id: "kubernetes", ...form } });
  return JSON.parse(answer.body) as Record<string, string>;
}

async function refreshToken(visitor: Visitor, portal: OpenUnison): Promise<string> {
  const token = /refresh-token: "?([^"\s]+)/.exec(await visitor.kubeconfig(portal.portal, "demo"))?.[1];
  if (!token) throw new Error("the kubeconfig has no refresh token");
  return token;
}

async function happen(it: Exercised): Promise<void> {
  const { portal, upstream } = it;
  const alice = it.visitor({ traceparent: `00-${trace.id}-${trace.parent}-01`, tracestate: trace.state });
  const page = await alice.signIn(portal.portal, "alice", demoPeople.alice!.password, "/auth/login?provider=company&return_to=/profile");
  if (page.status !== 200) throw new Error(`alice isn't let in (${page.status}): ${page.body.slice(0, 500)}`);

  // A kubeconfig's token: rotated, repeated, and used again when it is too old.
  const first = await refreshToken(alice, portal);
  const refresh = (token: string) => tokens(alice, portal, { grant_type: "refresh_token", refresh_token: token });
  const second = (await refresh(first)).refresh_token!;
  if (!second || (await refresh(first)).refresh_token !== second) throw new Error("a repeat within the grace got another token");
  await sleep(2_300);
  const third = (await refresh(second)).refresh_token!;
  await sleep(2_300);
  const reused = await refresh(first);
  if (reused.error !== "invalid_grant") throw new Error(`an old token got ${JSON.stringify(reused)}`);

  // Her groups change; then the provider fails.
  upstream.control.people.alice!.groups = ["developers"];
  await sleep(1_300);
  const fourth = (await refresh(third)).refresh_token!;
  upstream.control.failWith = 503;
  await sleep(1_300);
  const fifth = (await refresh(fourth)).refresh_token!;
  upstream.control.failWith = undefined;

  // A code, as a plugin gets one.
  const verifier = randomBytes(32).toString("base64url"), callback = "http://127.0.0.1:54321/callback";
  const authorize = new URL(`${portal.issuer}/auth`);
  for (const [name, value] of Object.entries({ response_type: "code", client_id: "kubernetes", redirect_uri: callback, scope: "openid", state: "s", nonce: "n", code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" })) authorize.searchParams.set(name, value);
  const back = await alice.follow(authorize.href, { stopAt: callback });
  const code = new URL(back.url).searchParams.get("code")!;
  const opened = await tokens(alice, portal, { grant_type: "authorization_code", code, redirect_uri: callback, code_verifier: verifier });
  if (!opened.id_token) throw new Error(`a code got ${JSON.stringify(opened)}`);

  // A program without a browser, let in by a code.
  const device = JSON.parse((await it.visitor().fetch(`${portal.issuer}/device`, { form: { client_id: "kubernetes", device_name: "a machine" } })).body) as Record<string, string>;
  const question = await alice.follow(device.verification_uri_complete!);
  await alice.follow(`${portal.portal}/device`, { form: { csrf: Visitor.field(question.body, "csrf"), user_code: device.user_code!, answer: "allow" } });
  const deviceTokens = await tokens(it.visitor(), portal, { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: device.device_code! });
  if (!deviceTokens.id_token) throw new Error(`the device isn't let in: ${JSON.stringify(deviceTokens)}`);

  // A workflow exchanges its token for one of the cluster; a person's program does the same.
  const exchanged = (form: Record<string, string>) => tokens(it.visitor(), portal, { grant_type: "urn:ietf:params:oauth:grant-type:token-exchange", ...form });
  const workflow = await exchanged({ subject_token: it.pipelines.token({ sub: "repo:org/app:main", aud: "openunison" }), subject_token_type: "urn:ietf:params:oauth:token-type:jwt" });
  if (workflow.token_type !== "N_A") throw new Error(`the workflow got ${JSON.stringify(workflow)}`);
  const oulogin = JSON.parse((await it.visitor().fetch(`${portal.issuer}/device`, { form: { client_id: "kubectl-oulogin", scope: "openid", device_name: "a machine" } })).body) as Record<string, string>;
  const whom = await alice.follow(oulogin.verification_uri_complete!);
  await alice.follow(`${portal.portal}/device`, { form: { csrf: Visitor.field(whom.body, "csrf"), user_code: oulogin.user_code!, answer: "allow" } });
  const own = await tokens(it.visitor(), portal, { client_id: "kubectl-oulogin", grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: oulogin.device_code! });
  const forCluster = await exchanged({ subject_token: own.access_token!, subject_token_type: "urn:ietf:params:oauth:token-type:access_token" });
  if (!forCluster.id_token) throw new Error(`an exchange got ${JSON.stringify(forCluster)}`);

  // A built-in user's password, sent by a program.
  const sent = await tokens(it.visitor(), portal, { client_id: "kubectl-oulogin", grant_type: "password", username: "dora", password: "password-of-dora", scope: "openid" });
  if (!sent.id_token) throw new Error(`a password got ${JSON.stringify(sent)}`);

  // Codes that nothing waits with, until she is held back; and a device that is let in by mistake.
  const answerDevice = (user_code: string, answer: string) => alice.follow(`${portal.portal}/device`, { form: { csrf: Visitor.field(question.body, "csrf"), user_code, answer } });
  const mistake = JSON.parse((await it.visitor().fetch(`${portal.issuer}/device`, { form: { client_id: "kubernetes", device_name: "not hers" } })).body) as Record<string, string>;
  await answerDevice(mistake.user_code!, "allow");
  const taken = await answerDevice(mistake.user_code!, "deny");
  if (taken.status !== 200) throw new Error(`taking back got ${taken.status}`);
  let status = 0;
  for (let tries = 0; tries < 12 && status !== 429; tries += 1) status = (await answerDevice("BBBB-BBBB", "look")).status;
  if (status !== 429) throw new Error(`wrong codes got ${status}`);

  // An application that asks for consent, and is told of the sign-out at the end (its address refuses that).
  const ours = "https://127.0.0.1:9999/callback";
  const asked = new URL(`${portal.issuer}/auth`);
  for (const [name, value] of Object.entries({ response_type: "code", client_id: "app", redirect_uri: ours, scope: "openid", state: "s", prompt: "consent" })) asked.searchParams.set(name, value);
  const consent = await alice.follow(asked.href);
  const agreed = await alice.allow(consent, ours);
  const forApp = await alice.fetch(`${portal.issuer}/token`, { form: { grant_type: "authorization_code", code: new URL(agreed.url).searchParams.get("code") ?? "", redirect_uri: ours, client_id: "app", client_secret: "secret-of-the-app" } });
  if (forApp.status !== 200) throw new Error(`the application's code got ${forApp.body}`);

  // What is refused, everywhere.
  await refresh("forged");
  await alice.fetch(`${portal.issuer}/token`, { form: { client_id: "nobody", grant_type: "refresh_token", refresh_token: "x" } });
  await alice.follow(`${portal.portal}/auth/oidc?state=nobody-made-this&code=x`);
  await alice.fetch(`${portal.portal}/nobody-knows-this-address`);
  await alice.fetch(`${portal.portal}/?${"x".repeat(17_000)}`);
  const wrong = it.visitor();
  const form = await wrong.follow(`${portal.portal}/auth/login`);
  await wrong.submitLogin(form, "dora", "not-the-password");
  const dora = it.visitor();
  const letIn = await dora.submitLogin(await dora.follow(`${portal.portal}/auth/login`), "dora", "password-of-dora");
  if (letIn.status !== 200) throw new Error(`dora isn't let in (${letIn.status})`);

  await alice.fetch(`${portal.issuer}/revoke`, { form: { client_id: "kubernetes", token: fifth } });
  await portal.command(["keys", "rotate", "--now", "--state", portal.state]);
  await portal.command(["keys", "rotate", "--state", portal.state]);
  await portal.command(["keys", "eviction-token", "--state", portal.state]);
  await alice.signOut(portal.portal);
  await waitFor("the application to be told of the sign-out", async () => portal.audit().some((line) => line.event === "logout_notice"), 20_000);
}
