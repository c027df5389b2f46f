// SPDX-License-Identifier: Apache-2.0
//
// What `make package` made, as people get it: checked by its sums, unpacked, installed by the real krew, run (Linux as it is, arm64 by
// qemu-user, Windows by wine), offered by the portal, and signed in with at the real portal and API server. `make test-package`
// runs it; what build/packages doesn't hold isn't tested, and that is said. macOS programs can't be run here: their form is looked at.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { launchBrowser, looks, signInAt, violations } from "./harness/chromium.ts";
import { Desk } from "./harness/oulogin.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { root } from "./harness/paths.ts";
import { freePort, must, run, waitFor } from "./harness/process.ts";
import { noteTokens } from "./harness/secrets.ts";
import { stack, type Stack } from "./harness/stack.ts";
import { demoPeople } from "./harness/upstream.ts";

const packages = join(root, "build/packages");
const archives = readdirSync(packages).filter((name) => /\.(tar\.gz|zip)$/.test(name));
const version = /_v([0-9.]+)_/.exec(archives[0] ?? "")?.[1] ?? "";
const of = (system: string) => archives.find((name) => name.includes(`_${system}.`));
let s: Stack, browser: Browser, krew: string;
const folders = new Map<string, string>();

beforeAll(async () => {
  s = await stack();
  krew = join((await must(join(root, "tools/cluster_tools"), ["krew"], { timeout: 600_000 })).trim().split("\n").pop()!, "krew");
  browser = await launchBrowser(s.folder, s.authority.caFile);
  for (const archive of archives) {
    const folder = mkdtempSync(join(s.folder, "unpacked-"));
    await (archive.endsWith(".zip") ? must("unzip", ["-q", join(packages, archive), "-d", folder]) : must("tar", ["-xzf", join(packages, archive), "-C", folder]));
    folders.set(archive, folder);
  }
}, 700_000);
afterAll(async () => browser?.close());

/** How a program of that system is run here; undefined: it can't be. */
function runnerOf(archive: string): string[] | undefined {
  if (archive.includes("_linux_amd64")) return [];
  if (archive.includes("_linux_arm64")) return ["qemu-aarch64-static"];
  if (archive.includes("_windows_amd64")) return ["wine"];
  return undefined;
}
const program = (archive: string) => join(folders.get(archive)!, archive.includes("_windows_") ? "kubectl-oulogin.exe" : "kubectl-oulogin");
const forWine = (prefix: string) => ({ WINEPREFIX: prefix, WINEDEBUG: "-all", WINEDLLOVERRIDES: "mscoree=;mshtml=;winemenubuilder.exe=", DISPLAY: "" });

