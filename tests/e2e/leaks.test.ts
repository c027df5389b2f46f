// SPDX-License-Identifier: Apache-2.0
//
// Runs after all others (harness/sequencer.ts): nothing that the program said in this run (logs, metrics, error pages) holds a
// secret that the run used, in whatever form. The first tests prove that the search finds what is planted.
import { spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Front } from "./harness/front.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { openunisonProgram, root } from "./harness/paths.ts";
import { waitFor } from "./harness/process.ts";
import { findLeaks, outputsOfTheRun, secretsOfTheRun, type Secret } from "./harness/secrets.ts";

const planted: Secret[] = [
  { kind: "token", value: "b3QtYS1yZWFsLXRva2Vu.cGF5bG9hZA.c2lnbmF0dXJlLW9mLXRoZS1wbGFudGVkLXRva2VuLW9mLXRoaXMtdGVzdA" },
  { kind: "password", value: "wonderland & 1" },
  { kind: "form_token", value: "form-token-of-a-page" },
];

describe("the search finds", () => {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const cases: [string, string][] = [
    ["a token", `{"reason":"bad token ${planted[0]!.value}"}`],
    ["a token's end", `...${planted[0]!.value.slice(-40)}`],
    ["a token in base64", base64(`x=${planted[0]!.value}`)],
    ["a password", "user alice, password wonderland & 1"],
    ["a password in a query", "?password=wonderland%20%26%201"],
    ["a password in base64, first in its triple", base64("wonderland & 1")],
    ["a password in base64, second", base64("a:wonderland & 1...")],
    ["a password in base64, third", base64("id:wonderland & 1")],
    ["a password in base64url", base64("??>wonderland & 1").replaceAll("+", "-").replaceAll("/", "_")],
    ["a password in hexadecimal", Buffer.from("wonderland & 1").toString("hex")],
    ["a form's token in a log", "csrf=form-token-of-a-page"],
  ];
  test.each(cases)("%s, with file and line", (_name, line) => {
    const leaks = findLeaks(planted, [{ path: "a.log", text: `first line\n${line}\nlast line`, page: false }]);
    expect(leaks.length).toBeGreaterThan(0);
    expect(leaks[0]).toMatchObject({ file: "a.log", line: 2 });
  });
  test("and nothing where nothing is", () => {
    expect(findLeaks(planted, [{ path: "a.log", text: "wonderland\nb3QtYS1yZWFsLXRva2Vu\nform-token", page: false }, { path: "page", text: "form-token-of-a-page", page: true }])).toEqual([]);
  });
});

describe("of this run", () => {
  let front: Front;
  // So that the file says something also when it runs alone.
  beforeAll(async () => {
    front = await Front.start("leaks");
    const visitor = front.visitor();
    await visitor.signIn(front.portal.portal, "alice", "wonderland-1");
    await visitor.kubeconfig(front.portal.portal, "demo");
    await visitor.fetch(`${front.portal.portal}/auth/oidc?code=a-code-that-nobody-issued&state=${"s".repeat(43)}`);
  });
  afterAll(() => front?.stop());

  test("no log line, metric or error page holds a secret", async () => {
    for (const server of OpenUnison.running) await server.keepMetrics();
    const secrets = secretsOfTheRun();
    for (const kind of ["cookie", "code", "token", "password", "client_secret", "key", "form_token"]) expect(secrets.some((secret) => secret.kind === kind), `the run noted a ${kind}`).toBe(true);
    const files = outputsOfTheRun().map((path) => ({ path: relative(root, path), text: readFileSync(path, "utf8"), page: path.endsWith("-page") }));
    expect(files.some((file) => file.path.endsWith(".log")) && files.some((file) => file.page) && files.some((file) => file.path.endsWith("-metrics"))).toBe(true);
    const leaks = findLeaks(secrets, files);
    expect(leaks.map((leak) => `${leak.file}:${leak.line}: a ${leak.kind}, ${leak.form}`)).toEqual([]);
  });

  test("every line of a log is one JSON object of printable characters", () => {
    const bad: string[] = [];
    for (const path of outputsOfTheRun().filter((each) => each.endsWith(".log"))) {
      for (const [number, line] of readFileSync(path, "utf8").split("\n").entries()) {
        // A start that fails tells a person at a terminal, in words.
        if (line === "" || line.startsWith("openunison: ")) continue;
        try {
          const entry = JSON.parse(line) as Record<string, unknown>;
          if (!entry.time || !entry.level) bad.push(`${relative(root, path)}:${number + 1}: without time or level`);
        } catch {
          bad.push(`${relative(root, path)}:${number + 1}: ${line.slice(0, 80)}`);
        }
        if (/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe]/.test(line)) bad.push(`${relative(root, path)}:${number + 1}: a control character`);
      }
    }
    expect(bad).toEqual([]);
  });
});

describe("the memory of the program", () => {
  test("is written to no core file, and other programs of its user can't read it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "no-dumps-"));
    const secrets = join(folder, "secrets");
    mkdirSync(secrets);
    // Waits for a password on standard input; as somebody else than root, who may read everything.
    const uid = process.getuid!() === 0 ? 65_534 : process.getuid!();
    if (process.getuid!() === 0) for (const each of [folder, secrets]) chownSync(each, uid, uid);
    // The other side of it: what belongs to a program that says nothing of dumps is its user's.
    const program = join(folder, "openunison");
    copyFileSync(openunisonProgram, program);
    chmodSync(program, 0o755);
    const careless = spawn("/bin/sleep", ["60"], { uid, gid: uid, stdio: "ignore" });
    const careful = spawn(program, ["users", "add", "alice", "--secrets", secrets, "--password-stdin"], { uid, gid: uid, stdio: ["pipe", "ignore", "ignore"], cwd: folder });
    try {
      const owner = (pid: number) => statSync(`/proc/${pid}/environ`).uid;
      const core = (pid: number) => /Max core file size\s+(\S+)\s+(\S+)/.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))!.slice(1);
      expect(owner(careless.pid!)).toBe(uid);
      await waitFor("the program to be at its start", async () => core(careful.pid!)[0] === "0" && owner(careful.pid!) === 0, 10_000);
      expect([core(careful.pid!), owner(careful.pid!)]).toEqual([["0", "0"], 0]);
      const gone = new Promise<[number | null, string | null]>((resolve) => careful.once("exit", (...how) => resolve(how)));
      careful.kill("SIGSEGV");
      expect((await gone)[1]).toBe("SIGSEGV");
      expect(readdirSync(folder).filter((name) => name.startsWith("core"))).toEqual([]);
    } finally {
      careless.kill();
      careful.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
