// SPDX-License-Identifier: Apache-2.0
//
// A program without a browser is let in from another machine (RFC 8628): its code in Chromium, its token at the real API server.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Visitor, type Answer } from "./harness/browserless.ts";
import { launchBrowser, looks, signInAt, violations } from "./harness/chromium.ts";
import { Machine } from "./harness/kubectl.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { root } from "./harness/paths.ts";
import { freePort, start, waitFor } from "./harness/process.ts";
import { noteTokens } from "./harness/secrets.ts";
import { stack, type Stack } from "./harness/stack.ts";

const pictures = join(root, "build/screenshots");
let s: Stack;
let browser: Browser;
beforeAll(async () => {
  s = await stack();
  mkdirSync(pictures, { recursive: true });
  browser = await launchBrowser(s.folder, s.authority.caFile);
});
afterAll(async () => browser?.close());

interface Codes {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
}
const program = () => new Visitor(s.authority.caPem);
async function codes(): Promise<Codes> {
  const answer = await program().fetch(`${s.portal.issuer}/device`, { form: { client_id: "kubernetes", scope: "openid", device_name: "build server 7" } });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.body) as Codes;
}
async function poll({ device_code }: Codes): Promise<{ status: number; error?: string; id_token?: string; refresh_token?: string }> {
  const answer: Answer = await program().fetch(`${s.portal.issuer}/token`, { form: { grant_type: "urn:ietf:params:oauth:grant-type:device_code", client_id: "kubernetes", device_code } });
  noteTokens(answer.body);
  return { status: answer.status, ...(JSON.parse(answer.body) as object) };
}
describe.each(looks)("pages in %s", (look, options) => {
  let context: BrowserContext, page: Page;
  beforeAll(async () => {
    context = await browser.newContext(options);
    page = await context.newPage();
  });
  afterAll(async () => context.close());
  const seen = async (name: string) => {
    await page.screenshot({ path: join(pictures, `device-${name}-${look}.png`), fullPage: true });
    expect(await violations(page)).toEqual([]);
  };

  test("the code is typed, mistyped, looked at and allowed, or denied", async () => {
    const asked = await codes();
    await signInAt(page, asked.verification_uri, "bob");
    await page.waitForURL("**/device");
    await seen("type");
    await page.fill("#user_code", "BBBB-BBBB");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[role=alert]");
    await seen("wrong");
    await page.fill("#user_code", asked.user_code.replace("-", "").toLowerCase());
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=Let this device in?");
    expect(page.url()).not.toContain(asked.user_code);
    expect(await page.textContent("p.user-code")).toBe(asked.user_code);
    expect(await page.textContent("main")).toMatch(/build server 7[\s\S]*127\.0\.0\.1[\s\S]*bob/);
    await seen("question");
    await page.click("button:has-text('Allow')");
    await page.waitForSelector("text=It is let in");
    await seen("let-in");
    await page.click("button:has-text('Take it back')");
    await page.waitForSelector("h1:has-text('Denied')");
    expect((await poll(asked)).error).toBe("access_denied");

    const collected = await codes();
    await page.goto(collected.verification_uri_complete);
    await seen("link");
    await page.click("button:has-text('Go on')");
    await page.click("button:has-text('Allow')");
    await page.waitForSelector("text=It is let in");
    expect((await poll(collected)).status).toBe(200);
    await page.click("button:has-text('Take it back')");
    await page.waitForSelector("text=Nothing waits with this code");
    await seen("too-late");
    await page.click("main a:has-text('Sessions')");
    expect(await page.textContent("main")).toContain("build server 7");

    const second = await codes();
    await page.goto(second.verification_uri_complete);
    await page.click("button:has-text('Go on')");
    await page.click("button:has-text('Deny')");
    await page.waitForSelector("h1:has-text('Denied')");
    await seen("denied");
    expect((await poll(second)).error).toBe("access_denied");
  });
});

test("a link with the code lets nobody in; the button does, and kubectl works as that person", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  const asked = await codes();
  await signInAt(page, asked.verification_uri_complete, "alice");
  await page.click("button:has-text('Go on')");
  await page.waitForSelector("text=Let this device in?");
  expect((await poll(asked)).error).toBe("authorization_pending");
  await page.click("button:has-text('Allow')");
  await page.waitForSelector("text=It is let in");
  const tokens = await poll(asked);
  expect(tokens.status).toBe(200);

  const machine = new Machine(s.folder, s.tools);
  const whoami = await machine.kubectl(["auth", "whoami", "--server", s.cluster.server, "--certificate-authority", s.authority.caFile, "--token", tokens.id_token!]);
  expect(whoami.stdout).toMatch(/Username\s+alice/);
  await page.goto(`${s.portal.portal}/sessions`);
  expect(await page.textContent("main")).toContain("build server 7");
  await context.close();
});

