// SPDX-License-Identifier: Apache-2.0
//
// What `kubectl oulogin` asks of the portal, without the program: signing in with its client, the account, tokens of a cluster by
// exchange (RFC 8693), signing out. And programs that exchange a token of their own: a job its service account's, a workflow its CI
// service's. kubectl, the API servers and the service accounts' tokens are real.
import { createHash, randomBytes } from "node:crypto";

import { beforeAll, describe, expect, test } from "vitest";

import { Visitor, type Answer } from "./harness/browserless.ts";
import { Machine } from "./harness/kubectl.ts";
import type { Cluster } from "./harness/cluster.ts";
import type { Output } from "./harness/process.ts";
import { noteSecret } from "./harness/secrets.ts";
import { clientSecret, stack, type Stack } from "./harness/stack.ts";
import { demoPeople } from "./harness/upstream.ts";

const grant = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessToken = "urn:ietf:params:oauth:token-type:access_token";
const jwt = "urn:ietf:params:oauth:token-type:jwt", idToken = "urn:ietf:params:oauth:token-type:id_token";
const callback = "http://127.0.0.1:54321/callback";

interface Tokens {
  access_token: string;
  refresh_token: string;
  id_token: string;
  issued_token_type?: string;
  token_type: string;
  expires_in: number;
  error?: string;
}
interface WellKnown {
  version: number;
  name: string;
  portal: string;
  issuer: string;
  client_id: string;
  account_endpoint: string;
  sign_out_endpoint: string;
}
interface Account {
  user: string;
  now: number;
  ends_at: number;
  clusters: { name: string; server: string; server_ca?: string; issuer: string; issuer_ca?: string; client_id: string; user_in_cluster: string }[];
}

let s: Stack;
let where: WellKnown;
const nobody = () => new Visitor(s.authority.caPem);
const json = <T>(answer: Answer): T => JSON.parse(answer.body) as T;
beforeAll(async () => {
  s = await stack();
  where = json<WellKnown>(await nobody().fetch(`${s.portal.portal}/.well-known/openunison`));
});

