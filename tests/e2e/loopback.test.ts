// SPDX-License-Identifier: Apache-2.0
//
// The plugin's pieces seen from outside: what the browser shows when a sign-in comes back to this machine, and whether a reader
// of QR codes reads ours off the terminal.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";

import jsQR from "jsqr";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Authority } from "./harness/certs.ts";
import { launchBrowser, looks, violations } from "./harness/chromium.ts";
import { root } from "./harness/paths.ts";
import { must, run } from "./harness/process.ts";

const build = join(root, "build/release");
const program = join(build, "bin/oulogin_pieces");
const pictures = join(root, "build/screenshots");
const state = "a-state-of-the-test", issuer = "https://k8sou.example.com/auth/idp/k8sIdp";
let browser: Browser;

beforeAll(async () => {
  await must("ninja", ["-C", build, "oulogin_pieces"], { timeout: 170_000 });
  mkdirSync(pictures, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "loopback-"));
  browser = await launchBrowser(folder, (await Authority.create(folder)).caFile);
});
afterAll(async () => browser?.close());

/** A program that waits for the browser. */
class Waiting {
  readonly exited: Promise<number | null>;
  private constructor(private readonly child: ChildProcess, private readonly lines: AsyncIterator<string>, readonly redirectUri: string) {
    this.exited = new Promise((resolve) => child.once("exit", resolve));
  }
  static async start(product = "Acme Sign-in", hold = 30_000): Promise<Waiting> {
    const child = spawn(program, ["loopback", state, issuer, product, "https://k8sou.example.com", String(hold)], { stdio: ["pipe", "pipe", "inherit"] });
    const input: Interface = createInterface(child.stdout!);
    const lines = input[Symbol.asyncIterator]();
    return new Waiting(child, lines, (await lines.next()).value as string);
  }
  address(parameters: Record<string, string>): string {
    return `${this.redirectUri}?${new URLSearchParams({ state, iss: issuer, ...parameters })}`;
  }
  async callback(): Promise<{ code: string; error: string; error_description: string }> {
    return JSON.parse((await this.lines.next()).value as string);
  }
  ended(how: string): void {
    this.child.stdin!.write(`${how}\n`);
  }
  stop(): void {
    this.child.kill();
  }
}

describe.each(looks)("pages in %s", (look, options) => {
  let context: BrowserContext, page: Page;
  beforeAll(async () => {
    context = await browser.newContext(options);
    page = await context.newPage();
  });
  afterAll(async () => context.close());

  async function expectPage(name: string, heading: string): Promise<void> {
    await page.waitForSelector("h1");
    await page.screenshot({ path: join(pictures, `loopback-${name}-${look}.png`), fullPage: true });
    expect(await page.textContent("h1")).toBe(heading);
    expect(await violations(page)).toEqual([]);
  }

  test("signed in", async () => {
    const waiting = await Waiting.start();
    const going = page.goto(waiting.address({ code: "c1" }));
    expect(await waiting.callback()).toEqual({ code: "c1", error: "", error_description: "" });
    waiting.ended("signed in alice@example.com");
    const answer = (await going)!;
    expect(answer.headers()["cache-control"]).toBe("no-store");
    expect(await waiting.exited).toBe(0);  // and still the page is whole
    await expectPage("signed-in", "You’re signed in");
    expect(await page.textContent("main")).toContain("You are alice@example.com");
  });

  test("received, when the program takes its time", async () => {
    const waiting = await Waiting.start("Acme Sign-in", 50);
    await page.goto(waiting.address({ code: "c2" }));
    await waiting.callback();
    await expectPage("received", "Almost there");
    waiting.ended("signed in alice");
    expect(await waiting.exited).toBe(0);
  });

  test("refused by the provider", async () => {
    const waiting = await Waiting.start();
    const description = "alice isn’t in k8s-users or k8s-admins; ask the platform team <img src=x onerror=alert(1)>";
    await page.goto(waiting.address({ error: "access_denied", error_description: description }));
    expect(await waiting.callback()).toEqual({ code: "", error: "access_denied", error_description: description });
    waiting.ended("");
    expect(await waiting.exited).toBe(0);
    await expectPage("refused", "You’re not signed in");
    expect(await page.textContent(".said")).toContain(description);
    expect(await page.$$("img")).toEqual([]);
  });

  test("failed afterwards", async () => {
    const waiting = await Waiting.start("A company with a name that is rather long, Sign-in for Kubernetes");
    const going = page.goto(waiting.address({ code: "c3" }));
    await waiting.callback();
    waiting.ended("failed https://k8sou.example.com/auth/idp/k8sIdp/token: the certificate isn’t trusted");
    await going;
    expect(await waiting.exited).toBe(0);
    await expectPage("failed", "You’re not signed in yet");
  });

  test("too late", async () => {
    const waiting = await Waiting.start();
    const first = fetch(waiting.address({ code: "c4" }));
    expect((await waiting.callback()).code).toBe("c4");
    expect((await page.goto(waiting.address({ code: "c5" })))!.status()).toBe(410);
    await expectPage("late", "This came too late");
    waiting.ended("signed in alice");
    expect((await first).status).toBe(200);
    expect(await waiting.exited).toBe(0);
  });

  test("unexpected", async () => {
    const waiting = await Waiting.start();
    expect((await page.goto(`${waiting.redirectUri}?code=c6&state=another`))!.status()).toBe(400);
    await expectPage("unexpected", "This wasn’t expected");
    waiting.stop();
  });
});

