// SPDX-License-Identifier: Apache-2.0
//
// What strangers and faulty clients try at the provider (RFC 6749 §10, RFC 9700, OpenID Connect Core §16), against the whole
// program. Tables of single functions are in tests/unit/oidc, tests/unit/jose and tests/unit/session.
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:net";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Visitor, type Answer } from "./harness/browserless.ts";
import { Front } from "./harness/front.ts";
import { Liar } from "./harness/liar.ts";

let front: Front<Liar>;
const callback = "https://127.0.0.1:9999/callback", bye = "https://127.0.0.1:9999/bye";
const secrets: Record<string, string> = { app: "secret-of-the-app", other: "secret-of-the-other" };

beforeAll(async () => {
  front = await Front.start<Liar>("provider", {
    provider: (port, tls) => Liar.start(port, tls), clients: secrets,
    portal: {
      openunisonExtra: `clients:
- {client_id: app, label: App, redirect_uris: ["${callback}"], post_logout_redirect_uris: ["${bye}"]}
- {client_id: other, label: Other, redirect_uris: ["${callback}"]}`,
    },
  });
}, 60_000);
afterAll(async () => front?.stop());

const basic = (client: string) => ({ authorization: `Basic ${Buffer.from(`${client}:${secrets[client]}`).toString("base64")}` });
const challengeOf = (verifier: string) => createHash("sha256").update(verifier).digest("base64url");

async function signedIn(): Promise<Visitor> {
  const visitor = front.visitor();
  expect((await visitor.follow(front.portal.portal)).status).toBe(200);
  return visitor;
}
function authorize(visitor: Visitor, query: string): Promise<Answer> {
  return visitor.fetch(`${front.portal.issuer}/auth?${query}`);
}
async function code(visitor: Visitor, extra: Record<string, string> = {}): Promise<{ code: string; verifier: string }> {
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({ client_id: "app", redirect_uri: callback, response_type: "code", scope: "openid offline_access", code_challenge: challengeOf(verifier), code_challenge_method: "S256", ...extra });
  const answer = await authorize(visitor, query.toString());
  return { code: new URL(answer.headers.location!).searchParams.get("code")!, verifier };
}
async function token(form: Record<string, string>, headers: Record<string, string> = basic("app")): Promise<{ status: number; body: Record<string, string> }> {
  const answer = await front.visitor().fetch(`${front.portal.issuer}/token`, { form, headers });
  return { status: answer.status, body: JSON.parse(answer.body) as Record<string, string> };
}
const redeem = (got: { code: string; verifier: string }, client = "app", redirect_uri = callback) => token({ grant_type: "authorization_code", code: got.code, code_verifier: got.verifier, redirect_uri }, basic(client));
const refresh = (refresh_token: string, client = "app") => token({ grant_type: "refresh_token", refresh_token }, basic(client));

describe("at once", () => {
  test("one code, used fifty times: one success, and what it opened ends", async () => {
    const got = await code(await signedIn());
    const answers = await Promise.all(Array.from({ length: 50 }, () => redeem(got)));
    const good = answers.filter((answer) => answer.status === 200);
    expect(good.length).toBe(1);
    expect(new Set(answers.filter((answer) => answer.status !== 200).map((answer) => `${answer.status} ${answer.body.error}`))).toEqual(new Set(["400 invalid_grant"]));
    expect((await refresh(good[0]!.body.refresh_token!)).body.error).toBe("invalid_grant");
    const info = await front.visitor().fetch(`${front.portal.issuer}/userinfo`, { headers: { authorization: `Bearer ${good[0]!.body.access_token}` } });
    expect(info.status).toBe(401);
  });
  test("one refresh token, used fifty times: one successor, which works", async () => {
    const first = await redeem(await code(await signedIn()));
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(first.body.refresh_token!)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    const successors = new Set(answers.map((answer) => answer.body.refresh_token));
    expect(successors.size).toBe(1);
    expect(successors.has(first.body.refresh_token)).toBe(false);
    expect((await refresh([...successors][0]!)).status).toBe(200);
  });
});

