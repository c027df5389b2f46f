// SPDX-License-Identifier: Apache-2.0
//
// What an application registered for OpenUnison may look like upstream: each variant is a provider set up so, and works with
// values as they are written for OpenUnison.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Machine } from "./harness/kubectl.ts";
import { freePort, sleep } from "./harness/process.ts";
import { Proxy } from "./harness/proxy.ts";
import { expire } from "./harness/stack.ts";
import { demoPeople } from "./harness/upstream.ts";
import { VariantStack, type Variant } from "./harness/variants.ts";

let s: VariantStack;
beforeAll(async () => {
  s = await VariantStack.shared();
});
afterAll(async () => s?.stopVariant());

const rereadsAgain = () => sleep(1200);  // group_refresh_seconds is 1, and a tenth of it is spread
const whoami = async (machine: Machine) => (await machine.kubectl(["auth", "whoami"])).stdout;

/** What kubectl knows after its token ran out and the person's groups were due to be asked for again. */
async function afterReread(machine: Machine, user: string): Promise<string> {
  await rereadsAgain();
  await expire(machine, user);
  return whoami(machine);
}

const signIn = (variant: Variant, user: string) => variant.visitor().signIn(variant.portal.portal, user, demoPeople[user]!.password);
const endings = (variant: Variant, user: string) => variant.portal.audit().filter((line) => line.event === "session_ended" && line.user === user).map((line) => line.reason);

describe("the issuer", () => {
  const spellings: [string, boolean, boolean][] = [["with a slash, values without", true, false], ["without a slash, values with", false, true], ["with a slash in both", true, true]];
  test.each(spellings)("%s: sign-in, kubectl and a refresh", async (_name, issuerSlash, valuesSlash) => {
    const variant = await s.variant({ upstream: { issuerSlash }, issuer: `${s.upstreamUrl}${valuesSlash ? "/" : ""}` });
    expect(variant.upstream.issuer.endsWith("/")).toBe(issuerSlash);
    const { machine } = await variant.person("alice");
    expect(await whoami(machine)).toContain("demo-admins");
    const before = variant.upstream.control.tokenRequests;
    expect(await afterReread(machine, "alice")).toContain("demo-admins");
    expect(variant.upstream.control.tokenRequests).toBe(before + 1);
  });

  test("what discovery returned is pinned: the other spelling is another issuer", async () => {
    const variant = await s.variant({ upstream: { issuerSlash: true }, issuer: s.upstreamUrl });
    expect((await signIn(variant, "alice")).status).toBe(200);
    await variant.replaceUpstream({ issuerSlash: false });
    const refused = await signIn(variant, "alice");
    expect(refused.status).toBe(502);
    expect(variant.portal.audit().at(-1)).toMatchObject({ event: "sign_in_refused", provider: "oidc" });
    await variant.replaceUpstream({ issuerSlash: true });
    expect((await signIn(variant, "alice")).status).toBe(200);
  });
});

describe("scopes", () => {
  test.each(["openid email profile groups", "groups openid profile email offline_access"])("%s is sent exactly as written", async (scopes) => {
    const variant = await s.variant({ scopes });
    expect((await signIn(variant, "alice")).status).toBe(200);
    expect(variant.upstream.control.authorizations.map((parameters) => parameters.get("scope"))).toEqual([scopes]);
  });

  test("also what this provider would refuse: nothing is added, sorted or mended", async () => {
    const scopes = " openid  profile acme:team/read+write https://acme.example/api.read openid";
    const variant = await s.variant({ scopes });
    const left = await variant.visitor().fetch(`${variant.portal.portal}/auth/login`);
    expect(new URL(left.headers.location!).searchParams.get("scope")).toBe(scopes);
  });
});

