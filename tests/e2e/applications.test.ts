// SPDX-License-Identifier: Apache-2.0
//
// Applications that others wrote, or that use libraries of others, sign people in through the portal: pushed requests, answers
// as forms, signing out both ways. openid-client and oauth4webapi, jose for logout tokens, Chromium, and Apache with
// mod_auth_openidc. A portal of its own with built-in users; no cluster.
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as jose from "jose";
import * as oauth from "oauth4webapi";
import * as client from "openid-client";
import { Agent, fetch as undiciFetch } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";

import { Apache, Receiver } from "./harness/applications.ts";
import { Visitor, type Answer } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import { launchBrowser } from "./harness/chromium.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { root } from "./harness/paths.ts";
import { freePort, waitFor } from "./harness/process.ts";

const secret = "secret-of-the-application";
const event = "http://schemas.openid.net/event/backchannel-logout";
let folder: string, authority: Authority, portal: OpenUnison, receiver: Receiver, apache: Apache;
let configuration: client.Configuration, trusting: never;

beforeAll(async () => {
  folder = join(root, "build/e2e-applications");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  authority = await Authority.create(folder);
  receiver = await Receiver.start(authority);
  const apachePort = await freePort(), apacheOrigin = `https://127.0.0.1:${apachePort}`;
  portal = new OpenUnison({
    folder, authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1",
    openunisonExtra: `clients:
- client_id: application
  label: Application
  redirect_uris: ["${receiver.origin}/callback"]
  post_logout_redirect_uris: ["${receiver.origin}/bye"]
  backchannel_logout_uri: "${receiver.origin}/logged-out"
- client_id: pushing
  redirect_uris: ["${receiver.origin}/callback"]
  require_pushed_authorization_requests: true
- client_id: in-browser
  public: true
  redirect_uris: ["${receiver.origin}/callback"]
- client_id: apache
  redirect_uris: ["${apacheOrigin}/inside/callback"]
  post_logout_redirect_uris: ["${apacheOrigin}/bye.html"]
  backchannel_logout_uri: "${apacheOrigin}/inside/callback?logout=backchannel"`,
    extra: `identity_providers:
- {name: local, type: local}
`,
  });
  await portal.prepare();
  for (const id of ["application", "pushing", "apache"]) writeFileSync(join(portal.secrets, `CLIENT_${id}`), secret);
  await portal.addUser("dora", "password-of-dora", ["staff"], "Dora Door");
  appendFileSync(join(portal.secrets, "users.yaml"), `    claims:
      nickname: Do
      phone_number: "+1 (425) 555-1212"
      address: {locality: Springfield, country: US}
      acr: urn:example:silver
`);
  await portal.start();
  apache = await Apache.start({ authority, port: apachePort, issuer: portal.issuer, clientId: "apache", clientSecret: secret });

  const dispatcher = new Agent({ connect: { ca: authority.caPem } });
  trusting = ((url: string, options: object) => undiciFetch(url, { ...options, dispatcher } as never)) as never;
  configuration = await discover("application");
});
afterAll(async () => {
  await apache?.stop();
  await portal?.stop();
  await receiver?.stop();
});

async function discover(id: string): Promise<client.Configuration> {
  const found = await client.discovery(new URL(portal.issuer), id, secret, client.ClientSecretBasic(secret), { [client.customFetch]: trusting });
  found[client.customFetch] = trusting;
  return found;
}

const visitor = () => new Visitor(authority.caPem);
const signIn = (as: Visitor, page: Answer, stopAt?: string) => as.submitLogin(page, "dora", "password-of-dora", stopAt);

/** The form of a page that answers with response_mode=form_post. */
function formOf(page: Answer): { action: string; fields: URLSearchParams } {
  const form = /<form method="post" action="([^"]*)" id="form-post"[^>]*>([\s\S]*?)<\/form>/.exec(page.body);
  if (!form) throw new Error(`no form at ${page.url} (${page.status}): ${page.body.slice(0, 500)}`);
  const fields = new URLSearchParams([...form[2]!.matchAll(/name="([^"]*)" value="([^"]*)"/g)].map((match) => [match[1]!, match[2]!]));
  return { action: form[1]!, fields };
}

async function parameters(extra: Record<string, string> = {}) {
  const verifier = client.randomPKCECodeVerifier(), state = client.randomState(), nonce = client.randomNonce();
  return {
    checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce },
    asked: { redirect_uri: `${receiver.origin}/callback`, scope: "openid profile email", code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", state, nonce, ...extra },
  };
}