describe("a code", () => {
  const cases: [string, (got: { code: string; verifier: string }) => Promise<{ status: number; body: Record<string, string> }>, string][] = [
    ["of another client", (got) => redeem(got, "other"), "invalid_grant"],
    ["for another address", (got) => redeem(got, "app", `${callback}/`), "invalid_grant"],
    ["without its verifier", ({ code: text }) => token({ grant_type: "authorization_code", code: text, redirect_uri: callback }), "invalid_grant"],
    ["with the challenge as verifier", (got) => redeem({ ...got, verifier: challengeOf(got.verifier) }), "invalid_grant"],
    ["with one byte changed", (got) => redeem({ ...got, code: (got.code[0] === "A" ? "B" : "A") + got.code.slice(1) }), "invalid_grant"],
    ["in place of a refresh token", (got) => refresh(got.code), "invalid_grant"],
  ];
  test.each(cases)("%s is refused, and still good for its own client", async (_name, attack, error) => {
    const got = await code(await signedIn());
    const refused = await attack(got);
    expect([refused.status, refused.body.error]).toEqual([400, error]);
    expect((await redeem(got)).status).toBe(200);
  });
  test("asked for without a challenge takes no verifier: PKCE can't be stripped on the way", async () => {
    const visitor = await signedIn();
    const answer = await authorize(visitor, new URLSearchParams({ client_id: "app", redirect_uri: callback, response_type: "code", scope: "openid" }).toString());
    const got = new URL(answer.headers.location!).searchParams.get("code")!;
    expect((await redeem({ code: got, verifier: randomBytes(32).toString("base64url") })).body.error).toBe("invalid_grant");
  });
  test("with the method plain isn't given, to kubectl neither without a challenge", async () => {
    const visitor = await signedIn();
    const plain = await authorize(visitor, new URLSearchParams({ client_id: "app", redirect_uri: callback, response_type: "code", scope: "openid", code_challenge: "v".repeat(43), code_challenge_method: "plain" }).toString());
    expect(new URL(plain.headers.location!).searchParams.get("error")).toBe("invalid_request");
    const none = await authorize(visitor, new URLSearchParams({ client_id: "kubernetes", redirect_uri: "http://127.0.0.1:8000/", response_type: "code", scope: "openid" }).toString());
    expect(none.headers.location ?? "").not.toContain("code=");
  });
});

describe("tokens", () => {
  test("are good for one thing only", async () => {
    const { body } = await redeem(await code(await signedIn()));
    const { access_token, id_token, refresh_token } = body as Record<"access_token" | "id_token" | "refresh_token", string>;
    const userinfo = (bearer: string) => front.visitor().fetch(`${front.portal.issuer}/userinfo`, { headers: { authorization: `Bearer ${bearer}` } });
    expect((await userinfo(access_token)).status).toBe(200);
    for (const wrong of [id_token, refresh_token, `${access_token}A`, access_token.slice(0, -1)]) expect((await userinfo(wrong)).status).toBe(401);
    for (const wrong of [id_token, access_token, `${refresh_token}A`]) expect((await refresh(wrong)).body.error).toBe("invalid_grant");
    // A foreign client can't use it, and hasn't ended it by trying.
    expect((await refresh(refresh_token, "other")).body.error).toBe("invalid_grant");
    const widened = await token({ grant_type: "refresh_token", refresh_token, scope: "openid profile email groups" });
    expect(widened.body.error).toBe("invalid_scope");
    expect((await refresh(refresh_token)).status).toBe(200);
    // In an address it would be in logs and histories.
    expect((await front.visitor().fetch(`${front.portal.issuer}/userinfo?access_token=${access_token}`)).status).toBe(401);
  });
  test("of a cluster are ID tokens and nothing else that an API server would take", async () => {
    const visitor = await signedIn();
    const text = /refresh-token: "?([^"\s]+)/.exec(await visitor.kubeconfig(front.portal.portal, "demo"))![1]!;
    const answer = await token({ grant_type: "refresh_token", refresh_token: text, client_id: "kubernetes" }, {});
    const claims = JSON.parse(Buffer.from(answer.body.id_token!.split(".")[1]!, "base64url").toString()) as Record<string, unknown>;
    expect(claims).toMatchObject({ aud: "kubernetes", token_use: "id" });
    // The access token is no JWT.
    expect(answer.body.access_token!.split(".").length).toBe(1);
  });
  test("of a client that shows a wrong secret aren't given, whichever way it is shown", async () => {
    const got = await code(await signedIn());
    const form = { grant_type: "authorization_code", code: got.code, code_verifier: got.verifier, redirect_uri: callback };
    const wrong = { authorization: `Basic ${Buffer.from("app:wrong-secret-of-app").toString("base64")}` };
    for (const [fields, headers] of [[form, wrong], [{ ...form, client_id: "app", client_secret: "wrong-secret-of-app" }, {}], [{ ...form, client_id: "app" }, {}], [{ ...form, client_id: "nobody" }, {}],
      [{ ...form, client_id: "app", client_secret: secrets.app! }, basic("app")], [{ ...form, client_id: "other" }, basic("app")]] as [Record<string, string>, Record<string, string>][]) {
      const refused = await token(fields, headers);
      expect([400, 401]).toContain(refused.status);
      expect(["invalid_client", "invalid_request"]).toContain(refused.body.error);
    }
    expect((await redeem(got)).status).toBe(200);
  });
});

