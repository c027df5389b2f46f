// SPDX-License-Identifier: Apache-2.0
//
// What an administrator types: check, users, sessions, and the mistakes that they must survive. A portal of its own; no cluster.
import { appendFileSync, chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import { logEntries } from "./harness/log.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { openunisonProgram, root } from "./harness/paths.ts";
import { freePort, must, run, sleep, start, waitFor, type Output } from "./harness/process.ts";
import { noteSecret } from "./harness/secrets.ts";
import { stack, type Stack } from "./harness/stack.ts";

let s: Stack;
let portal: OpenUnison;
beforeAll(async () => {
  s = await stack();
  const folder = join(s.folder, "command-line");
  mkdirSync(folder, { recursive: true });
  portal = new OpenUnison({ folder, authority: s.authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1" });
  await portal.prepare();
  await portal.addUser("dora", "password-of-dora", ["staff"], "Dora Door");
  await portal.addUser("eve", "password-of-eve", ["staff"]);
  await portal.start();
});
afterAll(async () => portal?.stop());

const openunison = (...args: string[]): Promise<Output> => run(openunisonProgram, args);
const state = () => ["--state", portal.state];

test("an unknown command is named, with exit code 2", async () => {
  for (const [words, below] of [[["frobnicate"], "openunison"], [["users", "frobnicate"], "openunison users"]] as const) {
    const output = await openunison(...words);
    expect(output.code).toBe(2);
    expect(output.stderr).toBe(`${below}: there is no command frobnicate; ${below} --help lists them\n`);
  }
});

test("what fails says so to programs too", async () => {
  const nowhere = join(s.folder, "nowhere");
  for (const words of [["users", "list", "--secrets", nowhere], ["keys", "list", "--state", nowhere], ["sessions", "list", "--state", nowhere], ["keys", "import", nowhere, ...state()]]) {
    const output = await openunison(...words, "--output", "json");
    expect(output.code).toBe(1);
    const { error } = JSON.parse(output.stdout) as { error: string };
    expect(error).toContain(nowhere);
    expect(output.stderr).toBe(`openunison: ${error}\n`);
  }
  const checked = await openunison("check", "-f", nowhere, "--output", "json");
  expect(checked.code).toBe(1);
  expect(JSON.parse(checked.stdout)).toMatchObject({ problems: [{ severity: "error", file: nowhere }] });
});

test("each command's help has its own examples", async () => {
  for (const words of [["serve"], ["check"], ["api-server-config"], ["users"], ["users", "add"], ["users", "list"], ["keys", "rotate"], ["keys", "import"], ["keys", "retire"], ["keys", "eviction-token"], ["sessions", "list"], ["sessions", "end"]]) {
    const output = await openunison(...words, "--help");
    expect(output.code).toBe(0);
    expect(output.stdout).toContain(`\n  openunison ${words.join(" ")}`);
  }
});

test("a second server on a used port fails and leaves the first alone", async () => {
  const folder = join(s.folder, "second");
  mkdirSync(folder, { recursive: true });
  const second = new OpenUnison({ ...portal.options, folder, managementPort: await freePort() });
  await second.prepare();
  const output = await openunison("serve", "-f", second.valuesFile, "--secrets", second.secrets, "--state", second.state);
  expect(output.code).toBe(1);
  expect(output.stderr).toContain(`127.0.0.1:${portal.options.port}`);
  expect(output.stderr).toContain("in use");
  expect((await new Visitor(s.authority.caPem).fetch(portal.portal + "/")).status).toBe(303);
});

test("a start that fails ends in lines of the log", async () => {
  const lines = async (values: string) => {
    const output = await openunison("serve", "-f", values, "--secrets", portal.secrets, "--state", join(s.folder, "no-such-folder", "state"));
    expect([output.code, output.stdout]).toEqual([1, ""]);
    return output.stderr.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const broken = join(s.folder, "broken.yaml");
  writeFileSync(broken, `${readFileSync(portal.valuesFile, "utf8")}\nnonsense: 1\n`);
  expect((await lines(broken)).slice(-2)).toMatchObject([
    { level: "error", message: "the values file has an error", reason: expect.stringContaining("nonsense: unknown key") },
    { level: "error", message: "the server can't start", reason: expect.stringContaining(`openunison check -f ${broken}`) },
  ]);
  expect((await lines(join(s.folder, "nowhere.yaml"))).at(-1)).toMatchObject({ level: "error", message: "the server can't start", reason: expect.stringContaining("nowhere.yaml") });
  expect((await lines(portal.valuesFile)).at(-1)).toMatchObject({ level: "error", message: "the server can't start", reason: expect.stringContaining("no-such-folder/state") });
});

test("a mistyped state directory isn't made", async () => {
  const output = await openunison("serve", "-f", portal.valuesFile, "--secrets", portal.secrets, "--state", join(s.folder, "no-such-folder", "state"));
  expect(output.code).toBe(1);
  expect(output.stderr).toContain("no-such-folder/state");
  expect(existsSync(join(s.folder, "no-such-folder"))).toBe(false);
});

test("check looks at a state directory with the secrets only, and says so", async () => {
  const output = await openunison("check", "-f", portal.valuesFile, "--offline", ...state());
  expect([output.code, output.stdout]).toEqual([2, ""]);
  expect(output.stderr).toContain("--state needs --secrets");
});

test("flags without the path of the portal's CA are pointed out", async () => {
  const bare = await openunison("api-server-config", "-f", portal.valuesFile, "--format", "flags");
  expect(bare.stdout).not.toContain("--oidc-ca-file");
  expect(bare.stderr).toContain("--ca-file");
  const whole = await openunison("api-server-config", "-f", portal.valuesFile, "--format", "flags", "--ca-file", "/etc/kubernetes/portal.crt");
  expect(whole.stdout).toContain("--oidc-ca-file=/etc/kubernetes/portal.crt\n");
  expect(whole.stderr).not.toContain("--ca-file");
  expect((await openunison("api-server-config", "-f", portal.valuesFile, "--format", "eksctl")).stderr).not.toContain("--ca-file");
});

test("what EKS asks of the portal is said with each of its formats", async () => {
  for (const [format, said] of [["eks-cli", true], ["eksctl", true], ["terraform", true], ["flags", false], ["json", false]] as const) {
    const output = await openunison("api-server-config", "-f", portal.valuesFile, "--format", format);
    expect([format, output.code, /publicly trusted certificate/.test(output.stderr)]).toEqual([format, 0, said]);
  }
  expect((await openunison("api-server-config", "-f", portal.valuesFile)).stdout).toContain("publicly trusted certificate");
});

describe("keys", () => {
  const listed = (output: Output) => (JSON.parse(output.stdout) as { keys: { kid: string; alg: string; state: string }[] }).keys;
  const keys = (...args: string[]) => openunison("keys", ...args, ...state());

  test("a second rotate says that a key is pending, and changes nothing", async () => {
    expect((await keys("rotate")).stdout).not.toContain("pending already");
    const before = listed(await keys("list", "--output", "json")), told = portal.audit().length;
    const again = await keys("rotate");
    expect(again.code).toBe(0);
    expect(again.stdout).toContain("A key was pending already; nothing was changed.");
    expect(listed(await keys("list", "--output", "json"))).toEqual(before);
    expect(portal.audit()).toHaveLength(told);
  });

  test("import refuses a key of another kind, and says what it takes the place of", async () => {
    const file = join(s.folder, "mine.pem"), before = listed(await keys("list", "--output", "json"));
    await must("openssl", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file]);
    const refused = await keys("import", file);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("no key for RS256 (openunison.signing_algorithm)");
    expect(listed(await keys("list", "--output", "json"))).toEqual(before);

    expect((await keys("import", "/etc/passwd")).stderr).toMatch(/no key in PEM form was found in it, and this is not a PKCS#12 file/);
    const former = before.find((key) => key.state === "pending")!.kid;
    await must("openssl", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file]);
    const taken = await keys("import", file, "--kid", "mine");
    expect(taken.code).toBe(0);
    expect(taken.stdout).toContain(`It takes the place of ${former}, which was pending and is gone.`);
    expect(portal.audit().slice(-2)).toMatchObject([{ event: "key_changed", kid: former, state: "replaced" }, { event: "key_changed", kid: "mine", state: "pending" }]);
  });
});

describe("sessions", () => {
  test("list is a table; end by id ends that one only; nobody and nothing are errors", async () => {
    expect((await openunison("sessions", "list", ...state(), "--user", "eve")).stdout).toBe("eve isn't signed in.\n");
    const visitors = [new Visitor(s.authority.caPem), new Visitor(s.authority.caPem)];
    for (const visitor of visitors) expect((await visitor.signIn(portal.portal, "eve", "password-of-eve", "/profile")).status).toBe(200);
    const rows = (await openunison("sessions", "list", ...state(), "--user", "eve")).stdout.trim().split("\n");
    expect(rows[0]).toMatch(/^USER +KIND +CLUSTER +LABEL +ADDRESS +LAST USED +ENDS +ID$/);
    expect(rows).toHaveLength(3);
    const { sessions } = JSON.parse((await openunison("sessions", "list", ...state(), "--user", "eve", "--output", "json")).stdout) as { sessions: { id: string; user: string }[] };
    expect(sessions.map((session) => session.user)).toEqual(["eve", "eve"]);
    const ended = await openunison("sessions", "end", ...state(), "--session", sessions[0]!.id);
    expect(ended.stdout).toContain("Ended 1 session.");
    const statuses = await Promise.all(visitors.map(async (visitor) => (await visitor.fetch(`${portal.portal}/profile`)).status));
    expect(statuses.sort()).toEqual([200, 303]);

    const again = await openunison("sessions", "end", ...state(), "--session", sessions[0]!.id);
    expect([again.code, again.stdout]).toEqual([1, ""]);
    expect(again.stderr).toContain("no such session");
    const nobody = await openunison("sessions", "end", ...state(), "--user", "evee");
    expect([nobody.code, nobody.stdout]).toEqual([1, ""]);
    expect(nobody.stderr).toContain("nobody called evee");
    expect((await openunison("sessions", "end", ...state(), "--session", "x")).stderr).toContain("no session's id");
    expect((await openunison("sessions", "end", ...state())).code).toBe(2);
    expect((await openunison("sessions", "end", ...state(), "--all", "--user", "eve")).code).toBe(2);
  });
});

describe("users", () => {
  const users = async (...args: string[]) => openunison("users", ...args, "--secrets", portal.secrets);

  test("groups may be repeated or listed; the table says so", async () => {
    await portal.addUser("ada", "password-of-ada", ["a,b", "c"]);
    const { users: list } = JSON.parse((await users("list", "--output", "json")).stdout) as { users: { name: string; groups: string[] }[] };
    expect(list.find((user) => user.name === "ada")?.groups).toEqual(["a", "b", "c"]);
    expect((await users("list")).stdout).toMatch(/^USER +GROUPS\n(.*\n)*ada +a, b, c\n/);
    expect((await users("remove", "ada")).code).toBe(0);
    expect((await users("remove", "ada")).stderr).toContain("there is no user named ada");
  });

  test("who is in no group has a dash; a mail address must look like one", async () => {
    await portal.addUser("solo", "password-of-solo", []);
    expect((await users("list")).stdout).toMatch(/^solo +-$/m);
    expect((await users("remove", "solo")).stdout).toContain("(openunison.authentication.group_refresh_seconds, five minutes unless set)");
    for (const [email, code] of [["nonsense", 1], ["a@", 1], ["a b@example.com", 1], ["solo@example.com", 0]] as const) {
      const added = await run(openunisonProgram, ["users", "add", "solo", "--secrets", portal.secrets, "--password-stdin", "--email", email], { input: "password-of-solo\n" });
      expect([email, added.code]).toEqual([email, code]);
      if (code === 1) expect(added.stderr).toContain("--email: this is no mail address");
    }
    expect((await users("remove", "solo")).code).toBe(0);
  });

  test("a group that stays behind is named at once", async () => {
    const added = await run(openunisonProgram, ["users", "add", "root", "--secrets", portal.secrets, "--password-stdin", "--group", "staff,system:masters"], { input: "password-of-root\n" });
    expect(added.code).toBe(0);
    expect(added.stderr).toContain("system:masters is kept back");
    expect(added.stderr).not.toContain("staff");
    expect((await users("remove", "root")).code).toBe(0);
  });

  test("a folder that isn't there is said", async () => {
    for (const words of [["list"], ["add", "x"]]) {
      const output = await openunison("users", ...words, "--secrets", join(s.folder, "nowhere"));
      expect(output.code).toBe(1);
      expect(output.stderr).toContain("there is no folder");
    }
  });

  test("ten added at once are all there", async () => {
    const names = Array.from({ length: 10 }, (_, i) => `many${i}`);
    await Promise.all(names.map((name) => portal.addUser(name, "password-of-many", [])));
    const { users: list } = JSON.parse((await users("list", "--output", "json")).stdout) as { users: { name: string }[] };
    expect(list.map((user) => user.name)).toEqual(expect.arrayContaining(names));
  });
});

test("a start without anybody who could sign in says so, and the first user needs no restart", async () => {
  const folder = join(s.folder, "nobody");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const empty = new OpenUnison({ ...portal.options, folder, port: await freePort(), managementPort: await freePort() });
  await empty.prepare();
  try {
    await empty.start();
    const warned = logEntries(empty.log).filter((entry) => entry.message === "a secret file has a warning");
    expect(warned).toEqual([expect.objectContaining({ level: "warn", reason: expect.stringContaining("there is no users.yaml yet") })]);
    await empty.addUser("dora", "password-of-dora", []);
    await sleep(1_100);  // the file is looked at once a second at most
    expect((await new Visitor(s.authority.caPem).signIn(empty.portal, "dora", "password-of-dora")).status).toBe(200);
  } finally {
    await empty.stop();
  }
});

test("a start with users of whom none may sign in says so", async () => {
  const folder = join(s.folder, "shut-out");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const shut = new OpenUnison({
    ...portal.options, folder, port: await freePort(), managementPort: await freePort(), openunisonExtra: "az_groups: [local-k8s-users]",
    extra: `identity_providers: [{name: local, type: local, groups_prefix: "local-"}]\n`,
  });
  await shut.prepare();
  await shut.addUser("dora", "password-of-dora", ["admins"]);
  const warnings = () => logEntries(shut.log).filter((entry) => entry.message === "a secret file has a warning").map((entry) => entry.reason);
  try {
    await shut.start();
    expect(warnings()).toEqual([expect.stringMatching(/nobody in it can sign in: .* local-k8s-users \(openunison\.az_groups, where the groups here have local- in front\)$/)]);
    await shut.stop();
    await shut.addUser("eve", "password-of-eve", ["k8s-users"]);
    rmSync(shut.log);
    await shut.start();
    expect(warnings()).toEqual([]);
    await shut.stop();
    writeFileSync(join(shut.secrets, "users.yaml"), "");
    await shut.start();
    expect(logEntries(shut.log)).toContainEqual(expect.objectContaining({ level: "error", message: "a secret file has an error", reason: expect.stringContaining("users.yaml: error: it is empty") }));
  } finally {
    await shut.stop();
  }
});

test("a renewed certificate that is for another host is taken, with a warning", async () => {
  const folder = join(s.folder, "renewed");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const renewed = new OpenUnison({ ...portal.options, folder, host: "portal.example.com", port: await freePort(), managementPort: await freePort() });
  await renewed.prepare();
  const warned = () => logEntries(renewed.log).filter((entry) => String(entry.message).startsWith("no certificate is for the portal's host"));
  try {
    await renewed.start();
    expect(warned()).toEqual([]);
    const other = await s.authority.issue("without-the-host", "/CN=localhost");
    for (const [name, from] of [["tls.crt", other.cert], ["tls.key", other.key]] as const) writeFileSync(join(renewed.secrets, name), readFileSync(from));
    renewed.program!.child.kill("SIGHUP");
    await waitFor("the warning", async () => warned().length > 0, 10_000);
    expect(warned()[0]).toMatchObject({ level: "warn", host: "portal.example.com" });
  } finally {
    await renewed.stop();
  }
});

// What broke once: nothing in the files' stamps told that they could be read now, so they never were.
test("what a wrong mode kept from being read is read once the mode is right", async () => {
  const folder = join(s.folder, "unreadable");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // Root too obeys modes then.
  const wrapper = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];
  const kept = new OpenUnison({ ...portal.options, folder, wrapper, port: await freePort(), managementPort: await freePort() });
  await kept.prepare();
  await kept.addUser("dora", "password-of-dora", []);
  const users = join(kept.secrets, "users.yaml"), certificate = join(kept.secrets, "tls.crt");
  const said = (message: string) => logEntries(kept.log).filter((entry) => String(entry.message).startsWith(message));
  const signIn = async () => (await new Visitor(s.authority.caPem).signIn(kept.portal, "dora", "password-of-dora")).status;
  try {
    chmodSync(users, 0);
    await kept.start();
    expect(await signIn()).toBe(500);
    chmodSync(users, 0o600);
    await waitFor("the users", async () => (await signIn()) === 200, 10_000);
    const renewed = await s.authority.issue("renewed", "/CN=localhost");
    writeFileSync(certificate, readFileSync(renewed.cert));
    writeFileSync(join(kept.secrets, "tls.key"), readFileSync(renewed.key));
    chmodSync(certificate, 0);
    await waitFor("the failure", async () => said("the new certificates can't be used").length > 0, 15_000);
    chmodSync(certificate, 0o600);
    await waitFor("the certificate", async () => said("certificates were read again").length > 0, 15_000);
    expect(said("the new certificates can't be used")).toHaveLength(1);
  } finally {
    await kept.stop();
  }
});

test("make help lists every verb", async () => {
  const verbs = [...readFileSync(join(root, "Makefile"), "utf8").matchAll(/^([^\s:]+):.*## /gm)].map((match) => match[1]!);
  expect(verbs).toContain("test-e2e");
  const { stdout } = await run("make", ["-s", "help"], { cwd: root });
  expect(stdout.trim().split("\n").map((line) => line.trim().split(/\s+/)[1])).toEqual(verbs);
});

test("the demo's terminal shows its own words alone", async () => {
  const output = await run("node", ["--import", "tsx", join(root, "tests/e2e/demo.ts"), "nonsense"], { cwd: root });
  expect([output.code, output.stdout]).toEqual([2, ""]);
  expect(output.stderr).toMatch(/^IDP=nonsense: [^\n]*\n$/);
  const words = await run("node", ["--import", "tsx", "--input-type=module", "-e", `import { wordsGoTo } from "./tests/e2e/harness/provider_words.ts"; console.warn("oidc-provider WARNING: x"); wordsGoTo(process.argv[1]); console.info("oidc-provider NOTICE: y"); console.warn("mine")`, join(s.folder, "words.log")], { cwd: root });
  expect(words).toEqual({ code: 0, stdout: "", stderr: "mine\n" });
  expect(readFileSync(join(s.folder, "words.log"), "utf8")).toBe("oidc-provider WARNING: x\noidc-provider NOTICE: y\n");
});

test("the guide to one machine can be pasted as it is", async () => {
  const guide = readFileSync(join(root, "docs/guides/laptop.md"), "utf8"), port = await freePort(), managementPort = await freePort();
  const [prepare, serve] = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!.replaceAll("8443", String(port)).replaceAll("8081", String(managementPort)));
  const folder = join(s.folder, "laptop"), env = { ...process.env, PATH: `${dirname(openunisonProgram)}:${process.env.PATH}` };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const prepared = await run("/bin/sh", ["-e", "-c", prepare!], { cwd: folder, env });
  expect([prepared.code, prepared.stdout]).toEqual([0, expect.stringMatching(/Added alice to admins\.\nHer password: [0-9a-f]{16}\nvalues\.yaml: 0 errors, 0 warnings\n$/)]);
  const password = /^Her password: (.*)$/m.exec(prepared.stdout)![1]!;
  noteSecret("password", password);
  const there = join(folder, "openunison-try"), log = join(folder, "openunison.log");
  const program = start("openunison", "/bin/sh", ["-c", `cd '${there}' && exec ${serve}`], log, env);
  try {
    await waitFor("the portal", async () => (await fetch(`http://127.0.0.1:${managementPort}/readyz`)).ok, 20_000);
    const page = await new Visitor(readFileSync(join(there, "secrets/tls.crt"), "utf8")).signIn(`https://localhost:${port}`, "alice", password, "/profile");
    expect([page.status, page.body.includes("alice")]).toEqual([200, true]);
  } finally {
    await program.stop();
  }
});

test("systemd takes the unit without a word, and its command line is one of ours", async () => {
  const folder = join(s.folder, "unit"), unit = readFileSync(join(root, "deploy/systemd/openunison.service"), "utf8");
  const verify = async (text: string) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "openunison.service"), text);
    return run("systemd-analyze", ["verify", join(folder, "openunison.service")]);
  };
  const installed = unit.replace("/usr/local/bin/openunison", openunisonProgram);
  expect(await verify(installed)).toEqual({ code: 0, stdout: "", stderr: "" });
  expect((await verify(installed.replace("ProtectClock", "ProtectClok"))).stderr).toContain("ProtectClok");
  const words = /^ExecStart=\/usr\/local\/bin\/openunison (.*)$/m.exec(unit)![1]!.split(" ").map((word) => word.replace(/^\/(etc|var)\//, `${folder}/$1-`));
  const output = await openunison(...words);
  expect(output.code).toBe(1);
  expect(output.stderr).toContain(`${folder}/etc-openunison/values.yaml: No such file`);
});

// Who may not look must not be told to make a new key in place of the one that is there.
test("folders of somebody else are said to be that", async () => {
  const folder = join("/tmp", `openunison-e2e-${process.pid}`), program = join(folder, "openunison"), isRoot = process.getuid?.() === 0;
  // Root may look everywhere, and is somebody else for this; others shut themselves out.
  const asOther = (...args: string[]) => (isRoot ? run("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", program, ...args]) : run(program, args));
  const values = join(folder, "values.yaml"), hidden = join(folder, "hidden"), mine = join(folder, "mine");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  mkdirSync(hidden, { mode: 0o700 });
  mkdirSync(mine);
  try {
    for (const name of ["OU_MASTER_KEY", "tls.crt", "tls.key"]) {
      copyFileSync(join(portal.secrets, name), join(hidden, name));
      copyFileSync(join(portal.secrets, name), join(mine, name));
      chmodSync(join(mine, name), 0o644);
    }
    copyFileSync(portal.valuesFile, values);
    chmodSync(values, 0o644);
    copyFileSync(openunisonProgram, program);
    if (!isRoot) chmodSync(hidden, 0);
    for (const words of [["serve", "--secrets", hidden, "--state", join(folder, "state")], ["check", "--offline", "--secrets", hidden], ["serve", "--secrets", mine, "--state", hidden]]) {
      const output = await asOther(...words, "-f", values);
      expect(output.code).toBe(1);
      expect(output.stdout + output.stderr).toMatch(/hidden: (error: )?Permission denied; it belongs to the user with id \d+, and this runs as \d+/);
      expect(output.stdout + output.stderr).not.toMatch(/openssl rand|this is a bug/);
    }
    const sessions = await asOther("sessions", "list", "--state", hidden);
    expect(sessions.stderr).toMatch(/--state: .*hidden: Permission denied; it belongs to the user with id \d+/);
    expect(sessions.stderr).not.toContain("is openunison serve running");
  } finally {
    chmodSync(hidden, 0o700);
    rmSync(folder, { recursive: true, force: true });
  }
});

describe("check", () => {
  let site: OpenUnison;
  beforeEach(async () => {
    const folder = join(s.folder, "check");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    site = new OpenUnison({ ...portal.options, folder });
    await site.prepare();
    await site.addUser("dora", "password-of-dora", []);
  });
  const check = (...args: string[]) => openunison("check", "-f", site.valuesFile, "--secrets", site.secrets, ...args);
  const secret = (name: string) => join(site.secrets, name);
  const readable = (folder: string) => (existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder).map((name) => join(folder, name)) : []);

  test("says nothing of what is right", async () => {
    const output = await check();
    expect(output.stdout.replace(/^.*warning: oidc: .*\n/m, "")).toBe(`${site.valuesFile}: 0 errors, 1 warning\n`);
    expect(output.code).toBe(0);
  });

  const cases: [string, () => Promise<void> | void, RegExp, number][] = [
    ["a short master key", () => writeFileSync(secret("OU_MASTER_KEY"), "short", { mode: 0o600 }), /OU_MASTER_KEY: error: it must be 32 bytes/, 1],
    ["a former master key that is short", () => writeFileSync(secret("OU_MASTER_KEY.previous"), "short", { mode: 0o600 }), /OU_MASTER_KEY\.previous: error: it must be 32 bytes/, 1],
    ["a client's secret that is empty", () => {
      writeFileSync(site.valuesFile, readFileSync(site.valuesFile, "utf8").replace("openunison:\n", "openunison:\n  clients: [{client_id: grafana, redirect_uris: [\"https://grafana.example.com/\"]}]\n"));
      writeFileSync(secret("CLIENT_grafana"), "", { mode: 0o600 });
    }, /secrets\/CLIENT_grafana: error: it is empty; /, 1],
    ["a folder in the place of a certificate", () => {
      rmSync(secret("tls.crt"));
      mkdirSync(secret("tls.crt"));
    }, /secrets\/tls\.crt: error: it is a folder/, 1],
    ["an authority in trusted_certs that has expired", async () => {
      const folder = join(s.folder, "expired-authority");
      mkdirSync(folder, { recursive: true });
      const old = await (await Authority.create(folder, 100)).issue("old", "/CN=localhost");
      const pem = Buffer.from(readFileSync(old.cert)).toString("base64");
      writeFileSync(site.valuesFile, readFileSync(site.valuesFile, "utf8").replace("trusted_certs:\n", `trusted_certs:\n- {name: old, pem_b64: ${pem}}\n`));
    }, /values\.yaml: warning: trusted_certs\.old: a certificate in it has expired/, 0],
    ["a key of another certificate", async () => {
      const other = await s.authority.issue("other", "/CN=localhost");
      writeFileSync(secret("tls.key"), readFileSync(other.key));
    }, /tls\.key: error: the private key doesn't belong to the certificate in .*tls\.crt/, 1],
    ["a certificate for another host", () => {
      writeFileSync(site.valuesFile, readFileSync(site.valuesFile, "utf8").replace("openunison_host: localhost", "openunison_host: portal.example.com"));
    }, /tls\.crt: error: this certificate isn't for portal\.example\.com/, 1],
    ["a secret that everybody can read", () => chmodSync(secret("OU_MASTER_KEY"), 0o644), /OU_MASTER_KEY: warning: everybody on this machine/, 0],
    ["users that can't be read", () => writeFileSync(secret("users.yaml"), "users: [{name: 'system:x'}]\n"), /users\.yaml:1:\d+: error: /, 1],
    ["a file that isn't there", () => rmSync(secret("OU_MASTER_KEY")), /error: secrets: the secret file OU_MASTER_KEY is missing/, 1],
    ["a certificate that unison-ca doesn't vouch for", async () => {
      const folder = join(s.folder, "another-authority");
      mkdirSync(folder, { recursive: true });
      const authority = await Authority.create(folder);
      const other = await authority.issue("other", "/CN=localhost");
      for (const [name, from] of [["tls.crt", other.cert], ["tls.key", other.key]] as const) writeFileSync(secret(name), readFileSync(from), { mode: 0o600 });
    }, /tls\.crt: warning: kubectl will refuse it: trusted_certs' unison-ca, which kubeconfigs carry, doesn't vouch for it \(.+\)/, 0],
    ["a certificate that no machine trusts, without unison-ca", () => {
      writeFileSync(site.valuesFile, readFileSync(site.valuesFile, "utf8").replace("name: unison-ca", "name: some-ca"));
    }, /tls\.crt: warning: this machine doesn't trust it .* under the name unison-ca/, 0],
    ["values that can't be used, so that nobody knows which secrets are needed", () => appendFileSync(site.valuesFile, "nonsense: 1\n"), /warning: not looked at: which secrets are needed, the values say/, 1],
    ["a folder that isn't there", () => rmSync(site.secrets, { recursive: true }), /secrets: error: there is no folder .*mkdir -m 700/, 1],
    ["a file in its place", () => {
      rmSync(site.secrets, { recursive: true });
      writeFileSync(site.secrets, "");
    }, /secrets: error: .* is a file; a folder is needed/, 1],
    ["a secret that is empty", () => writeFileSync(secret("OU_MASTER_KEY"), "\n"), /OU_MASTER_KEY: error: it is empty; /, 1],
    ["users that were lost", () => writeFileSync(secret("users.yaml"), ""), /users\.yaml: error: it is empty, so nobody can sign in with it/, 1],
    ["users of whom there are none", () => writeFileSync(secret("users.yaml"), "users: []\n"), /users\.yaml: warning: there is nobody in it/, 0],
    ["users of whom none may sign in", () => {
      writeFileSync(site.valuesFile, readFileSync(site.valuesFile, "utf8").replace("openunison:\n", "openunison:\n  az_groups: [k8s-users]\n"));
    }, /users\.yaml: warning: nobody in it can sign in: signing in here needs the group k8s-users \(openunison\.az_groups\)/, 0],
    ["a certificate that has expired", async () => {
      const folder = join(s.folder, "old-authority");
      mkdirSync(folder, { recursive: true });
      const old = await (await Authority.create(folder, 100)).issue("old", "/CN=localhost");
      for (const [name, from] of [["tls.crt", old.cert], ["tls.key", old.key]] as const) writeFileSync(secret(name), readFileSync(from), { mode: 0o600 });
    }, /tls\.crt: error: a certificate in it has expired on 20/, 1],
    ["a certificate that expires soon", async () => {
      const folder = join(s.folder, "soon-authority");
      mkdirSync(folder, { recursive: true });
      const soon = await (await Authority.create(folder, 25)).issue("soon", "/CN=localhost");
      for (const [name, from] of [["tls.crt", soon.cert], ["tls.key", soon.key]] as const) writeFileSync(secret(name), readFileSync(from), { mode: 0o600 });
    }, /tls\.crt: warning: a certificate in it expires soon, on 20/, 0],
    ["a client's secret that is short", () => {
      writeFileSync(site.valuesFile, readFileSync(site.valuesFile, "utf8").replace("openunison:\n", "openunison:\n  clients: [{client_id: grafana, redirect_uris: [\"https://grafana.example.com/\"]}]\n"));
      writeFileSync(secret("CLIENT_grafana"), "fifteen-letters\n", { mode: 0o600 });
    }, /secrets\/CLIENT_grafana: warning: it has less than 16 characters/, 0],
    ["a key that is none", () => writeFileSync(secret("tls.key"), "garbage"), /tls\.key: error: there is no unencrypted private key/, 1],
  ];
  test("looks at the signing keys, and says when a server is using the state", async () => {
    cpSync(portal.state, site.state, { recursive: true, filter: (from) => !from.endsWith(".sock") });
    const looked = () => check("--offline", "--state", site.state);
    expect((await looked()).stdout).toMatch(/keys\.sealed: error: the signing keys don't open with OU_MASTER_KEY/);
    copyFileSync(join(portal.secrets, "OU_MASTER_KEY"), secret("OU_MASTER_KEY"));
    expect((await looked()).stdout).toMatch(/: 0 errors/);
    for (const name of ["", "-wal", "-shm"]) rmSync(join(site.state, `sessions.db${name}`), { force: true });
    expect((await looked()).stdout).toMatch(/sessions\.db: warning: the session database is gone; `serve` will end all sessions/);
    copyFileSync(secret("tls.crt"), join(site.state, "sessions.db"));
    expect((await looked()).stdout).toMatch(/sessions\.db: error: (?!.*sessions\.db).*this file isn't an SQLite database; restore it/);
    truncateSync(join(site.state, "keys.sealed"), 100);
    expect((await looked()).code).toBe(1);
    const used = await openunison("check", "-f", portal.valuesFile, "--secrets", portal.secrets, "--offline", ...state());
    expect([used.code, used.stdout]).toEqual([1, expect.stringMatching(/sessions\.db: error: a server is using it; stop that one/)]);
  });

  for (const [name, spoil, expected, code] of cases) {
    test(`finds ${name}`, async () => {
      await spoil();
      const output = await check();
      expect(output.stdout).toMatch(expected);
      expect(output.code).toBe(code);
      // What a program takes for the file is one.
      const { problems } = JSON.parse((await check("--output", "json")).stdout) as { problems: { file: string; message: string }[] };
      for (const { file, message } of problems) {
        expect([site.valuesFile, site.secrets, ...readable(site.secrets)]).toContain(file);
        expect(message.startsWith(file)).toBe(false);
      }
    });
  }

  test("a folder in the place of the values file is said", async () => {
    const output = await openunison("check", "-f", s.folder);
    expect([output.code, output.stdout]).toEqual([1, ""]);
    expect(output.stderr).toContain("is a folder");
  });

  test("asks the identity provider, unless offline", async () => {
    const upstream = (issuer: string) => {
      site = new OpenUnison({ ...portal.options, folder: site.options.folder, upstream: { issuer, clientSecret: "x" } });
      return site.prepare();
    };
    await upstream(s.upstream.issuer);
    expect((await check()).stdout).toMatch(/: 0 errors, \d+ warnings?\n$/);
    await upstream(`https://localhost:${await freePort()}`);
    const away = await check();
    expect(away.stdout).toMatch(/error: oidc: the identity provider can't be reached: (?!.*can't be reached).*--offline/);
    expect(away.code).toBe(1);
    expect((await check("--offline")).code).toBe(0);
    await upstream(`${s.upstream.issuer}/nothing-here`);
    expect((await check()).stdout).toMatch(/error: oidc: .*\(--offline leaves this check out\)/);
  });

  test("asks the issuers of workloads for their keys, and only warns of those that don't answer", async () => {
    const workload = (name: string, issuer: string) => `- {name: ${name}, issuer: "${issuer}", audience: ou, subjects: ["a:*"], username_prefix: "${name}:", clusters: [demo]}`;
    site = new OpenUnison({ ...portal.options, folder: site.options.folder, openunisonExtra: `workloads:\n${workload("here", s.pipelines.issuer)}\n${workload("away", `https://localhost:${await freePort()}`)}` });
    await site.prepare();
    const asked = await check();
    expect(asked.stdout).toMatch(/warning: openunison\.workloads: away: the keys of the token's issuer can't be had: .*--offline/);
    expect(asked.stdout).not.toContain("here:");
    expect(asked.code).toBe(0);
    expect((await check("--offline")).stdout).not.toContain("away:");
  });

  test("--output json has the same problems; --print-schema is JSON Schema", async () => {
    writeFileSync(secret("OU_MASTER_KEY"), randomBytes(3));
    const { problems } = JSON.parse((await check("--output", "json")).stdout) as { problems: Record<string, unknown>[] };
    expect(problems.find((problem) => problem.severity === "error")).toMatchObject({ file: secret("OU_MASTER_KEY") });
    const schema = JSON.parse((await openunison("check", "--print-schema")).stdout) as { properties: object };
    expect(schema.properties).toHaveProperty("network");
  });
});
