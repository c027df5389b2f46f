// SPDX-License-Identifier: Apache-2.0
//
// Built-in users beside an upstream: the sign-in page, its refusals, and people without groups. A portal of its own; no cluster.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { launchBrowser, looks, violations } from "./harness/chromium.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { root } from "./harness/paths.ts";
import { freePort } from "./harness/process.ts";
import { stack, type Stack } from "./harness/stack.ts";

let s: Stack;
let portal: OpenUnison;
beforeAll(async () => {
  s = await stack();
  const folder = join(s.folder, "local");
  mkdirSync(folder, { recursive: true });
  portal = new OpenUnison({
    folder, authority: s.authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1",
    openunisonExtra: `portal: {name: Acme Access, accent: "#7a3ea8", help_contact: "platform@example.com"}
az_groups: [local-staff, dev]`,
    networkExtra: "",
    extra: `identity_providers:
- {name: company, label: Company sign-in, issuer: "${s.upstream.issuer}", client_id: openunison}
- {name: local, type: local, label: Emergency account, username_prefix: "local-", groups_prefix: "local-"}
`,
  });
  await portal.prepare();
  await portal.addUser("dora", "password-of-dora", ["staff"], "Dora Door");
  await portal.addUser("eve", "password-of-eve", ["elsewhere"], "Eve");
  await portal.start();
});
afterAll(async () => portal?.stop());

const login = () => new Visitor(s.authority.caPem);

test("a person signs in with a password and is known by the prefixed name", async () => {
  const visitor = login();
  const page = await visitor.signIn(portal.portal, "dora", "password-of-dora", "/profile");
  expect(page.status).toBe(200);
  expect(page.body).toContain("local-dora");
});

test("a wrong password and an unknown user are refused alike, and the user name stays in the form", async () => {
  const answers = [];
  for (const user of ["dora", "nobody"]) answers.push(await login().signIn(portal.portal, user, "not-the-password"));
  for (const answer of answers) expect(answer.status).toBe(401);
  const [known, unknown] = answers.map((answer) => answer.body.replaceAll(/dora|nobody|value="[^"]*"|data-server-time="\d+"/g, ""));
  expect(known).toBe(unknown);
});

test("who is in none of az_groups is told which groups it takes, and whom to ask", async () => {
  const answer = await login().signIn(portal.portal, "eve", "password-of-eve");
  expect(answer.status).toBe(403);
  expect(answer.body).toContain("staff");
  expect(answer.body).toContain("platform@example.com");
  expect(portal.audit().at(-1)).toMatchObject({ event: "sign_in_refused", user: "local-eve", code: "not_allowed" });
});

test("the form is refused without its cookie", async () => {
  const visitor = login();
  const page = await visitor.follow(portal.portal + "/");
  const stranger = login();
  const answer = await stranger.fetch(`${portal.portal}/auth/login/local`, { form: { csrf: Visitor.field(page.body, "csrf"), username: "dora", password: "password-of-dora", return_to: "/" } });
  expect(answer.status).toBe(401);
  expect(answer.headers["set-cookie"]?.join()).not.toContain("__Host-openunison=");
});

test("only own pages are returned to", async () => {
  for (const evil of ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]) {
    const visitor = login();
    const page = await visitor.follow(`${portal.portal}/auth/login?return_to=${encodeURIComponent(evil)}`);
    const done = await visitor.fetch(`${portal.portal}/auth/login/local`, {
      form: { csrf: Visitor.field(page.body, "csrf"), username: "dora", password: "password-of-dora", return_to: evil },
    });
    expect(done.headers.location).toBe("/");
  }
});

test("another host name is misdirected, and responses carry the security fields", async () => {
  const answer = await login().fetch(`https://127.0.0.1:${new URL(portal.portal).port}/`);
  expect(answer.status).toBe(421);
  const page = await login().follow(portal.portal + "/");
  expect(page.headers["strict-transport-security"]).toContain("max-age=");
  expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
  expect(page.headers["x-content-type-options"]).toBe("nosniff");
});

describe.each(looks)("the sign-in page in %s", (look, options) => {
  test("choice, refusal and no access", async () => {
    const browser = await launchBrowser(s.folder, s.authority.caFile);
    const page = await (await browser.newContext(options)).newPage();
    const picture = (name: string) => page.screenshot({ path: join(root, "build/screenshots", `${name}-${look}.png`), fullPage: true });
    await page.goto(portal.portal);
    expect(await page.textContent("main h2")).toBe("Emergency account");
    await picture("sign-in");
    expect(await violations(page)).toEqual([]);
    await page.fill("#username", "dora");
    await page.fill("#password", "wrong-password");
    await page.click("form.stack button");
    await page.waitForSelector("[role=alert]");
    await picture("sign-in-refused");
    expect(await violations(page)).toEqual([]);
    expect(await page.inputValue("#username")).toBe("dora");
    await page.fill("#username", "eve");
    await page.fill("#password", "password-of-eve");
    await page.click("form.stack button");
    await page.waitForSelector(".status");
    await picture("no-access");
    expect(await violations(page)).toEqual([]);
    await browser.close();
  });
});