/** A sign-in of the application; the browser that did it and its tokens. */
async function tokensOf(extra: Record<string, string> = {}) {
  const browser = visitor(), { asked, checks } = await parameters(extra);
  const page = await browser.follow(client.buildAuthorizationUrl(configuration, asked).href);
  const answer = await signIn(browser, page, `${receiver.origin}/callback`);
  return { browser, tokens: await client.authorizationCodeGrant(configuration, new URL(answer.url), checks) };
}

async function verifyLogoutToken(token: string, audience: string) {
  const keys = (await (await (trusting as typeof fetch)(`${portal.issuer}/certs`)).json()) as jose.JSONWebKeySet;
  return jose.jwtVerify(token, jose.createLocalJWKSet(keys), { issuer: portal.issuer, audience, typ: "logout+jwt", maxTokenAge: "2 minutes", requiredClaims: ["exp", "iat", "jti", "events"] });
}

const noSession = async (browser: Visitor) => {
  const { asked } = await parameters({ prompt: "none" });
  const answer = await browser.follow(client.buildAuthorizationUrl(configuration, asked).href, { stopAt: `${receiver.origin}/callback` });
  return new URL(answer.url).searchParams.get("error") === "login_required";
};

test("openid-client: a pushed request, answered as a form", async () => {
  const pushing = await discover("pushing");
  const browser = visitor(), { asked, checks } = await parameters({ response_mode: "form_post" });
  const url = await client.buildAuthorizationUrlWithPAR(pushing, asked);
  expect([...url.searchParams.keys()].sort()).toEqual(["client_id", "request_uri"]);
  const page = await signIn(browser, await browser.follow(url.href));
  const { action, fields } = formOf(page);
  expect(page.headers["content-security-policy"]).toContain(`form-action 'self' ${receiver.origin}`);
  expect(page.headers["cache-control"]).toBe("no-store");
  const tokens = await client.authorizationCodeGrant(pushing, new Request(action, { method: "POST", body: fields }), checks);
  expect(tokens.claims()!.sub).toBe("dora");

  const again = await browser.follow(url.href);
  expect(again.status).toBe(400);
  const direct = await browser.follow(client.buildAuthorizationUrl(pushing, asked).href);
  expect(formOf(direct).fields.get("error")).toBe("invalid_request");
});

test("oauth4webapi: push, form, token, userinfo with a claim asked for by name", async () => {
  const options = { [oauth.customFetch]: trusting };
  const issuer = new URL(portal.issuer);
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
  const self: oauth.Client = { client_id: "application" }, prove = oauth.ClientSecretPost(secret);
  const { asked, checks } = await parameters({ response_type: "code", response_mode: "form_post", scope: "openid", claims: JSON.stringify({ userinfo: { name: { essential: true } }, id_token: { groups: null } }) });
  const pushed = await oauth.processPushedAuthorizationResponse(server, self, await oauth.pushedAuthorizationRequest(server, self, prove, new URLSearchParams(asked), options));
  expect(pushed.expires_in).toBe(60);
  const url = new URL(server.authorization_endpoint!);
  url.search = new URLSearchParams({ client_id: "application", request_uri: pushed.request_uri }).toString();
  const browser = visitor();
  const { fields } = formOf(await signIn(browser, await browser.follow(url.href)));
  const valid = oauth.validateAuthResponse(server, self, fields, checks.expectedState);
  const granted = await oauth.authorizationCodeGrantRequest(server, self, prove, valid, asked.redirect_uri, checks.pkceCodeVerifier, options);
  const tokens = await oauth.processAuthorizationCodeResponse(server, self, granted, { expectedNonce: checks.expectedNonce, requireIdToken: true });
  expect(oauth.getValidatedIdTokenClaims(tokens)!.groups).toEqual(["staff"]);
  const info = await oauth.processUserInfoResponse(server, self, "dora", await oauth.userInfoRequest(server, self, tokens.access_token, options));
  expect(info).toEqual({ sub: "dora", name: "Dora Door" });
});

test("Chromium sends the form by itself under the strict policy, and by its button without JavaScript", async () => {
  const browser = await launchBrowser(folder, authority.caFile);
  try {
    for (const javaScriptEnabled of [true, false]) {
      const context = await browser.newContext({ javaScriptEnabled });
      const page = await context.newPage();
      const { asked, checks } = await parameters({ response_mode: "form_post" });
      const refusals: string[] = [];
      page.on("console", (message) => message.text().includes("Content Security Policy") && refusals.push(message.text()));
      await page.goto(client.buildAuthorizationUrl(configuration, asked).href);
      await page.fill("#username", "dora");
      await page.fill("#password", "password-of-dora");
      await page.click("form.stack button");
      if (!javaScriptEnabled) await page.click("#form-post button");
      await page.waitForURL(`${receiver.origin}/callback`);
      expect(refusals).toEqual([]);
      const posted = receiver.at("/callback").at(-1)!;
      expect(posted.form.get("iss")).toBe(portal.issuer);
      const tokens = await client.authorizationCodeGrant(configuration, new Request(`${receiver.origin}/callback`, { method: "POST", body: posted.form }), checks);
      expect(tokens.claims()!.sub).toBe("dora");
      await context.close();
    }
  } finally {
    await browser.close();
  }
});