/** Signs in as the program does, knowing only the host. */
async function program(name: string): Promise<{ tokens: Tokens; visitor: Visitor }> {
  const visitor = nobody();
  await visitor.signIn(s.portal.portal, name, demoPeople[name]!.password);
  const verifier = randomBytes(32).toString("base64url");
  const authorize = new URL(`${where.issuer}/auth`);
  for (const [key, value] of Object.entries({ response_type: "code", client_id: where.client_id, redirect_uri: callback, scope: "openid offline_access", state: "s", nonce: "n", code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" }))
    authorize.searchParams.set(key, value);
  const back = await visitor.allow(await visitor.follow(authorize.href, { stopAt: callback }), callback);
  const code = new URL(back.url).searchParams.get("code") ?? "";
  const answer = await nobody().fetch(`${where.issuer}/token`, { form: { grant_type: "authorization_code", client_id: where.client_id, code, redirect_uri: callback, code_verifier: verifier, device_name: "build-7" } });
  expect(answer.status, answer.body).toBe(200);
  return { tokens: json<Tokens>(answer), visitor };
}
const account = (token: string) => nobody().fetch(where.account_endpoint, { headers: { authorization: `Bearer ${token}` } });
const exchange = (issuer: string, form: Record<string, string>) => nobody().fetch(`${issuer}/token`, { form: { grant_type: grant, client_id: "kubernetes", ...form } });
const personExchange = (token: string, client_id = "kubernetes") => exchange(where.issuer, { client_id, subject_token: token, subject_token_type: accessToken, device_name: "build-7" });
const kubectl = (cluster: Cluster, token: string, ...args: string[]): Promise<Output> =>
  new Machine(s.folder, s.tools).kubectl([...args, "--server", cluster.server, "--certificate-authority", s.authority.caFile, "--token", token]);

test("the host alone leads to an account with its clusters, and an exchange to kubectl at each of them", async () => {
  expect(where).toEqual({
    version: 1, name: "OpenUnison", portal: s.portal.portal, issuer: s.portal.issuer, client_id: "kubectl-oulogin",
    account_endpoint: `${s.portal.portal}/api/account`, sign_out_endpoint: `${s.portal.portal}/api/sign_out`, workload_endpoint: `${s.portal.portal}/api/workload`,
  });
  const { tokens, visitor } = await program("alice");
  const mine = json<Account>(await account(tokens.access_token));
  expect(mine.user).toBe("alice");
  expect(mine.ends_at).toBeGreaterThan(mine.now);
  expect(mine.clusters.map((each) => [each.name, each.server, each.client_id, each.user_in_cluster])).toEqual([
    ["demo", s.cluster.server, "kubernetes", "alice"],
    ["second", s.second.server, "kubernetes-second", `${s.portal.issuer}#alice`],
  ]);
  for (const [each, cluster] of [[mine.clusters[0]!, s.cluster], [mine.clusters[1]!, s.second]] as const) {
    const given = await exchange(each.issuer, { client_id: each.client_id, subject_token: tokens.access_token, subject_token_type: accessToken, device_name: "build-7" });
    expect(given.status, given.body).toBe(200);
    const of = json<Tokens>(given);
    expect(of.issued_token_type).toBe(accessToken);
    const whoami = await kubectl(cluster, of.id_token, "auth", "whoami");
    expect(whoami.stdout, whoami.stderr).toContain(each.user_in_cluster);
    const again = await nobody().fetch(`${each.issuer}/token`, { form: { grant_type: "refresh_token", client_id: each.client_id, refresh_token: of.refresh_token } });
    expect(again.status, again.body).toBe(200);
  }
  const sessions = (await visitor.fetch(`${s.portal.portal}/sessions`)).body;
  expect(sessions).toContain("kubectl oulogin on build-7");
  expect(sessions).toMatch(/kubectl for \S+ on build-7/);
});

test("the program's own ID token is of no use at an API server", async () => {
  const { tokens } = await program("alice");
  for (const cluster of [s.cluster, s.second]) {
    const refused = await kubectl(cluster, tokens.id_token, "auth", "whoami");
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/logged in|Unauthorized/);
  }
});

test("a cluster's tokens are exchanged for nothing, and open no account", async () => {
  const { tokens } = await program("alice");
  const of = json<Tokens>(await personExchange(tokens.access_token));
  const refused = await personExchange(of.access_token, "kubernetes-second");
  expect([refused.status, json<Tokens>(refused).error]).toEqual([400, "invalid_request"]);
  const closed = await account(of.access_token);
  expect([closed.status, closed.headers["www-authenticate"]]).toEqual([401, expect.stringMatching(/^Bearer .*invalid_token/)]);
});

test("signing out by the program ends the browser's session and every kubectl of that sign-in", async () => {
  const { tokens, visitor } = await program("bob");
  const of = json<Tokens>(await personExchange(tokens.access_token));
  const other = await program("bob");
  const out = await nobody().fetch(where.sign_out_endpoint, { method: "POST", headers: { authorization: `Bearer ${tokens.access_token}` } });
  expect([out.status, out.body]).toEqual([204, ""]);
  for (const [client_id, refresh_token] of [[where.client_id, tokens.refresh_token], ["kubernetes", of.refresh_token]] as const) {
    const refused = await nobody().fetch(`${where.issuer}/token`, { form: { grant_type: "refresh_token", client_id, refresh_token } });
    expect(json<Tokens>(refused).error).toBe("invalid_grant");
  }
  expect((await account(tokens.access_token)).status).toBe(401);
  expect((await visitor.fetch(`${s.portal.portal}/profile`)).status).toBe(303);
  // Another sign-in of the same person goes on.
  expect((await account(other.tokens.access_token)).status).toBe(200);
  expect(s.portal.audit().some((line) => line.event === "session_ended" && line.reason === "sign_out" && line.client === where.client_id)).toBe(true);
});

describe("a job in the cluster", () => {
  /** As a projected volume has it. */
  async function token(namespace: string, ...more: string[]): Promise<string> {
    const made = await s.cluster.admin(["create", "token", "builder", "--namespace", namespace, "--duration", "10m", ...more]);
    expect(made.code, made.stderr).toBe(0);
    noteSecret("token", made.stdout.trim());
    return made.stdout.trim();
  }
  const exchangeJob = (subject: string, client_id = "kubernetes") => exchange(where.issuer, { client_id, subject_token: subject, subject_token_type: jwt });
  beforeAll(async () => {
    const role = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:service-account-issuer-discovery" };
    await s.cluster.apply(
      // The portal asks without a token.
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: "keys-for-everybody" }, roleRef: role, subjects: [{ kind: "Group", name: "system:unauthenticated", apiGroup: "rbac.authorization.k8s.io" }] },
      ...["ci", "other"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    );
    await s.cluster.apply(...["ci", "other"].map((namespace) => ({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "builder", namespace } })));
  });

  test("exchanges its service account's token and runs kubectl under a name of its own", async () => {
    const answer = await exchangeJob(await token("ci", "--audience", "openunison"));
    expect(answer.status, answer.body).toBe(200);
    const given = json<Tokens>(answer);
    expect({ ...given, access_token: "" }).toEqual({ access_token: "", issued_token_type: idToken, token_type: "N_A", expires_in: 60 });
    const whoami = await kubectl(s.cluster, given.access_token, "auth", "whoami", "-o", "json");
    expect(whoami.code, whoami.stderr).toBe(0);
    const { userInfo } = (JSON.parse(whoami.stdout) as { status: { userInfo: { username: string; groups: string[]; extra: Record<string, string[]> } } }).status;
    expect([userInfo.username, userInfo.groups]).toEqual(["job:system:serviceaccount:ci:builder", ["developers", "system:authenticated"]]);
    expect((await kubectl(s.cluster, given.access_token, "get", "pods")).stdout).toContain("web");
    const forbidden = await kubectl(s.cluster, given.access_token, "get", "secrets");
    expect(forbidden.stderr).toContain('User "job:system:serviceaccount:ci:builder" cannot list resource "secrets"');
    // The API server's audit log and ours name the same token.
    const line = s.portal.audit().filter((each) => each.event === "workload_token" && each.user === userInfo.username).at(-1)!;
    expect(line).toMatchObject({ workload: "jobs", issuer: "https://kubernetes.default.svc", subject: "system:serviceaccount:ci:builder", cluster: "demo", client: "kubernetes" });
    expect(userInfo.extra["authentication.kubernetes.io/credential-id"]).toEqual([`JTI=${String(line.jti)}`]);
    // It is of no use elsewhere.
    expect((await kubectl(s.second, given.access_token, "auth", "whoami")).code).not.toBe(0);
  });

  test.each<[string, string, string[]]>([
    ["without the audience of the portal", "ci", []],
    ["for another audience", "ci", ["--audience", "vault"]],
    ["of another namespace", "other", ["--audience", "openunison"]],
  ])("a token %s is refused", async (_, namespace, more) => {
    const refused = await exchangeJob(await token(namespace, ...more));
    expect([refused.status, json<Tokens>(refused).error]).toEqual([400, "invalid_request"]);
  });

  test("nor is a good one exchanged for a cluster that its entry doesn't name, or after a change", async () => {
    const good = await token("ci", "--audience", "openunison");
    const elsewhere = await exchangeJob(good, "kubernetes-second");
    expect([elsewhere.status, json<Tokens>(elsewhere).error]).toEqual([400, "invalid_request"]);
    const [header, claims, signature] = good.split(".");
    const changed = Buffer.from(Buffer.from(claims!, "base64url").toString().replace(":ci:", ":cj:")).toString("base64url");
    for (const forged of [`${header}.${changed}.${signature}`, `${header}.${claims}.`, `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.`]) {
      const refused = await exchangeJob(forged);
      expect([refused.status, json<Tokens>(refused).error]).toEqual([400, "invalid_request"]);
    }
    expect((await exchangeJob(good)).status).toBe(200);
  });
});