describe("an address to return to", () => {
  const hostile = [
    "https://evil.example/callback", "https://127.0.0.1:9999/callback/", "https://127.0.0.1:9999/callback?x=1", "https://127.0.0.1:9999/callback#x", "https://127.0.0.1:9999/CALLBACK", "https://127.0.0.1:9999/callback/../evil",
    "https://127.0.0.1:9999/%2e%2e/callback", "https://127.0.0.1:9999//callback", "https://127.0.0.1:9999@evil.example/callback", "https://evil.example\\@127.0.0.1:9999/callback", "https://127.0.0.1.:9999/callback", "https://127.0.0.1:9998/callback",
    "http://127.0.0.1:9999/callback", "//127.0.0.1:9999/callback", "javascript:alert(1)//127.0.0.1:9999/callback", "data:text/html,x", "https://127.0.0.1:9999/callback\u0000", "https://127.0.0.1:9999/callback\r\nX-Evil: 1", "https://127。0。0。1:9999/callback", "",
    " https://127.0.0.1:9999/callback", "https://127.0.0.1:9999/callback ",
  ];
  test.each(hostile)("that isn't registered gets nothing: %j", async (redirect_uri) => {
    const visitor = await signedIn();
    for (const extra of [{}, { prompt: "none" }, { response_type: "token" }] as Record<string, string>[]) {
      const query = new URLSearchParams({ client_id: "app", response_type: "code", scope: "openid", redirect_uri, ...extra });
      const answer = await authorize(visitor, query.toString());
      expect([answer.status, answer.headers.location, answer.headers["x-evil"]]).toEqual([400, undefined, undefined]);
    }
  });
  test("after signing out must be registered too", async () => {
    const visitor = await signedIn();
    const { body } = await redeem(await code(visitor));
    for (const evil of ["https://evil.example/", `${bye}/`, `${bye}?x=1`, "//evil.example", "javascript:alert(1)"]) {
      const answer = await visitor.fetch(`${front.portal.issuer}/end_session?${new URLSearchParams({ id_token_hint: body.id_token!, post_logout_redirect_uri: evil }).toString()}`);
      expect([answer.status, answer.headers.location]).toEqual([400, undefined]);
      // Without a hint nobody is asked to trust the address; the person is asked.
      const bare = await visitor.fetch(`${front.portal.issuer}/end_session?${new URLSearchParams({ client_id: "app", post_logout_redirect_uri: evil }).toString()}`);
      expect(bare.headers.location ?? "").not.toContain("evil");
    }
    // Nobody was signed out by any of it (logout CSRF).
    expect((await visitor.fetch(`${front.portal.portal}/profile`)).status).toBe(200);
  });
  test("gets the state as one parameter, whatever is in it", async () => {
    const visitor = await signedIn();
    const state = `a&code=evil#x"><script>\r\nSet-Cookie: evil=1`;
    const answer = await authorize(visitor, new URLSearchParams({ client_id: "app", redirect_uri: callback, response_type: "code", scope: "openid", state }).toString());
    const back = new URL(answer.headers.location!);
    expect([back.origin + back.pathname, back.searchParams.getAll("code").length, back.hash, answer.headers["set-cookie"]]).toEqual([callback, 1, "", undefined]);
    expect(back.searchParams.get("state")).toBe(state);
  });
});

