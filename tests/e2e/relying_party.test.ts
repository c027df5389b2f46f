// SPDX-License-Identifier: Apache-2.0
//
// A strict client that others wrote (openid-client) as a confidential relying party.
import { beforeAll, expect, test } from "vitest";
import * as client from "openid-client";
import { Agent, fetch as undiciFetch } from "undici";

import { Visitor } from "./harness/browserless.ts";
import { noteTokens } from "./harness/secrets.ts";
import { clientSecret, stack, type Stack } from "./harness/stack.ts";
import { demoPeople } from "./harness/upstream.ts";

let s: Stack;
let configuration: client.Configuration;
const callback = "https://127.0.0.1:9999/callback";

beforeAll(async () => {
  s = await stack();
  const dispatcher = new Agent({ connect: { ca: s.authority.caPem } });
  const trusting = async (url: string, options: object) => {
    const answer = await undiciFetch(url, { ...options, dispatcher } as never);
    noteTokens(await answer.clone().text());
    return answer as never;
  };
  configuration = await client.discovery(new URL(s.portal.issuer), "relying-party", clientSecret, client.ClientSecretBasic(clientSecret), { [client.customFetch]: trusting as never });
  configuration[client.customFetch] = trusting as never;
});

async function authorize(visitor: Visitor, extra: Record<string, string> = {}) {
  const verifier = client.randomPKCECodeVerifier(), state = client.randomState(), nonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: callback, scope: "openid profile email groups offline_access", code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", state, nonce, ...extra,
  });
  let answer = await visitor.follow(url.href, { stopAt: callback });
  if (!answer.url.startsWith(callback)) answer = await visitor.submitLogin(answer, "alice", demoPeople.alice!.password, callback);
  expect(answer.url.startsWith(callback)).toBe(true);
  return { url: new URL(answer.url), checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce } };
}

test("code, userinfo, refresh, revoke, logout", async () => {
  const visitor = new Visitor(s.authority.caPem);
  const { url, checks } = await authorize(visitor);
  const tokens = await client.authorizationCodeGrant(configuration, url, checks);
  const claims = tokens.claims()!;
  expect(claims.sub).toBe("alice");
  expect(claims.groups).toEqual(["demo-admins", "developers"]);
  const info = await client.fetchUserInfo(configuration, tokens.access_token, "alice");
  expect(info.email).toBe("alice@example.com");

  const seen = await client.tokenIntrospection(configuration, tokens.access_token);
  expect(seen).toMatchObject({ active: true, sub: "alice", username: "alice", client_id: "relying-party", iss: s.portal.issuer, sid: claims.sid, token_type: "Bearer" });

  const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token!);
  expect(refreshed.claims()!.sub).toBe("alice");
  expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);

  expect(await client.tokenIntrospection(configuration, refreshed.refresh_token!)).toMatchObject({ active: true, token_type: "refresh_token" });
  await client.tokenRevocation(configuration, refreshed.refresh_token!);
  for (const over of [refreshed.refresh_token!, refreshed.access_token]) expect(await client.tokenIntrospection(configuration, over)).toEqual({ active: false });
  await expect(client.refreshTokenGrant(configuration, refreshed.refresh_token!)).rejects.toThrow();
  await expect(client.fetchUserInfo(configuration, refreshed.access_token, "alice")).rejects.toThrow();

  const end = client.buildEndSessionUrl(configuration, { id_token_hint: refreshed.id_token!, post_logout_redirect_uri: "https://127.0.0.1:9999/bye", state: "bye" });
  const gone = await visitor.follow(end.href, { stopAt: "https://127.0.0.1:9999/bye" });
  expect(gone.url).toContain("state=bye");
});

test("a code works once; its second use ends what the first opened", async () => {
  const visitor = new Visitor(s.authority.caPem);
  const { url, checks } = await authorize(visitor);
  const tokens = await client.authorizationCodeGrant(configuration, url, checks);
  await expect(client.authorizationCodeGrant(configuration, url, checks)).rejects.toThrow();
  await expect(client.refreshTokenGrant(configuration, tokens.refresh_token!)).rejects.toThrow();
});

test("prompt=none without a session says login_required; with one it answers without a page", async () => {
  const stranger = new Visitor(s.authority.caPem);
  const { url } = await authorize(stranger, { prompt: "none" });
  expect(url.searchParams.get("error")).toBe("login_required");
  expect(url.searchParams.get("iss")).toBe(s.portal.issuer);
  const visitor = new Visitor(s.authority.caPem);
  await visitor.signIn(s.portal.portal, "alice", demoPeople.alice!.password);
  const { url: known, checks } = await authorize(visitor, { prompt: "none" });
  expect((await client.authorizationCodeGrant(configuration, known, checks)).claims()!.sub).toBe("alice");
});

test("prompt=login asks again, and is satisfied by it", async () => {
  const visitor = new Visitor(s.authority.caPem);
  await visitor.signIn(s.portal.portal, "alice", demoPeople.alice!.password);
  const { url, checks } = await authorize(visitor, { prompt: "login" });
  expect((await client.authorizationCodeGrant(configuration, url, checks)).claims()!.sub).toBe("alice");
});