test("a built-in user's standard claims come by scope and by name, and an acr that was asked for", async () => {
  const { tokens } = await tokensOf({
    scope: "openid profile address phone",
    claims: JSON.stringify({ id_token: { acr: { essential: true, values: ["urn:example:gold", "urn:example:silver"] }, phone_number: null } }),
  });
  expect(tokens.claims()).toMatchObject({ sub: "dora", acr: "urn:example:silver", phone_number: "+1 (425) 555-1212" });
  const info = await client.fetchUserInfo(configuration, tokens.access_token, "dora");
  expect(info).toMatchObject({ nickname: "Do", phone_number: "+1 (425) 555-1212", address: { locality: "Springfield", country: "US" } });
  const { asked } = await parameters({ claims: JSON.stringify({ id_token: { acr: { essential: true, value: "urn:example:gold" } } }) });
  const browser = visitor();
  const refused = await signIn(browser, await browser.follow(client.buildAuthorizationUrl(configuration, asked).href), `${receiver.origin}/callback`);
  expect(new URL(refused.url).searchParams.get("error")).toBe("unmet_authentication_requirements");
});

test("Chromium: a public client's own origin signs in by script, another origin reads nothing but discovery and keys", async () => {
  const browser = await launchBrowser(folder, authority.caFile);
  try {
    const page = await (await browser.newContext()).newPage();
    const { asked, checks } = await parameters({ client_id: "in-browser" });
    await page.goto(client.buildAuthorizationUrl(configuration, asked).href.replace("client_id=application", "client_id=in-browser"));
    await page.fill("#username", "dora");
    await page.fill("#password", "password-of-dora");
    await page.click("form.stack button");
    await page.waitForURL(/\/callback\?/);
    const form = { grant_type: "authorization_code", client_id: "in-browser", redirect_uri: asked.redirect_uri, code: new URL(page.url()).searchParams.get("code")!, code_verifier: checks.pkceCodeVerifier };
    const signIn = async ({ issuer, form }: { issuer: string; form: Record<string, string> }) => {
      const read = async (path: string, options?: RequestInit) => {
        try {
          const answer = await fetch(issuer + path, options);
          return { status: answer.status, body: (await answer.json()) as Record<string, string> };
        } catch {
          return { status: 0, body: {} as Record<string, string> };
        }
      };
      const discovery = await read("/.well-known/openid-configuration"), keys = await read("/certs");
      const token = await read("/token", { method: "POST", body: new URLSearchParams(form) });
      // With a preflight.
      const userinfo = await read("/userinfo", { headers: { authorization: `Bearer ${token.body["access_token"] ?? "none"}` } });
      const wrong = await read("/token", { method: "POST", body: new URLSearchParams({ grant_type: "authorization_code" }) });
      return { statuses: [discovery.status, keys.status, token.status, userinfo.status, wrong.status], sub: userinfo.body["sub"] };
    };
    expect(await page.evaluate(signIn, { issuer: portal.issuer, form })).toEqual({ statuses: [200, 200, 200, 200, 401], sub: "dora" });
    await page.goto(`${apache.origin}/bye.html`);
    expect(await page.evaluate(signIn, { issuer: portal.issuer, form })).toEqual({ statuses: [200, 200, 0, 0, 0] });
  } finally {
    await browser.close();
  }
});

test("Chromium: consent is asked for, given and refused", async () => {
  const browser = await launchBrowser(folder, authority.caFile);
  try {
    const page = await (await browser.newContext()).newPage();
    const { asked, checks } = await parameters({ prompt: "login consent" });
    await page.goto(client.buildAuthorizationUrl(configuration, asked).href);
    await page.fill("#username", "dora");
    await page.fill("#password", "password-of-dora");
    await page.click("form.stack button");
    await page.getByRole("button", { name: "Allow" }).click();
    await page.waitForURL(/\/callback\?/);
    expect((await client.authorizationCodeGrant(configuration, new URL(page.url()), checks)).claims()!.sub).toBe("dora");
    const second = await parameters({ prompt: "consent" });
    await page.goto(client.buildAuthorizationUrl(configuration, second.asked).href);
    await page.getByRole("button", { name: "Deny" }).click();
    await page.waitForURL(/\/callback\?/);
    expect(new URL(page.url()).searchParams.get("error")).toBe("access_denied");
  } finally {
    await browser.close();
  }
});