describe("a workflow of a CI service", () => {
  const workflow = (claims: Record<string, unknown> = {}) => s.pipelines.token({ sub: "repo:org/app:main", aud: "openunison", protected: "true", ...claims });
  const run = (subject: string) => exchange(where.issuer, { client_id: "kubernetes-second", subject_token: subject, subject_token_type: idToken });

  test("exchanges its token for a cluster of its entry, and lives no longer than that", async () => {
    const answer = await run(workflow({ exp: Math.floor(Date.now() / 1000) + 30 }));
    expect(answer.status, answer.body).toBe(200);
    const given = json<Tokens>(answer);
    expect(given.expires_in).toBeLessThanOrEqual(30);
    const whoami = await kubectl(s.second, given.access_token, "auth", "whoami");
    expect(whoami.stdout, whoami.stderr).toContain("pipeline:repo:org/app:main");
  });

  test.each<[string, Record<string, unknown>]>([
    ["of another repository", { sub: "repo:org/other:main" }],
    ["of a branch that isn't protected", { protected: "false" }],
    ["without that claim", { protected: undefined }],
    ["for somebody else", { aud: "sts.amazonaws.com" }],
    ["that has expired", { exp: Math.floor(Date.now() / 1000) - 1 }],
    ["without an end", { exp: undefined }],
    ["of an issuer that nobody named", { iss: "https://127.0.0.1:1" }],
  ])("one %s gets nothing", async (_, claims) => {
    const refused = await run(workflow(claims));
    expect([refused.status, json<Tokens>(refused).error]).toEqual([400, "invalid_request"]);
  });

  test("a new key is fetched once, and strangers' keys are no storm of fetches", async () => {
    const before = s.pipelines.asked.get("/keys") ?? 0;
    s.pipelines.rotate();
    expect((await run(workflow())).status).toBe(200);
    await Promise.all(Array.from({ length: 30 }, (_, i) => run(s.pipelines.token({ sub: "repo:org/app:main", aud: "openunison", protected: "true" }, { kid: `stranger-${i}` }))));
    expect((s.pipelines.asked.get("/keys") ?? 0) - before).toBe(1);
  });
});

test("a client with a secret may ask what a token is; nobody else may", async () => {
  const { tokens } = await program("alice");
  const ask = (form: Record<string, string>) => nobody().fetch(`${where.issuer}/introspect`, { form: { token: tokens.access_token, ...form } });
  const foreign = await ask({ client_id: "relying-party", client_secret: clientSecret });
  expect([foreign.status, foreign.body]).toEqual([200, '{"active":false}']);
  for (const client_id of ["kubectl-oulogin", "kubernetes"]) {
    const refused = await ask({ client_id });
    expect([refused.status, json<Tokens>(refused).error]).toEqual([401, "invalid_client"]);
  }
});
