// SPDX-License-Identifier: Apache-2.0
//
// A provider that lies, and strangers who make use of an honest one: what the relying party's side refuses (OpenID Connect Core
// §3.1.3.7, RFC 9700 §4, RFC 9207). Each refusal has a sentence for the person and one in the log, neither with a secret; who is
// signed in stays so; nothing waits longer than its deadline.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { Visitor, type Answer } from "./harness/browserless.ts";
import { Front } from "./harness/front.ts";
import { drip, dripHead, hs256, huge, json, Liar, redirect, silent, unsigned, type Json, type Script } from "./harness/liar.ts";

let front: Front<Liar>, liar: Liar;
let live: Visitor, refreshToken: string;
/** What a request to the provider may take (10 s) and the whole of a sign-in (25 s), on a machine that does other things as well. */
const patience = 40_000;

beforeAll(async () => {
  front = await Front.start<Liar>("liar", {
    provider: (port, tls) => Liar.start(port, tls),
    portal: { authentication: "group_refresh_seconds: 86400\nupstream_stale_limit_seconds: 604800\nrefresh_token: {grace_period_millis: 30000}", store: "sqlite" },
  });
  liar = front.provider;
  live = front.visitor();
  await live.follow(front.portal.portal);
  refreshToken = /refresh-token: "?([^"\s]+)/.exec(await live.kubeconfig(front.portal.portal, "demo"))![1]!;
}, 60_000);
afterAll(async () => front?.stop());
beforeEach(() => liar.reset());

/** What the portal knows of the provider is forgotten. */
async function restart(): Promise<void> {
  await front.portal.stop();
  await front.portal.start();
}

async function liveSessionsGoOn(): Promise<void> {
  expect((await live.fetch(`${front.portal.portal}/profile`)).status).toBe(200);
  const answer = await front.visitor().fetch(`${front.portal.issuer}/token`, { form: { grant_type: "refresh_token", refresh_token: refreshToken, client_id: "kubernetes" } });
  expect(answer.status).toBe(200);
  refreshToken = (JSON.parse(answer.body) as { refresh_token: string }).refresh_token;
}

interface Outcome {
  page: Answer;
  heading: string;
  reasons: string;
}
async function signIn(script: Script = {}, visitor = front.visitor()): Promise<Outcome> {
  const mark = front.mark();
  liar.next.push(script);
  const page = await visitor.follow(front.portal.portal);
  const reasons = front.log(mark).map((line) => line.reason).filter(Boolean).join("\n");
  return { page, heading: /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(page.body)?.[1]?.trim() ?? "", reasons };
}

function expectRefused(outcome: Outcome, status: number, heading: RegExp, reason: RegExp): void {
  expect([outcome.page.status, outcome.heading, outcome.reasons]).toEqual([status, expect.stringMatching(heading), expect.stringMatching(reason)]);
  expect(outcome.page.headers["set-cookie"]?.join("\n") ?? "").not.toMatch(/__Host-openunison=[^;]/);
  expect(outcome.page.body).not.toContain(liar.lastIdToken || "no token yet");
}

const addsUp = /answer didn’t add up/, unreachable = /can’t be reached/, cannotFinish = /can’t be finished/, tooMuch = /sent too much/;
const set = (name: string, value: unknown): Script => ({ claims: (claims) => (value === undefined ? delete claims[name] : (claims[name] = value)) });
const now = () => Math.floor(Date.now() / 1000);

test("an honest answer signs in, so that the refusals below are of what differs", async () => {
  const { page } = await signIn();
  expect(page.status).toBe(200);
});