test("no foreign page reads or frames it", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const waiting = await Waiting.start();
  // Another origin of this machine, as a development server would be.
  await page.route("http://localhost:9/**", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>x</title><p>x" }));
  await page.goto("http://localhost:9/");
  const read = (address: string) => page.evaluate(`fetch(${JSON.stringify(address)}).then((answer) => answer.text(), () => "nothing")`);
  expect(await read(`${waiting.redirectUri}?code=c7&state=another`)).toBe("nothing");
  await page.evaluate(`new Promise((loaded) => document.body.append(Object.assign(document.createElement("iframe"), { onload: loaded, src: ${JSON.stringify(`${waiting.redirectUri}?code=c8&state=another`)} })))`);
  const frame = page.frames().find((each) => each !== page.mainFrame());
  expect((await frame?.content().catch(() => "")) ?? "").not.toContain("This wasn’t expected");
  // Nothing of it counted.
  const going = page.goto(waiting.address({ code: "c9" }));
  expect((await waiting.callback()).code).toBe("c9");
  waiting.ended("signed in alice");
  await going;
  expect(await waiting.exited).toBe(0);
  await context.close();
});

describe("QR codes", () => {
  const inks = { black: 0, white: 255 };
  /** The terminal's half blocks as a picture, so many pixels a module; `ink` is the colour of what is drawn. */
  function picture(code: string, ink: number, pixels = 4): { data: Uint8ClampedArray; width: number; height: number } {
    const rows = code.replace(/\x1b\[[0-9;]*m/g, "").replace(/\n$/, "").split("\n");
    const columns = [...rows[0]!].length;
    const width = columns * pixels, height = rows.length * 2 * pixels;
    const data = new Uint8ClampedArray(width * height * 4).fill(255);
    for (let y = 0; y < height; y += 1) {
      const row = [...rows[Math.floor(y / (2 * pixels))]!];
      const lower = Math.floor(y / pixels) % 2 === 1;
      for (let x = 0; x < width; x += 1) {
        const character = row[Math.floor(x / pixels)] ?? " ";
        const drawn = character === "█" || character === (lower ? "▄" : "▀");
        data.fill(drawn ? ink : 255 - ink, (y * width + x) * 4, (y * width + x) * 4 + 3);
      }
    }
    return { data, width, height };
  }
  const texts = ["https://k8sou.example.com/device?user_code=BCDF-GHJK", "https://k8sou.apps.a-rather-long-name-of-a-cluster.eu-central-1.example.com:8443/device?user_code=BCDF-GHJK", "A", `https://x.example/${"y".repeat(300)}`];
  test.each(texts)("%s", async (text) => {
    const coloured = await must(program, ["qr", text, "200", "100", "colours"]);
    expect(coloured).toContain("\x1b[38;5;16;48;5;231m");
    const { data, width, height } = picture(coloured, inks.black);
    expect(jsQR(data, width, height, { inversionAttempts: "dontInvert" })?.data).toBe(text);
    const plain = await must(program, ["qr", text, "200", "100", "plain"]);
    expect(plain).not.toContain("\x1b");
    const dark = picture(plain, inks.white);
    expect(jsQR(dark.data, dark.width, dark.height, { inversionAttempts: "dontInvert" })?.data).toBe(text);
    const light = picture(plain, inks.black);  // reversed: readers of phones try that too
    expect(jsQR(light.data, light.width, light.height, { inversionAttempts: "attemptBoth" })?.data).toBe(text);
  });
  test("none where it doesn't fit", async () => {
    const fits = (columns: number, rows: number) => run(program, ["qr", texts[0]!, String(columns), String(rows), "colours"]);
    const whole = (await fits(80, 40)).stdout.replace(/\x1b\[[0-9;]*m/g, "").replace(/\n$/, "").split("\n");
    const columns = [...whole[0]!].length, rows = whole.length;
    expect((await fits(columns, rows + 2)).code).toBe(0);
    expect(await fits(columns - 1, rows + 2)).toMatchObject({ code: 3, stdout: "" });
    expect(await fits(columns, rows + 1)).toMatchObject({ code: 3, stdout: "" });
  });
});
