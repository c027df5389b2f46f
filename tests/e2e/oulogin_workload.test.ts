// SPDX-License-Identifier: Apache-2.0
//
// `kubectl oulogin --token-file` as jobs use it: with the token of a service account of the real API server, or of a CI service, the
// real plugin and kubectl. Nobody is signed in, and no browser is there.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, beforeEach, describe, expect, test } from "vitest";

import { Desk } from "./harness/oulogin.ts";
import { root } from "./harness/paths.ts";
import { run } from "./harness/process.ts";
import { noteSecret } from "./harness/secrets.ts";
import { metric, stack, type Stack } from "./harness/stack.ts";

let s: Stack, desk: Desk, host: string, file: string;
beforeAll(async () => {
  s = await stack();
  host = new URL(s.portal.portal).host;
  const role = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:service-account-issuer-discovery" };
  await s.cluster.apply(
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: "keys-for-everybody" }, roleRef: role, subjects: [{ kind: "Group", name: "system:unauthenticated", apiGroup: "rbac.authorization.k8s.io" }] },
    ...["ci", "other"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  );
  await s.cluster.apply(...[["builder", "ci"], ["deployer", "ci"], ["builder", "other"]].map(([name, namespace]) => ({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } })));
});
beforeEach(() => {
  desk = new Desk(s);
  desk.more = { CI: "true", DISPLAY: "", BROWSER: "" };
  file = join(desk.home, "volume/token");
  mkdirSync(join(desk.home, "volume"));
});

/** As a projected volume has it. */
async function jobToken(name = "builder", namespace = "ci", audience = "openunison"): Promise<string> {
  const made = await s.cluster.admin(["create", "token", name, "--namespace", namespace, "--duration", "10m", "--audience", audience]);
  expect(made.code, made.stderr).toBe(0);
  noteSecret("token", made.stdout.trim());
  return made.stdout.trim();
}
/** A projected volume: the file is behind two links, and a new one takes its place by moving one of them. */
let generation = 0;
function project(token: string): void {
  const data = `..generation-${(generation += 1)}`;
  mkdirSync(join(desk.home, "volume", data));
  writeFileSync(join(desk.home, "volume", data, "token"), token, { mode: 0o600 });
  symlinkSync(data, join(desk.home, "volume/..data_tmp"));
  renameSync(join(desk.home, "volume/..data_tmp"), join(desk.home, "volume/..data"));
  if (!existsSync(file)) symlinkSync("..data/token", file);
}
const logIn = (...more: string[]) => desk.oulogin([`--host=${host}`, `--token-file=${file}`, `--certificate-authority=${s.authority.caFile}`, ...more]);
const getToken = (cluster = "demo") => desk.oulogin(["get-token", `--host=${host}`, `--cluster=${cluster}`, `--token-file=${file}`, `--certificate-authority=${s.authority.caFile}`]);
const whoami = async () => /Username\s+(\S+)/.exec((await desk.kubectl(["auth", "whoami"])).stdout)?.[1];
const exchanges = () => metric(s, "openunison_tokens_issued_total", 'client="kubernetes",grant="workload"');
const builder = "job:system:serviceaccount:ci:builder";