describe("the ID token", () => {
  const pem = (keyOf: Liar) => keyOf.keys[0]!.pair.publicKey.export({ format: "pem", type: "spki" }) as string;
  const cases: [string, Script, RegExp][] = [
    ["of another issuer", set("iss", "https://evil.example"), /token was refused/],
    ["without an issuer", set("iss", undefined), /token was refused/],
    ["for another client", set("aud", "somebody-else"), /token was refused/],
    ["for us and another, without azp", set("aud", ["openunison", "somebody-else"]), /azp|authorized/i],
    ["given to another client (azp)", set("azp", "somebody-else"), /azp|authorized/i],
    ["without a subject", set("sub", undefined), /subject|sub/],
    ["with the nonce of another sign-in", set("nonce", "A".repeat(43)), /nonce/],
    ["without a nonce", set("nonce", undefined), /nonce/],
    ["with two subjects", { token: (header, claims) => liar.keys[0]!.signText(header, JSON.stringify(claims).replace("{", '{"sub":"u-mallory",')) }, /token was refused/],
    ["signed by nobody", { token: (_header, claims) => unsigned({ alg: "none", typ: "JWT" }, claims) }, /token was refused/],
    ["with alg nOnE", { token: (_header, claims) => unsigned({ alg: "nOnE", kid: "k0" }, claims) }, /token was refused/],
    ["signed with the public key as a secret", { token: (_header, claims) => hs256({ kid: "k0" }, claims, pem(liar)) }, /token was refused/],
    ["signed with our own client secret", { token: (_header, claims) => hs256({}, claims, "upstream-secret") }, /token was refused/],
    ["with its key in the header", { token: (header, claims) => liar.keys[1]!.sign({ ...header, kid: "k0", jwk: liar.keys[1]!.jwk() }, claims) }, /token was refused/],
    ["with a key's address in the header", { token: (header, claims) => liar.keys[1]!.sign({ ...header, kid: "k0", jku: `${liar.issuer}/other-keys` }, claims) }, /token was refused/],
    ["with an extension that must be understood", { header: (header) => Object.assign(header, { crit: ["exp"] }) }, /token was refused/],
    ["that is an access token by its type", { header: (header) => Object.assign(header, { typ: "at+jwt" }) }, /token|type/],
    ["that is a logout token", { claims: (claims) => Object.assign(claims, { events: { "http://schemas.openid.net/event/backchannel-logout": {} } }) }, /token|event/],
    ["of another access token (at_hash)", set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), /access token|at_hash/],
    ["that is none", { token: () => "not.a.token" }, /token was refused/],
    ["that isn't there", { answer: (answer) => delete answer.id_token }, /no ID token/],
  ];
  test.each(cases)("%s", async (_name, script, reason) => {
    expectRefused(await signIn(script), 502, addsUp, reason);
  });
  test("of another sign-in, as a whole: what one person got opens nothing for the next", async () => {
    expect((await signIn()).page.status).toBe(200);
    const stolen = liar.lastIdToken;
    expectRefused(await signIn({ token: () => stolen }), 502, addsUp, /nonce/);
  });
  test("that has expired, and one of tomorrow, say by how much", async () => {
    expectRefused(await signIn({ claims: (claims) => Object.assign(claims, { iat: now() - 4_000, exp: now() - 400 }) }), 502, /clocks don’t agree/, /expired \d+ seconds ago/);
    expectRefused(await signIn({ claims: (claims) => Object.assign(claims, { iat: now() + 86_400, exp: now() + 90_000 }) }), 502, /clocks don’t agree/, /seconds in the future/);
  });
  test("without end, or with one that is no number", async () => {
    for (const end of [undefined, "1900000000", 1e300, -1]) expect((await signIn(set("exp", end))).page.status).toBe(502);
  });
  afterAll(liveSessionsGoOn);
});