test("there is something to test, and each file is what SHA256SUMS says", async () => {
  expect(archives.length).toBeGreaterThan(0);
  const sums = await run("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: packages });
  expect([sums.stdout, sums.stderr, sums.code]).toEqual(["", "", 0]);
  const listed = readFileSync(join(packages, "SHA256SUMS"), "utf8").trim().split("\n").map((line) => line.split(/ +/)[1]).sort();
  expect(listed).toEqual(readdirSync(packages).filter((name) => name !== "SHA256SUMS").sort());
});

describe.each(archives)("%s", (archive) => {
  test("holds the program, its manual, completions and licences, and is of its system", () => {
    const folder = folders.get(archive)!;
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    for (const name of ["LICENSE", "THIRD_PARTY_LICENSES", "kubectl-oulogin.1", "completions/_kubectl-oulogin", "completions/kubectl-oulogin.bash", "completions/kubectl-oulogin.fish", "completions/kubectl-oulogin.ps1"])
      expect(names).toContain(name);
    const bytes = readFileSync(program(archive));
    const magic = { linux: "7f454c46", darwin: "cffaedfe", windows: "4d5a" }[/_(linux|darwin|windows)_/.exec(archive)![1] as "linux"];
    expect(bytes.subarray(0, magic.length / 2).toString("hex")).toBe(magic);
    expect(bytes.length).toBeLessThan(9_000_000);
    // Neither the folder that it was built in nor that of its builder.
    expect(bytes.includes(root)).toBe(false);
    if (archive.includes("_linux_")) expect(bytes.readUInt16LE(18)).toBe(archive.includes("arm64") ? 183 : 62);
    if (archive.includes("_darwin_")) expect(bytes.readUInt32LE(4)).toBe(archive.includes("arm64") ? 0x0100000c : 0x01000007);
  });

  test("krew takes it by the manifest", async () => {
    const home = mkdtempSync(join(s.folder, "krew-"));
    const [, os, arch] = /_(linux|darwin|windows)_(amd64|arm64)/.exec(archive)!;
    const env = { ...process.env, HOME: home, KREW_ROOT: join(home, ".krew"), KREW_OS: os, KREW_ARCH: arch };
    const installed = await run(krew, ["install", `--manifest=${join(packages, "oulogin.yaml")}`, `--archive=${join(packages, archive)}`], { env, cwd: home, timeout: 60_000 });
    expect(installed.stderr + installed.stdout).toContain("Installed plugin: oulogin");
    expect(installed.code).toBe(0);
    if (os !== "linux" || arch !== "amd64") return;
    const said = await run(join(s.tools, "kubectl"), ["oulogin", "version"], { env: { HOME: home, PATH: `${home}/.krew/bin:/usr/bin:/bin` }, cwd: home });
    expect(said.stdout).toContain(`kubectl-oulogin ${version}`);
  });

  const runner = runnerOf(archive);
  test.skipIf(!runner)("signs in by a code and gets tokens that the API server takes", async () => {
    const desk = new Desk(s);
    const windows = archive.includes("_windows_");
    const path = (file: string) => (windows ? `Z:${file.replaceAll("/", "\\")}` : file);
    desk.more = windows ? { ...forWine(join(desk.home, "wine")), KUBECONFIG: path(desk.config), CI: "" } : { SSH_CONNECTION: "10.0.0.1 1 10.0.0.2 22" };
    const call = (...args: string[]): [string, string[]] => [[...runner!, program(archive)][0]!, [...runner!, program(archive), ...args].slice(1)];
    const told = async (...args: string[]) => {
      const output = await run(...call(...args), { env: desk.environment(), cwd: desk.home, timeout: 180_000 });
      noteTokens(output.stdout);
      return output;
    };
    expect((await told("version")).stdout.trim()).toMatch(new RegExp(`^kubectl-oulogin ${version}`));
    expect((await told("--help")).stdout).toContain("kubectl oulogin --host=k8sou.example.com");
    const unknown = await told("--host=nobody.invalid", "--device");
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining("nobody.invalid has no address")]);

    const host = `--host=${new URL(s.portal.portal).host}`;
    // Without the authority it must not go on.
    const distrusted = await told(host, "--device");
    expect([distrusted.code, distrusted.stderr]).toEqual([1, expect.stringContaining("the certificate isn't trusted")]);

    const child = spawn(...call(host, `--certificate-authority=${path(s.authority.caFile)}`, "--device"), { env: desk.environment(), cwd: desk.home });
    let said = "";
    child.stderr.on("data", (data: Buffer) => (said += data.toString()));
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const code = await waitFor("a code", async () => /\b([B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4})\b/.exec(said)?.[1], 60_000);
    const context = await browser.newContext(), page = await context.newPage();
    await signInAt(page, `${s.portal.portal}/device?user_code=${code}`, "alice");
    await page.click("button:has-text('Go on')");
    await page.click("button:has-text('Allow')");
    expect([await ended, said]).toEqual([0, expect.stringMatching(/Signed in at .* as alice/)]);
    await context.close();

    const config = readFileSync(desk.config, "utf8");
    expect(config).toContain("get-token");
    for (let round = 0; round < 2; round += 1) {
      const token = await told("get-token", host, "--cluster=demo");
      const credential = JSON.parse(token.stdout) as { kind: string; status: { token: string } };
      expect(credential.kind).toBe("ExecCredential");
      const whoami = await desk.kubectl(["auth", "whoami", `--server=${s.cluster.server}`, `--certificate-authority=${s.authority.caFile}`, `--token=${credential.status.token}`, "--kubeconfig=/dev/null"]);
      expect(whoami.stdout).toMatch(/Username\s+alice/);
    }
    expect((await told("switch", "demo")).code).toBe(0);
    expect((await told("status")).stdout).toContain("signed in as alice");
    expect((await told("logout", host, "--all", "--purge")).code).toBe(0);
    expect(readFileSync(desk.config, "utf8")).not.toContain("get-token");
  }, 400_000);
});