test("signing out at the application ends the sign-in and tells it, with a token that jose accepts", async () => {
  const { browser, tokens } = await tokensOf();
  const before = receiver.at("/logged-out").length;
  receiver.answers = [200];
  const end = client.buildEndSessionUrl(configuration, { id_token_hint: tokens.id_token!, post_logout_redirect_uri: `${receiver.origin}/bye`, state: "s1" });
  const gone = await browser.follow(end.href, { stopAt: `${receiver.origin}/bye` });
  expect(gone.url).toBe(`${receiver.origin}/bye?state=s1`);
  await waitFor("the application to be told", async () => receiver.at("/logged-out").length > before);
  const { payload } = await verifyLogoutToken(receiver.at("/logged-out").at(-1)!.form.get("logout_token")!, "application");
  expect(payload).toMatchObject({ sub: "dora", sid: tokens.claims()!.sid, events: { [event]: {} } });
  expect(payload).not.toHaveProperty("nonce");
  expect(await noSession(browser)).toBe(true);
  await expect(client.refreshTokenGrant(configuration, tokens.refresh_token!)).rejects.toThrow();
});

test("an application that is away for a moment is told when it is back; the sign-out doesn't wait", async () => {
  const { browser, tokens } = await tokensOf();
  const before = receiver.at("/logged-out").length;
  receiver.answers = [503, 200];
  const answer = await browser.signOut(portal.portal);
  expect(answer.status).toBe(200);
  await waitFor("the second try", async () => receiver.at("/logged-out").length === before + 2);
  const ids = await Promise.all(receiver.at("/logged-out").slice(before).map(async (each) => (await verifyLogoutToken(each.form.get("logout_token")!, "application")).payload));
  expect(ids[0]!.sid).toBe(tokens.claims()!.sid);
  expect(ids[0]!.jti).not.toBe(ids[1]!.jti);
});

test("a sign-out request with a wrong hint goes nowhere and ends nothing before the person says so", async () => {
  const { browser, tokens } = await tokensOf();
  const at = `${portal.issuer}/end_session`, bye = `${receiver.origin}/bye`;
  const modified = tokens.id_token!.slice(0, -12) + "AAAAAAAAAAAA";
  const wrong: Record<string, string>[] = [
    {}, { state: "s" }, { post_logout_redirect_uri: bye }, { id_token_hint: modified, post_logout_redirect_uri: bye }, { id_token_hint: "x", post_logout_redirect_uri: bye },
    { id_token_hint: tokens.id_token!, client_id: "apache", post_logout_redirect_uri: bye },
    { id_token_hint: tokens.id_token!, post_logout_redirect_uri: `${bye}?foo=bar` },
    { id_token_hint: tokens.id_token!, post_logout_redirect_uri: "https://evil.example/" },
  ];
  for (const parameters of wrong) {
    for (const options of [undefined, { form: parameters }]) {
      const answer = await browser.follow(options ? at : `${at}?${new URLSearchParams(parameters)}`, { ...options, stopAt: receiver.origin });
      expect(answer.url.startsWith(portal.portal), JSON.stringify(parameters)).toBe(true);
    }
  }
  expect(await noSession(browser)).toBe(false);
  const out = await browser.follow(at, { form: { id_token_hint: tokens.id_token!, post_logout_redirect_uri: bye }, stopAt: bye });
  expect(out.url).toBe(bye);
  expect(await noSession(browser)).toBe(true);
});

test("Apache with mod_auth_openidc: signing in, and out both ways", async () => {
  const inside = `${apache.origin}/inside/`;
  const enter = async (browser: Visitor) => {
    const page = await browser.follow(inside);
    return page.body.includes('type="password"') ? signIn(browser, page) : page;
  };
  const browser = visitor();
  const first = await enter(browser);
  expect(first.body).toBe("inside");
  expect(first.headers["x-person"]).toBe("dora");

  // Signing out at the portal ends Apache's session: the next page is the sign-in again.
  await browser.signOut(portal.portal);
  await waitFor("Apache to be told", async () => portal.audit().some((line) => line.event === "logout_notice" && line.client === "apache" && line.outcome === "delivered"));
  expect((await browser.follow(inside)).body).toContain('type="password"');

  // And the other way round.
  expect((await enter(browser)).body).toBe("inside");
  const out = await browser.follow(`${apache.origin}/inside/callback?logout=${encodeURIComponent(`${apache.origin}/bye.html`)}`);
  expect(out.url).toContain("/bye.html");
  expect(out.body).toBe("bye");
  expect(await noSession(browser)).toBe(true);
});