describe("a job in the cluster", () => {
  test("learns its cluster with the token of its service account, and runs kubectl", async () => {
    project(await jobToken());
    const output = await logIn();
    expect([output.code, output.stdout], output.stderr).toEqual([0, ""]);
    expect(output.stderr).toContain(`it is ${builder} in the cluster demo`);
    expect(await whoami()).toBe(builder);
    expect((await desk.kubectl(["get", "pods"])).stdout).toContain("web");
    expect((await desk.kubectl(["get", "secrets"])).stderr).toContain(`User "${builder}" cannot list resource "secrets"`);
    // kubectl has its standard input for itself.
    const manifest = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } });
    const applied = await run("sh", ["-c", `echo '${manifest}' | '${s.tools}/kubectl' create --dry-run=client -o name -f -`], { env: desk.environment() });
    expect(applied.stdout).toBe("configmap/x\n");
    const config = readFileSync(desk.config, "utf8");
    expect(config).toContain(`--token-file=${file}`);
    expect(config).toMatch(/interactiveMode: "?Never/);
    expect(config).not.toMatch(/\btoken:|eyJ/);
    expect(desk.opened).toEqual([]);
  });

  test("twenty kubectl at once, over the end of a token: none fails, one exchange", async () => {
    project(await jobToken());
    await logIn();
    expect(await whoami()).toBe(builder);
    for (let round = 0; round < 3; round += 1) {
      desk.age(60);
      const before = await exchanges();
      const all = await Promise.all(Array.from({ length: 20 }, () => desk.kubectl(["get", "--raw", "/version"])));
      expect(all.filter((each) => each.code !== 0).map((each) => each.stderr)).toEqual([]);
      expect((await exchanges()) - before).toBe(1);
    }
  });

  test("a token that takes the place of another counts at once, and nobody gets what was kept for the former", async () => {
    project(await jobToken());
    await logIn();
    expect(await whoami()).toBe(builder);
    const before = await exchanges();
    expect(await whoami()).toBe(builder);
    expect(await exchanges()).toBe(before);
    project(await jobToken());
    expect(await whoami()).toBe(builder);
    expect((await exchanges()) - before).toBe(1);
    project(await jobToken("deployer"));
    expect(await whoami()).toBe("job:system:serviceaccount:ci:deployer");
    project(await jobToken("builder", "other"));
    const refused = await desk.kubectl(["auth", "whoami"]);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
  });

  test("what can't be kept is exchanged each time, and status says so", async () => {
    project(await jobToken());
    const kubeconfig = join(desk.home, "elsewhere.yaml");
    for (const [without, note] of [[{ HOME: undefined }, "names a folder for it"], [{ XDG_STATE_HOME: "/proc" }, "can't be made"]] as const) {
      desk.more = { CI: "true", ...without };
      expect((await logIn(`--kubeconfig=${kubeconfig}`)).code).toBe(0);
      const before = await exchanges();
      for (let i = 0; i < 2; i += 1) {
        const given = await desk.kubectl(["auth", "whoami"], kubeconfig);
        expect(given.stdout, given.stderr).toContain(builder);
      }
      expect((await exchanges()) - before).toBe(2);
      const status = await desk.oulogin(["status", `--host=${host}`, `--token-file=${file}`, `--certificate-authority=${s.authority.caFile}`]);
      expect([status.code, status.stdout]).toEqual([0, expect.stringContaining(note)]);
      expect(status.stdout).toContain(`cluster demo: ${s.cluster.server}, as ${builder}`);
    }
    expect(existsSync(join(desk.home, ".local"))).toBe(false);
  });

  test("the script of the guide's Job works as it stands there", async () => {
    project(await jobToken());
    const guide = readFileSync(join(root, "docs/guides/ci.md"), "utf8");
    const lines = /args:\n *- \|\n((?: {10}\S.*\n)+)/.exec(guide)?.[1]?.replaceAll(/^ {10}/gm, "") ?? "";
    expect(lines.split("\n")).toHaveLength(4);
    const script = lines.replaceAll("k8sou.example.com", host).replaceAll("/var/run/secrets/openunison/token", file);
    desk.more = { KUBERNETES_SERVICE_HOST: "10.0.0.1", HOME: undefined, KUBECONFIG: join(desk.home, "kubeconfig"), SSL_CERT_FILE: s.authority.caFile };
    const done = await run("sh", ["-ec", script], { env: desk.environment(), cwd: desk.home });
    expect(done.code, done.stderr).toBe(0);
    expect(done.stdout).toMatch(new RegExp(`Username\\s+${builder}[^]*web`));
  });

  test("a folder that others can read keeps nothing", async () => {
    project(await jobToken());
    const folder = join(desk.state, encodeURIComponent(host).replace("%3A", "_"));
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    expect((await getToken()).code).toBe(0);
    expect(desk.stateFiles()).toEqual([]);
  });
});