describe("the portal offers them", () => {
  let portal: OpenUnison;
  beforeAll(async () => {
    const folder = join(s.folder, "with-downloads");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    portal = new OpenUnison({ folder, authority: s.authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1", openunisonExtra: `portal: {plugin_downloads: "${packages}"}` });
    await portal.prepare();
    await portal.addUser("alice", demoPeople.alice!.password, demoPeople.alice!.groups);
    await portal.start();
  });
  afterAll(async () => portal?.stop());

  test("to anybody, byte for byte, and nothing else of the folder; krew finds them by the manifest's address", async () => {
    const visitor = new Visitor(s.authority.caPem);
    const at = `${portal.portal}/download/kubectl-oulogin/`;
    const home = mkdtempSync(join(s.folder, "fetched-"));
    for (const archive of archives) {
      await must("curl", ["-sSf", "--cacert", s.authority.caFile, "-o", join(home, archive), at + archive]);
      expect(readFileSync(join(home, archive)).equals(readFileSync(join(packages, archive)))).toBe(true);
    }
    for (const name of ["", "values.yaml", "..%2fSHA256SUMS", "../download", "%2e%2e/oulogin.yaml"]) expect([400, 404], name).toContain((await visitor.fetch(at + name)).status);
    const manifest = (await visitor.fetch(`${at}oulogin.yaml`)).body;
    for (const archive of archives) expect(manifest).toContain(`uri: ${at}${archive}`);
    if (!of("linux_amd64")) return;
    // krew gets its own index first, which is far away: an empty one takes its place.
    const index = join(home, "index");
    mkdirSync(join(index, "plugins"), { recursive: true });
    writeFileSync(join(index, "plugins/none"), "");
    for (const args of [["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "empty"]]) await must("git", ["-C", index, ...args]);
    const env = { ...process.env, HOME: home, KREW_ROOT: join(home, ".krew"), KREW_DEFAULT_INDEX_URI: `file://${index}`, SSL_CERT_FILE: s.authority.caFile };
    const installed = await run(krew, ["install", `--manifest-url=${at}oulogin.yaml`], { env, cwd: home, timeout: 60_000 });
    expect(installed.stderr + installed.stdout).toContain("Installed plugin: oulogin");
  });

  test.each(looks)("on the Kubernetes page, in %s, the visitor's system first", async (look, options) => {
    mkdirSync(join(root, "build/screenshots"), { recursive: true });
    const context = await browser.newContext({ ...options, javaScriptEnabled: look !== "dark" }), page = await context.newPage();
    await page.goto(`${portal.portal}/k8s/demo`);
    await page.fill("#username", "alice");
    await page.fill("#password", demoPeople.alice!.password);
    await page.click("button.primary");
    await page.waitForSelector("#plugin");
    await page.screenshot({ path: join(root, `build/screenshots/kubernetes-downloads-${look}.png`), fullPage: true });
    if (look !== "dark") expect(await violations(page)).toEqual([]);
    if (of("linux_amd64")) expect(await page.textContent(".downloads li:first-child")).toContain("Linux, x86-64");
    await context.close();
  });
});