describe("groups", () => {
  test.each([["user_in_idtoken: false", "user_in_idtoken: false"], ["user_in_idtoken not written", ""]])("only from userinfo, %s: at sign-in and when they are read again", async (_name, oidc) => {
    const variant = await s.variant({ upstream: { groupsInIdToken: false }, oidc });
    const { machine } = await variant.person("bob");
    expect(await whoami(machine)).toContain("developers");
    // Once with each code and each re-read; on a slow machine there may have been one of the latter by now.
    const { control } = variant.upstream, before = control.userinfoRequests;
    expect(before).toBeGreaterThan(0);
    expect(before).toBe(control.tokenRequests);
    variant.upstream.control.people.bob!.groups = ["builders"];
    const after = await afterReread(machine, "bob");
    expect(after).toContain("builders");
    expect(after).not.toContain("developers");
    expect(control.userinfoRequests).toBeGreaterThan(before);
    expect(control.userinfoRequests).toBe(control.tokenRequests);
  });

  test("as one string: one name, whatever it holds; as an array again later", async () => {
    const variant = await s.variant({});
    const { people } = variant.upstream.control;
    people.carol!.groupsClaim = "developers";
    const { machine } = await variant.person("carol");
    expect((await machine.kubectl(["get", "pods"])).code).toBe(0);
    people.carol!.groupsClaim = "developers,demo-admins";
    const joined = await afterReread(machine, "carol");
    expect(joined).toContain("[developers,demo-admins system:authenticated]");
    expect((await machine.kubectl(["get", "pods"])).code).not.toBe(0);
    people.carol!.groupsClaim = ["developers"];
    expect(await afterReread(machine, "carol")).toContain("[developers system:authenticated]");
  });
});

describe("no refresh token from upstream", () => {
  test("kubectl works past every expiry, and what that means for leavers is said", async () => {
    const variant = await s.variant({ upstream: { refreshTokens: false, accessTokenSeconds: 2 }, scopes: "openid email profile groups" });
    const { visitor, machine } = await variant.person("bob");
    expect(await whoami(machine)).toContain("developers");
    const asked = { ...variant.upstream.control };
    await sleep(2200);  // the access token is over: that isn't a person who is gone
    variant.upstream.control.people.bob!.groups = ["builders"];
    for (let i = 0; i < 2; i += 1) expect(await afterReread(machine, "bob")).toContain("developers");
    expect(variant.upstream.control.tokenRequests).toBe(asked.tokenRequests);
    expect(variant.upstream.control.userinfoRequests).toBe(asked.userinfoRequests);
    expect(endings(variant, "bob")).toEqual([]);
    const profile = await visitor.follow(`${variant.portal.portal}/profile`);
    expect(profile.status).toBe(200);
    expect(profile.body).toMatch(/Leaving the company or a\s+change of groups shows only\s+at your next sign-in/);
    const check = await variant.check();
    expect(check.code).toBe(0);
    expect(check.stdout).toMatch(/values\.yaml:\d+:\d+: warning: oidc\.scopes: has no offline_access, .*only at the next sign-in/);
    const again = await variant.person("bob");
    expect(await whoami(again.machine)).toContain("builders");
  });

  test("where it does give them, the profile page says how often it is asked", async () => {
    const variant = await s.variant({});
    const { visitor } = await variant.person("bob");
    const profile = await visitor.follow(`${variant.portal.portal}/profile`);
    expect(profile.body).toContain("Your groups are checked with the identity provider about every");
    expect(profile.body).not.toContain("at your next sign-in");
    expect((await variant.check()).stdout).not.toContain("next sign-in");
  });
});

describe("no address to sign out at", () => {
  test.each(["upstream", "local"])("oidc.logout: %s ends here, and says that the provider's session stays", async (logout) => {
    const variant = await s.variant({ upstream: { endSession: false }, oidc: `logout: ${logout}` });
    const { visitor, machine } = await variant.person("bob");
    expect(await whoami(machine)).toContain("bob");
    const out = await visitor.signOut(variant.portal.portal);
    expect(out.status).toBe(200);
    expect(out.url).toBe(`${variant.portal.portal}/signed-out?provider=stays`);
    expect(out.body).toContain("At your identity provider you may still be signed in.");
    await expire(machine, "bob");
    expect((await machine.kubectl(["auth", "whoami"])).code).not.toBe(0);
  });
});

describe("through an HTTP proxy", () => {
  const ways: [string, (proxy: URL) => { oidc?: string; openunison?: string }][] = [
    ["oidc.http_proxy", (proxy) => ({ oidc: `http_proxy: "${proxy.origin}"` })],
    ["openunison.non_secret_data", (proxy) => ({ openunison: `non_secret_data: {https.proxyHost: ${proxy.hostname}, https.proxyPort: "${proxy.port}"}` })],
  ];
  test.each(ways)("%s: everything goes through it, and nothing around it", async (_name, values) => {
    const proxy = await Proxy.start(await freePort());
    const variant = await s.variant(values(new URL(proxy.url)));
    const { machine } = await variant.person("alice");
    expect(await afterReread(machine, "alice")).toContain("alice");
    expect(proxy.tunnels.length).toBeGreaterThan(0);
    expect(new Set(proxy.tunnels)).toEqual(new Set([new URL(s.upstreamUrl).host]));
    const { tokenRequests } = variant.upstream.control;
    await proxy.stop();
    expect((await signIn(variant, "alice")).status).toBe(502);
    expect(variant.upstream.control.tokenRequests).toBe(tokenRequests);
  });
});