describe("a workflow of a CI service", () => {
  const workflow = (claims: Record<string, unknown> = {}) => s.pipelines.token({ sub: "repo:org/app:main", aud: "openunison", protected: "true", ...claims });
  const write = (text: string) => writeFileSync(file, text, { mode: 0o600 });

  test("gets the cluster of its entry", async () => {
    write(`${workflow()}\n`);
    expect((await logIn("--context=release")).code).toBe(0);
    expect((await desk.kubectl(["config", "current-context"])).stdout.trim()).toBe("release");
    expect(await whoami()).toContain("pipeline:repo:org/app:main");
  });

  test("what is wrong with its token is one line that says what, where and what to do, and nothing is written", async () => {
    const now = Math.floor(Date.now() / 1000);
    const cases: [string, () => string, RegExp][] = [
      ["issuer", () => workflow({ iss: "https://127.0.0.1:1" }), /doesn't take the token in .*volume\/token: .*issuer \(iss\).*https:\/\/127\.0\.0\.1:1; .*whoever runs the portal/],
      ["audience", () => workflow({ aud: "sts.amazonaws.com" }), /its audience \(aud\) is sts\.amazonaws\.com.*openunison\.workloads/],
      ["subject", () => workflow({ sub: "repo:evil/app:main" }), /its subject \(sub\) is repo:evil\/app:main/],
      ["claim", () => workflow({ protected: "false" }), /its claim protected isn't/],
      ["expired", () => workflow({ exp: now - 5 }), /expired; whatever writes that file has to renew it/],
      ["forged", () => `${workflow().split(".").slice(0, 2).join(".")}.${"A".repeat(86)}`, /doesn't take the token/],
      ["empty", () => "\n", /it is empty/],
      ["huge", () => "x".repeat(20_000), /larger than any token/],
      ["no token", () => "hunter2", /holds no signed token/],
      ["JSON", () => JSON.stringify({ value: workflow() }), /it holds JSON instead of the token alone/],
      ["cut", () => workflow().replace(/[^.]*$/, ""), /isn't signed, or was cut off/],
    ];
    for (const [name, make, says] of cases) {
      write(make());
      for (const output of [await logIn(), await getToken("second")]) {
        expect([name, output.code, output.stdout, output.stderr]).toEqual([name, 1, "", expect.stringMatching(says)]);
        expect(output.stderr).toMatch(/^kubectl-oulogin: .*\n$/);
        expect(output.stderr).not.toContain("eyJ");
      }
    }
    rmSync(file);
    expect((await getToken("second")).stderr).toMatch(/^kubectl-oulogin: --token-file=.*there is no such file.*\n$/);
    symlinkSync("/dev/zero", file);
    expect((await getToken("second")).stderr).toMatch(/no regular file/);
    rmSync(file);
    await run("mkfifo", [file]);
    expect((await getToken("second")).stderr).toMatch(/no regular file/);
    expect(existsSync(desk.config)).toBe(false);
    expect(desk.opened).toEqual([]);
  });

  test("it isn't let into another cluster, and is told which ones", async () => {
    write(workflow());
    const refused = await getToken("demo");
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/lets repo:org\/app:main into second, and not into demo/)]);
    expect((await logIn("--cluster=demo")).stderr).toMatch(/--cluster=demo: .* into second/);
  });

  test("a file that everybody can read is named; used together with what is for people it is refused", async () => {
    writeFileSync(file, workflow());
    chmodSync(file, 0o644);
    const open = await logIn();
    expect([open.code, open.stderr]).toEqual([0, expect.stringContaining("chmod 600")]);
    chmodSync(file, 0o600);
    expect((await logIn()).stderr).not.toContain("chmod");
    for (const flag of ["--device", "--auth-provider", "--browser=desktop", "--username=x", "--storage=file"])
      expect(await logIn(flag)).toMatchObject({ code: 2, stderr: expect.stringMatching(/is for people/) as string });
  });

  test("status and logout know what it has", async () => {
    write(workflow());
    await logIn();
    const listed = await desk.oulogin(["status"]);
    expect([listed.code, listed.stdout]).toEqual([0, expect.stringContaining(`token for second by ${file}: `)]);
    expect(desk.stateFiles()).toHaveLength(1);
    expect((await desk.oulogin(["logout"])).code).toBe(0);
    expect(desk.stateFiles()).toEqual([]);
    expect((await desk.oulogin(["logout", "--purge"])).code).toBe(0);
    expect(readFileSync(desk.config, "utf8")).not.toContain("get-token");
  });
});