describe("the way back", () => {
  const change = (name: string, value: string | undefined): Script => ({ callback: (parameters) => (value === undefined ? parameters.delete(name) : parameters.set(name, value)) });
  const cases: [string, Script, number, RegExp, RegExp][] = [
    ["with another's state", change("state", "B".repeat(43)), 400, cannotFinish, /no sign-in was started in this browser/],
    ["without a state", change("state", undefined), 400, cannotFinish, /no sign-in was started in this browser/],
    ["with two states", { callback: (parameters) => parameters.append("state", "C".repeat(43)) }, 400, cannotFinish, /repeats a parameter/],
    ["with two codes", { callback: (parameters) => parameters.append("code", "another") }, 400, cannotFinish, /repeats a parameter/],
    ["of another provider (mix-up)", change("iss", "https://evil.example"), 502, addsUp, /of another identity provider: https:\/\/evil\.example/],
    ["of one that doesn't say who it is", change("iss", undefined), 502, addsUp, /doesn't say whose it is/],
    ["without a code", change("code", undefined), 502, addsUp, /no usable code/],
    ["with a code that nobody issued", change("code", "invented"), 502, addsUp, /didn't accept the sign-in/],
    ["with a code of 5 KB", change("code", "c".repeat(5_000)), 502, addsUp, /no usable code/],
  ];
  test.each(cases)("%s", async (_name, script, status, heading, reason) => {
    expectRefused(await signIn(script), status, heading, reason);
  });

  test("opened in another browser: nobody is signed in as somebody else (login CSRF)", async () => {
    const attacker = front.visitor(), victim = front.visitor();
    const way = await attacker.follow(front.portal.portal, { stopAt: `${front.portal.portal}/auth/oidc` });
    expect(way.url).toContain("code=");
    const mark = front.mark();
    const page = await victim.fetch(way.url);
    expect([page.status, front.log(mark).some((line) => line.event === "sign_in_refused")]).toEqual([400, true]);
    expect(victim.cookies(new URL(front.portal.portal).host).has("__Host-openunison")).toBe(false);
    // A victim who has begun a sign-in of their own isn't caught either.
    await victim.follow(front.portal.portal, { stopAt: liar.issuer });
    expect((await victim.fetch(way.url)).status).toBe(400);
    expect((await attacker.fetch(way.url)).status).toBe(303);
  });
  test("used twice", async () => {
    const visitor = front.visitor();
    const way = await visitor.follow(front.portal.portal, { stopAt: `${front.portal.portal}/auth/oidc` });
    expect((await visitor.fetch(way.url)).status).toBe(303);
    const mark = front.mark();
    expect((await visitor.fetch(way.url)).status).toBe(400);
    expect(front.log(mark).map((line) => line.reason).join()).toMatch(/no sign-in was started/);
  });
  test("with an attempt's cookie that was put together from two", async () => {
    const visitor = front.visitor(), host = new URL(front.portal.portal).host;
    const first = await visitor.follow(front.portal.portal, { stopAt: `${front.portal.portal}/auth/oidc` });
    const cookies = visitor.cookies(host);
    const [firstName, firstValue] = [...cookies].find(([name]) => name.startsWith("__Host-ou-attempt-"))!;
    const second = await visitor.follow(front.portal.portal, { stopAt: `${front.portal.portal}/auth/oidc` });
    const secondName = [...cookies.keys()].find((name) => name.startsWith("__Host-ou-attempt-") && name !== firstName)!;
    cookies.set(secondName, firstValue);
    expect((await visitor.fetch(second.url)).status).toBe(400);
    expect((await visitor.fetch(first.url)).status).toBe(303);
  });
  test("an error with markup, line breaks and escape sequences is shown as text and logged as one line", async () => {
    const evil = `<script>alert(1)</script>"'>\r\n{"level":"audit","event":"sign_in","user":"mallory"}\u001b[2J\u202e`;
    const { page, reasons } = await signIn({
      callback: (parameters) => {
        parameters.delete("code");
        parameters.set("error", "access_denied");
        parameters.set("error_description", evil);
      },
    });
    expect(page.status).toBe(403);
    expect(page.body).not.toContain("<script>alert");
    expect(page.body).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(reasons).not.toMatch(/[\u0000-\u001f\u202e]/);
    expect(front.log().some((line) => line.event === "sign_in" && line.user === "mallory")).toBe(false);
  });
  afterAll(liveSessionsGoOn);
});

describe("the token endpoint", () => {
  test("that repeats what we sent doesn't get it told: neither page nor log has our secret, the code or the verifier", async () => {
    let sent = { body: "", authorization: "" };
    const echo: Script["tokenEndpoint"] = (request, response, body) => {
      sent = { body, authorization: request.headers.authorization ?? "" };
      const form = new URLSearchParams(body);
      const description = `code ${form.get("code")} verifier ${form.get("code_verifier")} of ${Buffer.from(sent.authorization.slice(6), "base64").toString()} ${sent.authorization}`;
      json({ error: "invalid_grant", error_description: description }, 400)(request, response, body);
    };
    const { page, reasons } = await signIn({ tokenEndpoint: echo });
    expect(page.status).toBe(502);
    expect(reasons).toMatch(/didn't accept the sign-in/);
    const form = new URLSearchParams(sent.body);
    for (const secret of [form.get("code")!, form.get("code_verifier")!, "upstream-secret", sent.authorization.slice(6)]) {
      expect(page.body).not.toContain(secret);
      expect(reasons).not.toContain(secret);
    }
  });
  test("that redirects isn't followed: what we send goes nowhere else", async () => {
    for (const status of [302, 307, 308]) {
      expectRefused(await signIn({ tokenEndpoint: redirect(`${liar.issuer}/collect`, status) }), 502, unreachable, /redirects; the address must be the final one/);
    }
    expect(liar.count("/collect")).toBe(0);
  });
  const cases: [string, Script["tokenEndpoint"], RegExp, RegExp][] = [
    ["sends 10 MB", huge({ access_token: "a", token_type: "Bearer" }), tooMuch, /too large/],
    ["sends what is no JSON", (_request, response) => void response.writeHead(200, { "content-type": "application/json" }).end("{\"access_token\":"), addsUp, /JSON|read|understood/i],
    ["sends one name twice", (_request, response) => void response.writeHead(200, { "content-type": "application/json" }).end('{"access_token":"a","access_token":"b","token_type":"Bearer"}'), addsUp, /JSON|twice|duplicate|read/i],
    ["compresses without being asked", (_request, response) => void response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end(Buffer.from("H4sIAAAAAAAAA6tWSkxOTi0ujs9MUbJSSlSqBQCKQ+rfEgAAAA==", "base64")), addsUp, /./],
    ["cuts the connection", (request) => request.socket.destroy(), unreachable, /./],
    ["answers 500", json({ error: "server_error" }, 500), unreachable, /failed/],
    ["wants us to wait", json({ error: "slow_down" }, 429), unreachable, /too much to do/],
    ["says our secret is wrong", json({ error: "invalid_client" }, 401), addsUp, /doesn't accept our client id or secret/],
    ["gives a token of another type", json({ access_token: "a", token_type: "mac" }), addsUp, /./],
  ];
  test.each(cases)("that %s", async (_name, tokenEndpoint, heading, reason) => {
    expectRefused(await signIn({ tokenEndpoint }), 502, heading, reason);
  });
  test("that says nothing, drips its answer or its header is waited for so long and no longer, while others are served", async () => {
    const begun = Date.now();
    const slow = [silent, drip(), dripHead()].map((tokenEndpoint) => signIn({ tokenEndpoint }));
    await liveSessionsGoOn();
    for (const outcome of await Promise.all(slow)) expectRefused(outcome, 502, unreachable, /./);
    expect(Date.now() - begun).toBeLessThan(patience);
  }, patience + 20_000);
  afterAll(liveSessionsGoOn);
});

describe("userinfo", () => {
  // Groups are missing in the ID token, so it is asked.
  const ask = (userinfoEndpoint: Script["userinfoEndpoint"]): Script => ({ ...set("groups", undefined), userinfoEndpoint });
  const cases: [string, Script["userinfoEndpoint"], RegExp, RegExp][] = [
    ["of somebody else", json({ sub: "u-mallory", groups: ["admins"] }), addsUp, /somebody else's/],
    ["of nobody", json({ groups: ["admins"] }), addsUp, /doesn't say whose it is/],
    ["of 10 MB", huge({ sub: "u-alice", groups: [] }), tooMuch, /too large/],
    ["that redirects", redirect("https://127.0.0.1:1/elsewhere"), unreachable, /redirects/],
    ["that is HTML", (_request, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>"), addsUp, /./],
    ["that refuses", json({ error: "invalid_token" }, 401), addsUp, /./],
  ];
  test.each(cases)("%s", async (_name, endpoint, heading, reason) => {
    expectRefused(await signIn(ask(endpoint)), 502, heading, reason);
  });
  test("that repeats the access token doesn't get it told", async () => {
    let token = "";
    const { page, reasons } = await signIn(ask((request, response, body) => {
      token = request.headers.authorization!.slice(7);
      json({ error: "invalid_token", error_description: `unknown token ${token}` }, 403)(request, response, body);
    }));
    expect(page.status).toBe(502);
    expect(token.length).toBeGreaterThan(20);
    expect(page.body + reasons).not.toContain(token);
  });
  test("that drips ends at its deadline", async () => {
    const begun = Date.now();
    expectRefused(await signIn(ask(drip())), 502, unreachable, /./);
    expect(Date.now() - begun).toBeLessThan(patience);
  }, patience + 20_000);
  afterAll(liveSessionsGoOn);
});

describe("discovery", () => {
  const document = "/.well-known/openid-configuration";
  const cases: [string, () => void, RegExp][] = [
    ["of another issuer", () => (liar.metadata = (each) => (each.issuer = "https://evil.example")), /issuer/],
    ["with keys over http", () => (liar.metadata = (each) => (each.jwks_uri = liar.issuer.replace("https", "http") + "/keys")), /jwks_uri|https/],
    ["with a token endpoint over http", () => (liar.metadata = (each) => (each.token_endpoint = "http://127.0.0.1/token")), /token_endpoint|https/],
    ["with a token endpoint that is a file", () => (liar.metadata = (each) => (each.token_endpoint = "file:///etc/passwd")), /token_endpoint|https/],
    ["with a script for an authorization endpoint", () => (liar.metadata = (each) => (each.authorization_endpoint = "javascript:alert(1)")), /authorization_endpoint|https/],
    ["that redirects to another host", () => (liar.answers[document] = redirect("https://localhost:1/configuration")), /redirects/],
    ["of 10 MB", () => (liar.answers[document] = huge({})), /too large/],
    ["that is no JSON", () => (liar.answers[document] = (_request, response) => void response.writeHead(200).end("<html>")), /./],
    ["that is missing", () => (liar.answers[document] = json({}, 404)), /404/],
  ];
  test.each(cases)("%s", async (_name, fault, reason) => {
    fault();
    await restart();
    expectRefused(await signIn(), 502, unreachable, reason);
    await liveSessionsGoOn();
  });
  test("that drips ends at its deadline, for all who wait, and recovers by itself", async () => {
    liar.answers[document] = drip();
    await restart();
    const begun = Date.now();
    for (const outcome of await Promise.all(Array.from({ length: 5 }, () => signIn()))) expectRefused(outcome, 502, unreachable, /./);
    expect(Date.now() - begun).toBeLessThan(patience);
    liar.reset();
    await expect.poll(async () => (await signIn()).page.status, { timeout: 20_000, interval: 500 }).toBe(200);
  }, patience + 40_000);
});

describe("keys", () => {
  const secret = Buffer.from("a secret that was published as if it were a key");
  const oct = { kty: "oct", kid: "shared", k: secret.toString("base64url"), alg: "HS256", use: "sig" };
  const cases: [string, () => void, Script, RegExp][] = [
    ["with a shared secret among them, and a token that it signs", () => liar.published.push(oct), { token: (_header, claims) => hs256({ kid: "shared" }, claims, secret) }, /token was refused/],
    ["with one for encryption only, and a token that it signs", () => liar.published.push({ ...liar.keys[1]!.jwk(), use: "enc" }), { token: (header, claims) => liar.keys[1]!.sign(header, claims) }, /token was refused/],
    ["with one for another algorithm, and a token that it signs", () => liar.published.push({ ...liar.keys[1]!.jwk(), alg: "ES384" }), { token: (header, claims) => liar.keys[1]!.sign(header, claims) }, /token was refused|keys/],
    ["that are swapped for others while a sign-in is under way, the token being of the former", () => (liar.published = [liar.keys[1]!.jwk()]), {}, /token was refused/],
    ["of 10 MB", () => (liar.answers["/keys"] = huge({ keys: [liar.keys[0]!.jwk()] })), {}, /too large/],
    ["of which there are none", () => (liar.published = []), {}, /key/],
    ["that redirect", () => (liar.answers["/keys"] = redirect(`${liar.issuer}/other-keys`)), {}, /redirects/],
    ["that are no JSON", () => (liar.answers["/keys"] = (_request, response) => void response.writeHead(200).end("{")), {}, /keys/],
  ];
  test.each(cases)("%s", async (_name, fault, script, reason) => {
    fault();
    await restart();
    const outcome = await signIn(script);
    expectRefused(outcome, 502, /didn’t add up|can’t be reached/, reason);
    await liveSessionsGoOn();
  });
  test("that drip end at their deadline", async () => {
    liar.answers["/keys"] = drip();
    await restart();
    const begun = Date.now();
    expectRefused(await signIn(), 502, unreachable, /./);
    expect(Date.now() - begun).toBeLessThan(patience);
  }, patience + 20_000);
  test("swapped in mid-flight are fetched again, once, and the sign-in goes through", async () => {
    await restart();
    expect((await signIn()).page.status).toBe(200);
    const before = liar.count("/keys");
    const outcome = await signIn({
      token: (header, claims) => {
        liar.published = [liar.keys[1]!.jwk()];
        return liar.keys[1]!.sign(header, claims);
      },
    });
    expect([outcome.page.status, liar.count("/keys") - before]).toEqual([200, 1]);
  });
  test("that nobody has: a storm of tokens with unknown keys is no storm of fetches", async () => {
    await restart();
    expect((await signIn()).page.status).toBe(200);
    const before = liar.count("/keys");
    const storm = await Promise.all(Array.from({ length: 30 }, (_each, number) => signIn({ token: (header, claims) => liar.keys[1]!.sign({ ...header, kid: `unknown-${number}` }, claims) })));
    expect(new Set(storm.map((outcome) => outcome.page.status))).toEqual(new Set([502]));
    expect(liar.count("/keys") - before).toBeLessThanOrEqual(1);
    await liveSessionsGoOn();
  });
});

describe("names", () => {
  const groupsFor = async (visitor: Visitor) => {
    const token = /refresh-token: "?([^"\s]+)/.exec(await visitor.kubeconfig(front.portal.portal, "demo"))![1]!;
    const answer = await visitor.fetch(`${front.portal.issuer}/token`, { form: { grant_type: "refresh_token", refresh_token: token, client_id: "kubernetes" } });
    const { id_token } = JSON.parse(answer.body) as { id_token: string };
    return (JSON.parse(Buffer.from(id_token.split(".")[1]!, "base64url").toString()) as Json).groups as string[];
  };
  test("groups of the cluster's own kind are dropped and shown; odd ones stay one name or go", async () => {
    const visitor = front.visitor();
    await signIn(set("groups", ["system:masters", "system:nodes", "SYSTEM:masters", " system:masters", "a,b", "line\nbreak", "staff"]), visitor);
    const groups = await groupsFor(visitor);
    expect(groups).toEqual(expect.arrayContaining(["staff", "a,b"]));
    expect(groups.filter((group) => /system:|\n/i.test(group))).toEqual([]);
    expect((await visitor.fetch(`${front.portal.portal}/profile`)).body).toContain("system:masters");
  });
  test("a user of the cluster's own kind isn't let in", async () => {
    for (const name of ["system:admin", "system:serviceaccount:kube-system:default", "system:anonymous"]) {
      expectRefused(await signIn(set("preferred_username", name)), 403, /name can’t be used here/, /system:/);
    }
  });
  test("a name with line breaks and escape sequences is refused, and makes one line in the log", async () => {
    const before = front.log().length;
    const outcome = await signIn(set("preferred_username", 'alice\r\n{"level":"audit","event":"sign_in"}\u001b[31m'));
    expect(outcome.page.status).toBe(403);
    for (const line of front.log().slice(before)) expect(JSON.stringify(line)).not.toMatch(/\\u001b|\\r|\\n/);
  });
});