test("of fifty polls at once with one code, one gets the tokens", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const asked = await codes();
  await signInAt(page, asked.verification_uri_complete, "bob");
  await page.click("button:has-text('Go on')");
  await page.click("button:has-text('Allow')");
  await page.waitForSelector("text=It is let in");
  const all = await Promise.all(Array.from({ length: 50 }, () => poll(asked)));
  expect(all.filter((each) => each.status === 200)).toHaveLength(1);
  expect(new Set(all.filter((each) => each.status !== 200).map((each) => each.error))).toEqual(new Set(["invalid_grant"]));
  await context.close();
});

test("the guide's shell commands work as they stand", async () => {
  const guide = readFileSync(join(root, "docs/guides/applications.md"), "utf8");
  const shell = /<!-- device:shell -->\n```sh\n([\s\S]*?)```\n<!-- \/device -->/.exec(guide)?.[1]?.replace(/^ISSUER=\S+/m, `ISSUER=${s.portal.issuer}`) ?? "";
  expect(shell).toContain(`ISSUER=${s.portal.issuer}`);
  const machine = new Machine(s.folder, s.tools), log = join(machine.home, "shell.log"), kubeconfig = join(machine.home, "config");
  writeFileSync(kubeconfig, JSON.stringify({ apiVersion: "v1", kind: "Config", "current-context": "c", contexts: [{ name: "c", context: { cluster: "c" } }], clusters: [{ name: "c", cluster: { server: s.cluster.server, "certificate-authority": s.authority.caFile } }] }));
  const program = start("shell", "/bin/sh", ["-c", shell], log, { ...machine.environment(kubeconfig), CURL_CA_BUNDLE: s.authority.caFile });
  const context = await browser.newContext();
  const page = await context.newPage();
  try {
    const said = await waitFor("the code", async () => /^Open (\S+) and type (\S+)$/m.exec(readFileSync(log, "utf8")) ?? undefined, 20_000);
    await signInAt(page, said[1]!, "alice");
    await page.waitForURL("**/device");
    await page.fill("#user_code", said[2]!);
    await page.keyboard.press("Enter");
    await page.click("button:has-text('Allow')");
    await page.waitForSelector("text=It is let in");
    await waitFor("the commands to end", async () => program.exited, 60_000);
    expect(readFileSync(log, "utf8").match(/Username +alice/g)).toHaveLength(2);
    expect(program.child.exitCode).toBe(0);
  } finally {
    await program.stop();
    await context.close();
  }
});

test("the clusters' own clients have it where values say so, and values can turn it off for all; then the discovery document doesn't name it", async () => {
  const ask = async (issuer: string, client_id: string) => {
    const answer = await program().fetch(`${issuer}/device`, { form: { client_id, scope: "openid" } });
    return answer.status === 200 ? "offered" : (JSON.parse(answer.body) as { error: string }).error;
  };
  const cases = [
    ["group_refresh_seconds: 300", true, "unauthorized_client"],
    ["device_authorization: false\nkubectl_device_authorization: true", false, "unauthorized_client"],
    ["kubectl_device_authorization: true", true, "offered"],
  ] as const;
  for (const [number, [authentication, offered, kubernetes]] of cases.entries()) {
    const folder = join(s.folder, `devices-${number}`);
    mkdirSync(folder, { recursive: true });
    const portal = new OpenUnison({ folder, authority: s.authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1", authentication });
    await portal.prepare();
    await portal.start();
    try {
      const discovery = JSON.parse((await program().fetch(`${portal.issuer}/.well-known/openid-configuration`)).body) as { device_authorization_endpoint?: string; grant_types_supported: string[] };
      expect(discovery.device_authorization_endpoint).toBe(offered ? `${portal.issuer}/device` : undefined);
      expect(discovery.grant_types_supported.includes("urn:ietf:params:oauth:grant-type:device_code")).toBe(offered);
      expect([authentication, await ask(portal.issuer, "kubectl-oulogin"), await ask(portal.issuer, "kubernetes")]).toEqual([authentication, offered ? "offered" : "unauthorized_client", kubernetes]);
    } finally {
      await portal.stop();
    }
  }
});
