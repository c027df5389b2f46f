// SPDX-License-Identifier: Apache-2.0
//
// What a browser is made to do against the person in front of it, in Chromium: cookies tossed from a sibling host, sign-in and
// forms from other sites, frames, open redirects, the back button, scripts in every text that others choose. The portal is
// portal.acme.test, the attacker's hosts are evil.acme.test (same site) and evil.test (another). Where it can be shown, each test
// first shows that the browser would do it to a page that doesn't defend itself.
import { createServer, type Server } from "node:https";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Browser, BrowserContext, Page } from "playwright-core";

import { launchBrowser } from "./harness/chromium.ts";
import { Front } from "./harness/front.ts";
import { Liar } from "./harness/liar.ts";
import { freePort } from "./harness/process.ts";

const host = "portal.acme.test", sibling = "evil.acme.test", stranger = "evil.test";
const mark = `<img src=x onerror="window.attacked=1">`;
let front: Front<Liar>, browser: Browser, context: BrowserContext, page: Page;
let attacker: Server, attackerPort: number;
/** What the attacker's hosts serve, by path, and what they were asked. */
let served: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {};
let asked: IncomingMessage[] = [];

const html = (body: string, headers: Record<string, string | string[]> = {}) => (_request: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...headers }).end(`<!doctype html><body>${body}`);
const at = (name: string, path: string) => `https://${name}:${attackerPort}${path}`;