test("parameters that come twice are refused before anybody is sent anywhere", async () => {
  const visitor = await signedIn();
  const good = new URLSearchParams({ client_id: "app", redirect_uri: callback, response_type: "code", scope: "openid" }).toString();
  for (const twice of ["client_id=other", "redirect_uri=https%3A%2F%2Fevil.example"]) {
    const answer = await authorize(visitor, `${good}&${twice}`);
    expect([answer.status, answer.headers.location]).toEqual([400, undefined]);
  }
});

test("nothing that a request names is fetched: request_uri, and an address in place of a client's id", async () => {
  let connections = 0;
  const trap = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
  const address = trap.address() as { port: number };
  try {
    const visitor = await signedIn();
    for (const uri of [`http://127.0.0.1:${address.port}/object`, `https://127.0.0.1:${address.port}/object`, "file:///etc/passwd", "http://169.254.169.254/latest/meta-data/"]) {
      const query = new URLSearchParams({ client_id: "app", redirect_uri: callback, response_type: "code", scope: "openid", request_uri: uri });
      const answer = await authorize(visitor, query.toString());
      expect(answer.headers.location ?? "").not.toContain("code=");
      expect((await authorize(visitor, new URLSearchParams({ client_id: uri, redirect_uri: callback, response_type: "code", scope: "openid" }).toString())).status).toBe(400);
    }
    expect(connections).toBe(0);
  } finally {
    await new Promise((resolve) => trap.close(resolve));
  }
});

test("ways to answer that we don't offer get no code: fragment, web_message, tokens from the front", async () => {
  const visitor = await signedIn();
  for (const extra of [{ response_mode: "web_message" }, { response_mode: "fragment" }, { response_type: "token" }, { response_type: "code token" }, { response_type: "id_token", nonce: "n" }] as Record<string, string>[]) {
    const answer = await authorize(visitor, new URLSearchParams({ client_id: "app", redirect_uri: callback, response_type: "code", scope: "openid", ...extra }).toString());
    expect(answer.headers.location ?? "").not.toMatch(/[?&#](code|access_token|id_token)=/);
    expect(answer.body).not.toContain("postMessage");
  }
});

test("no code, token or cookie is in a log line of all this, nor could a client's text make a line", async () => {
  const visitor = front.visitor();
  const evil = 'app"\r\n{"level":"audit","event":"token","user":"mallory"}\u001b[2J';
  await visitor.fetch(`${front.portal.issuer}/token`, { form: { grant_type: evil, client_id: evil, code: evil }, headers: { "user-agent": "x\u0009y", "x-forwarded-for": "1.2.3.4" } });
  await authorize(visitor, new URLSearchParams({ client_id: evil, redirect_uri: evil }).toString());
  await visitor.fetch(`${front.portal.portal}/%0d%0a%7b%22level%22%3a%22audit%22%2c%22user%22%3a%22mallory%22%7d%1b%5b2J%c0%80`);
  // Every line is one object, so none was made by the text.
  for (const line of front.log()) expect([line.user === "mallory", JSON.stringify(line).includes("\\u001b")]).toEqual([false, false]);
});