describe("who may sign in", () => {
  const values = { openunison: `az_groups: [developers]
extra_az_groups: [guests]
apps:
- {name: wiki, label: Team wiki, org: Tools, badgeUrl: "https://wiki.example.com/", az_groups: [wiki-readers]}`, oidc: "domain: example.com" };

  test("az_groups, extra_az_groups and domain refuse at sign-in", async () => {
    const variant = await s.variant(values);
    const { people } = variant.upstream.control;
    const refused = await signIn(variant, "carol");
    expect(refused.status).toBe(403);
    expect(refused.body).toContain("guests");
    people.carol!.groups = ["guests"];
    expect((await signIn(variant, "carol")).status).toBe(200);
    expect((await signIn(variant, "bob")).status).toBe(200);
    for (const email of ["bob@elsewhere.example", "bob@example.com.evil.example", "bob@sub.example.com"]) {
      people.bob!.email = email;
      const other = await signIn(variant, "bob");
      expect([email, other.status]).toEqual([email, 403]);
    }
  });

  test("and again when groups are read again: the sign-in ends, in kubectl and in the browser", async () => {
    const variant = await s.variant(values);
    const { people } = variant.upstream.control;
    people.carol!.groups = ["guests"];
    const groupLost = await variant.person("bob"), extraLost = await variant.person("carol"), moved = await variant.person("alice");
    for (const { machine } of [groupLost, extraLost, moved]) expect((await machine.kubectl(["auth", "whoami"])).code).toBe(0);
    people.bob!.groups = [];
    people.carol!.groups = ["wiki-readers"];
    people.alice!.email = "alice@elsewhere.example";
    await rereadsAgain();
    for (const [user, { visitor, machine }] of Object.entries({ bob: groupLost, carol: extraLost, alice: moved })) {
      await expire(machine, user);
      expect((await machine.kubectl(["auth", "whoami"])).code, user).not.toBe(0);
      expect((await visitor.fetch(`${variant.portal.portal}/profile`)).status, user).toBe(303);
      expect(new Set(endings(variant, user)), user).toEqual(new Set(["no_longer_allowed"]));
    }
  });

  test("an application is shown to its az_groups, by the groups as they are now", async () => {
    const variant = await s.variant(values);
    const { visitor, machine } = await variant.person("bob");
    const page = async () => (await visitor.follow(`${variant.portal.portal}/`)).body;
    expect(await page()).not.toContain("Team wiki");
    variant.upstream.control.people.bob!.groups = ["developers", "wiki-readers"];
    await afterReread(machine, "bob");
    expect(await page()).toContain("Team wiki");
    variant.upstream.control.people.bob!.groups = ["developers"];
    await afterReread(machine, "bob");
    expect(await page()).not.toContain("Team wiki");
  });
});

describe("an outage upstream", () => {
  test("503 at its token endpoint ends nothing", async () => {
    const variant = await s.variant({});
    const { visitor, machine } = await variant.person("bob");
    expect(await whoami(machine)).toContain("developers");
    variant.upstream.control.failWith = 503;
    const before = variant.upstream.control.tokenRequests;
    for (let i = 0; i < 3; i += 1) expect(await afterReread(machine, "bob")).toContain("developers");
    expect(variant.upstream.control.tokenRequests).toBe(before + 1);  // tried, and then left alone for a while
    expect((await visitor.follow(`${variant.portal.portal}/profile`)).status).toBe(200);
    expect(endings(variant, "bob")).toEqual([]);
    const refused = await signIn(variant, "alice");
    expect(refused.status).toBe(502);
    variant.upstream.control.failWith = undefined;
    expect((await signIn(variant, "alice")).status).toBe(200);
  });

  test("nor does a provider that isn't there at all", async () => {
    const variant = await s.variant({});
    const { visitor, machine } = await variant.person("bob");
    await variant.upstream.stop();
    expect(await afterReread(machine, "bob")).toContain("developers");
    expect((await visitor.follow(`${variant.portal.portal}/profile`)).status).toBe(200);
    await variant.replaceUpstream({});
    expect(endings(variant, "bob")).toEqual([]);
  });
});