beforeAll(async () => {
  attackerPort = await freePort();
  front = await Front.start<Liar>("browser", {
    provider: (port, tls) => Liar.start(port, tls), clients: { app: "secret-of-the-app" },
    portal: {
      host,
      openunisonExtra: `apps:
- {name: out, label: '${mark}', org: '${mark}', description: '${mark}', badgeUrl: "https://${stranger}:${attackerPort}/application"}
clients:
- {client_id: app, label: '${mark}', redirect_uris: ["https://${stranger}:${attackerPort}/callback"], post_logout_redirect_uris: ["https://${stranger}:${attackerPort}/bye"]}`,
    },
  });
  const tls = await front.authority.issue("attacker", "/CN=attacker", "serverAuth", [sibling, stranger]);
  attacker = createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, (request, response) => {
    asked.push(request);
    const answer = served[new URL(request.url!, "https://x").pathname];
    if (answer) answer(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => attacker.listen(attackerPort, "127.0.0.1", resolve));
  browser = await launchBrowser(front.folder, front.authority.caFile, [`--host-resolver-rules=MAP *.test 127.0.0.1`]);
}, 90_000);
afterAll(async () => {
  await browser?.close();
  attacker?.closeAllConnections();
  attacker?.close();
  await front?.stop();
});
beforeEach(async () => {
  front.provider.reset();
  served = {};
  asked = [];
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(async () => context.close());

const ours = async () => (await context.cookies(front.portal.portal)).filter((cookie) => cookie.name === "__Host-openunison").map((cookie) => cookie.value);
async function signIn(path = "/"): Promise<void> {
  await page.goto(front.portal.portal + path);
  expect((await ours()).length).toBe(1);
}
const attacked = () => page.evaluate("window.attacked");

describe("cookies from a sibling host", () => {
  test("neither replace nor shadow ours: the browser refuses the prefix, and nothing else is read", async () => {
    const names = ["__Host-openunison", "openunison", "__Host-ou-provider"];
    const set = names.flatMap((name) => [`${name}=tossed; Domain=acme.test; Path=/; Secure`, `${name}=tossed-deeper; Domain=acme.test; Path=/profile; Secure`]);
    served["/toss"] = html(`<script>for (const name of ${JSON.stringify(names)}) document.cookie = name + "=by-script; domain=acme.test; path=/; secure"; document.cookie = "plain=tossed; domain=acme.test; path=/; secure";</script>`, { "set-cookie": set });
    await signIn();
    const [before] = await ours();
    await page.goto(at(sibling, "/toss"));
    // The browser does toss what has no prefix: the portal is sent it.
    const sent = page.waitForRequest(`${front.portal.portal}/profile`);
    await page.goto(`${front.portal.portal}/profile`);
    const cookie = (await (await sent).allHeaders()).cookie!;
    expect(cookie).toContain("plain=tossed");
    expect(cookie).toContain("openunison=by-script");
    expect(cookie.match(/__Host-openunison=/g)?.length).toBe(1);
    expect(await ours()).toEqual([before]);
    expect(await page.textContent("main")).toContain("alice");
  });
  test("do not make somebody else of a person who isn't signed in", async () => {
    const other = front.visitor();
    const cookies = await raw("/");  // a stranger's own attempt, to have the form of one
    expect(cookies.status).toBe(303);
    expect(other).toBeDefined();
    served["/toss"] = html("", { "set-cookie": [`openunison=x; Domain=acme.test; Path=/; Secure`, `__Host-openunison=x; Domain=acme.test; Path=/; Secure`] });
    await page.goto(at(sibling, "/toss"));
    expect(await ours()).toEqual([]);
  });
  test("twice in one request, in either order, count as none", async () => {
    await signIn();
    const [mine] = await ours();
    expect((await raw("/profile", `__Host-openunison=${mine}`)).status).toBe(200);
    for (const cookie of [`__Host-openunison=${mine}; __Host-openunison=other`, `__Host-openunison=other; __Host-openunison=${mine}`, `__Host-openunison=${mine}; __Host-openunison=${mine}`, `__host-openunison=${mine}`, `__Host-openunison="${mine}"`, ` __Host-openunison =${mine}`]) {
      expect([cookie.replaceAll(mine!, "mine"), (await raw("/profile", cookie)).status]).toEqual([cookie.replaceAll(mine!, "mine"), 303]);
    }
  });
});

/** One request with a Cookie field as written, to the portal by its name. */
function raw(path: string, cookie = ""): Promise<{ status: number }> {
  return new Promise((resolve, reject) => {
    const port = Number(new URL(front.portal.portal).port);
    const outgoing = httpsRequest({ host: "127.0.0.1", port, path, servername: host, ca: front.authority.caPem, headers: { host: `${host}:${port}`, ...(cookie ? { cookie } : {}) } }, (incoming) => {
      incoming.resume();
      incoming.on("end", () => resolve({ status: incoming.statusCode! }));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

describe("sessions", () => {
  test("get a new id at every sign-in: one that was planted, or was there before, is worth nothing (fixation)", async () => {
    const planted = "P".repeat(43);
    await context.addCookies([{ name: "__Host-openunison", value: planted, url: front.portal.portal, secure: true }]);
    await signIn();
    const [first] = await ours();
    expect(first).not.toBe(planted);
    expect((await raw("/profile", `__Host-openunison=${planted}`)).status).toBe(303);
    await page.goto(`${front.portal.portal}/auth/login?force=1&return_to=/profile`);
    const [second] = await ours();
    expect(second).not.toBe(first);
    expect((await raw("/profile", `__Host-openunison=${first}`)).status).toBe(303);
    expect((await raw("/profile", `__Host-openunison=${second}`)).status).toBe(200);
  });
  test("aren't begun for the attacker by his finished sign-in (login CSRF)", async () => {
    // The attacker's browser is stopped before it uses the code: his way back stays good.
    const keep = (into: (way: string) => void) => front.provider.next.push({
      callback: (parameters) => {
        into(`${front.portal.portal}/auth/oidc?${parameters.toString()}`);
        parameters.set("state", "x".repeat(43));
      },
    });
    let callback = "";
    keep((way) => (callback = way));
    const theirs = await browser.newContext(), theirPage = await theirs.newPage();
    await theirPage.goto(front.portal.portal);
    expect(callback).toContain("code=");
    served["/lure"] = html(`<script>location = ${JSON.stringify(callback)}</script>`);
    await page.goto(at(stranger, "/lure"));
    await page.waitForURL("**/auth/oidc?**");
    await page.waitForSelector("h1");
    expect(await page.textContent("h1")).toContain("can’t be finished");
    expect(await ours()).toEqual([]);
    // Nor inside a sign-in that the victim has begun.
    keep(() => {});
    await page.goto(front.portal.portal);
    await page.goto(callback);
    expect(await ours()).toEqual([]);
    // It was good all the time, in the browser that it was meant for.
    await theirPage.goto(callback);
    expect((await theirs.cookies(front.portal.portal)).some((cookie) => cookie.name === "__Host-openunison")).toBe(true);
    await theirs.close();
  });
  test("show nothing after signing out, by the back button neither", async () => {
    await signIn("/profile");
    await page.goto(`${front.portal.portal}/sessions`);
    await page.goto(`${front.portal.portal}/logout`);
    await page.click("main form button");
    await page.waitForURL("**/signed-out**");
    // This provider would sign in again without asking.
    front.provider.answers["/auth"] = html("provider");
    for (let back = 0; back < 3; back += 1) {
      await page.goBack().catch(() => {});
      expect(await page.textContent("body")).not.toContain("alice");
    }
  });
});

describe("frames", () => {
  const paths = ["/", "/profile", "/sessions", "/sessions/end?what=all", "/k8s/demo", "/logout", "/signed-out", "/nowhere", "/auth/login?return_to=/", "/auth/oidc?error=access_denied", "/auth/idp/k8sIdp/auth?client_id=nobody"];
  test.each(paths)("%s isn't shown inside another page, of a sibling or of a stranger", async (path) => {
    await signIn();
    served["/own"] = html("<p id=own>own</p>");
    served["/frame"] = (request, response) => html(`<iframe id=own src="/own"></iframe><iframe id=ours src="${front.portal.portal}${path}"></iframe>`)(request, response);
    for (const name of [sibling, stranger]) {
      await page.goto(at(name, "/frame"), { waitUntil: "load" });
      const shown = await Promise.all(page.frames().slice(1).map((frame) => frame.content().catch(() => "")));
      expect(shown.some((content) => content.includes("id=\"own\""))).toBe(true);
      expect(shown.some((content) => /OpenUnison|alice/.test(content))).toBe(false);
    }
  });
});

describe("addresses to return to", () => {
  const hostile = (name: string) => [
    `https://${name}/`, `//${name}/`, `///${name}/`, `/\\${name}/`, `\\\\${name}/`, `/\t/${name}/`, `/%09/${name}/`, `/\n/${name}/`, `%2F%2F${name}/`, `/%2F${name}/`, `/%5C${name}/`, `https:${name}/`, `http:/${name}/`, `javascript:location='https://${name}/'`,
    `data:text/html,<script>location='https://${name}/'</script>`, `/;//${name}/`, `/.//${name}/`, `/..//${name}/`, `.${name}/`, `@${name}/`, `:${attackerPort}@${name}/`, `/\u2215/${name}/`, `/\r\nLocation: https://${name}/`, `/%0d%0aLocation:%20https://${name}/`,
  ];
  test("the browser would follow them, so that the rest means something", async () => {
    served["/away"] = (_request, response) => void response.writeHead(303, { location: `//${stranger}:${attackerPort}/landed` }).end();
    served["/landed"] = html("landed");
    await page.goto(at(sibling, "/away"));
    expect(new URL(page.url()).hostname).toBe(stranger);
  });
  test("lead nowhere else, after a sign-in and without one", async () => {
    served["/"] = html("landed");
    const left: string[] = [];
    for (const value of hostile(`${stranger}:${attackerPort}`)) {
      for (const again of [false, true]) {
        if (!again) await context.clearCookies();
        await page.goto(`${front.portal.portal}/auth/login?return_to=${encodeURIComponent(value)}`);
        if (new URL(page.url()).host !== new URL(front.portal.portal).host) left.push(`${value} → ${page.url()}`);
      }
    }
    expect(left).toEqual([]);
    expect(asked.length).toBe(0);
  });
});

describe("forms of other sites", () => {
  const forms: [string, string, Record<string, string>][] = [
    ["signing out", "/logout", {}], ["ending all sessions", "/sessions/end", { what: "all" }], ["making a command", "/k8s/demo/command", { shell: "posix" }],
    ["making a kubeconfig", "/k8s/demo/kubeconfig", {}], ["the colours", "/theme", { theme: "dark", return_to: "/" }],
  ];
  for (const [where, name] of [["a sibling, to which the cookie is sent along", sibling], ["a stranger", stranger]] as const) {
    test.each(forms)(`%s, from ${where}, does nothing`, async (_what, path, fields) => {
      await signIn();
      const [mine] = await ours();
      // A token of the attacker's own session is none of the victim's.
      const theirs = await browser.newContext(), theirPage = await theirs.newPage();
      await theirPage.goto(front.portal.portal);
      await theirPage.goto(`${front.portal.portal}/logout`);
      const csrf = await theirPage.getAttribute('main input[name="csrf"]', "value");
      await theirs.close();
      expect(csrf).toBeTruthy();
      const inputs = Object.entries({ ...fields, csrf: csrf! }).map(([key, value]) => `<input name="${key}" value="${value}">`).join("");
      served["/form"] = html(`<form method="post" action="${front.portal.portal}${path}">${inputs}</form><script>document.forms[0].submit()</script>`);
      const before = front.mark();
      const answer = page.waitForResponse((response) => response.request().method() === "POST" && response.url().startsWith(front.portal.portal));
      await page.goto(at(name, "/form"));
      const status = (await answer).status();
      expect(status === 403 || (status === 303 && !(await (await answer).allHeaders())["set-cookie"])).toBe(true);
      expect(front.log(before).filter((line) => line.level === "audit").map((line) => line.event)).toEqual([]);
      expect((await raw("/profile", `__Host-openunison=${mine}`)).status).toBe(200);
      expect((await context.cookies(front.portal.portal)).some((cookie) => cookie.name === "__Host-ou-theme")).toBe(false);
    });
  }
  test("scripts of other sites can neither read our answers nor send forms that need a preflight", async () => {
    await signIn();
    served["/fetch"] = html("");
    await page.goto(at(sibling, "/fetch"));
    for (const path of ["/profile", "/k8s/demo", "/auth/idp/k8sIdp/userinfo"]) {
      const read = await page.evaluate(`fetch(${JSON.stringify(front.portal.portal + path)}, { credentials: "include" }).then((answer) => answer.text(), () => "refused")`);
      expect(read).toBe("refused");
    }
  });
});

describe("texts that others choose", () => {
  const scripts = [mark, `"><svg onload="window.attacked=1">`, `'><script>window.attacked=1</script>`, `</title><script>window.attacked=1</script>`, `javascript:window.attacked=1`, `{{{csrf}}}{{>head}}`, `<a href="javascript:window.attacked=1">x</a>`];
  const pages = ["/", "/profile", "/sessions", "/sessions/end?what=all", "/k8s/demo", "/logout"];

  test("the browser would run them on a page that doesn't escape", async () => {
    served["/naive"] = html(scripts[0]!);
    await page.goto(at(stranger, "/naive"));
    await expect.poll(attacked).toBe(1);
  });
  test.each(scripts)("names, groups and mail address from the provider, and the browser's own name: %s", async (text) => {
    await context.close();
    context = await browser.newContext({ userAgent: text.replace(/[^\x20-\x7e]/g, "") });
    page = await context.newPage();
    const errors: string[] = [];
    page.on("console", (message) => void (/Content Security Policy/.test(message.text()) && errors.push(message.text())));
    front.provider.next.push({ claims: (claims) => Object.assign(claims, { name: text, given_name: text, email: text, groups: ["staff", text], picture: text, department: text }) });
    await signIn();
    let shown = 0;
    for (const path of pages) {
      await page.goto(front.portal.portal + path);
      expect(await attacked()).toBeUndefined();
      shown += (await page.textContent("body"))!.includes(text) ? 1 : 0;
    }
    expect(shown).toBeGreaterThan(0);
    // Escaped, not merely stopped by the policy.
    expect(errors).toEqual([]);
  });
  test.each(scripts)("addresses: error_description, state, login_hint, client, path: %s", async (text) => {
    const errors: string[] = [];
    page.on("console", (message) => void (/Content Security Policy/.test(message.text()) && errors.push(message.text())));
    const value = encodeURIComponent(text);
    front.provider.next.push({
      callback: (parameters) => {
        parameters.delete("code");
        parameters.set("error", "access_denied");
        parameters.set("error_description", text);
      },
    });
    for (const path of ["/", `/auth/oidc?error=${value}&error_description=${value}&state=${value}`, `/auth/login?provider=${value}`, `/auth/idp/k8sIdp/auth?client_id=${value}&redirect_uri=${value}&state=${value}`, `/nowhere/${value}`, `/signed-out?${value}`,
      `/sessions/end?what=${value}`, `/k8s/${value}`]) {
      await page.goto(front.portal.portal + path);
      expect(await attacked()).toBeUndefined();
    }
    expect(errors).toEqual([]);
  });
  test.each(scripts)("a client's state, in the form that takes it there (form_post): %s", async (text) => {
    const errors: string[] = [], posted: string[] = [];
    page.on("console", (message) => void (/Content Security Policy/.test(message.text()) && errors.push(message.text())));
    served["/callback"] = (request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        posted.push(new URLSearchParams(body).get("state") ?? "");
        html("done")(request, response);
      });
    };
    await signIn();
    const query = new URLSearchParams({ client_id: "app", redirect_uri: at(stranger, "/callback"), response_type: "code", response_mode: "form_post", scope: "openid", state: text });
    await page.goto(`${front.portal.portal}/auth/idp/k8sIdp/auth?${query.toString()}`);
    await page.waitForURL(at(stranger, "/callback"));
    // What had become markup would be missing in it.
    expect([posted, errors]).toEqual([[text], []]);
  });
  test("what an API says is no page: an error in JSON isn't rendered", async () => {
    for (const path of ["/auth/idp/k8sIdp/userinfo", `/auth/idp/k8sIdp/certs?${encodeURIComponent(mark)}`, "/auth/idp/k8sIdp/.well-known/openid-configuration"]) {
      const answer = (await page.goto(front.portal.portal + path))!;
      expect(answer.headers()["x-content-type-options"]).toBe("nosniff");
      expect(await attacked()).toBeUndefined();
    }
  });
});

test("no address of ours reaches another site: neither by links out nor from the callback (Referer)", async () => {
  served["/application"] = html("application");
  served["/naive"] = html(`<a id=out href="${at(stranger, "/application")}">out</a>`, { "referrer-policy": "unsafe-url" });
  await page.goto(at(sibling, "/naive?code=secret-of-a-naive-page"));
  await page.click("#out");
  await page.waitForURL("**/application");
  expect(asked.at(-1)!.headers.referer).toContain("secret-of-a-naive-page");

  const referers: string[] = [];
  page.on("request", (request) => void request.allHeaders().then((headers) => headers.referer && request.url().startsWith(front.portal.portal) && referers.push(`${request.url()} from ${headers.referer}`)).catch(() => {}));
  await signIn();
  asked = [];
  await page.click(`a[href="${at(stranger, "/application")}"]`);
  await expect.poll(() => asked.filter((request) => request.url === "/application").length).toBe(1);
  expect(asked.find((request) => request.url === "/application")!.headers.referer).toBeUndefined();
  // A failed callback shows a page whose address holds a code; its style sheet and script must not be told of it.
  await page.goto(`${front.portal.portal}/auth/oidc?code=a-code-of-somebody&state=${"s".repeat(43)}`);
  await page.waitForLoadState("networkidle");
  expect(referers.filter((each) => each.includes("code="))).toEqual([]);
});

test("a code in the address bar is gone after the sign-in, and history holds none", async () => {
  await signIn("/profile");
  expect(page.url()).toBe(`${front.portal.portal}/profile`);
  await page.goBack().catch(() => {});
  expect(page.url()).not.toContain("code=");
});
