// SPDX-License-Identifier: Apache-2.0
//
// Kubeconfigs that our programs change, read by the real kubectl: every other entry means to it what it meant before, a change goes
// to the file that kubectl would change, and both can write at the same time.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { foundTools, pinnedTools, root } from "./harness/paths.ts";
import { must, run, type Output } from "./harness/process.ts";

const build = join(root, "build/release");
const tool = join(build, "bin/kubeconfig_tool");
const good = join(root, "tests/data/kube/good");
const odd = readdirSync(good).sort();

let kubectl: string;
let folder: string;

beforeAll(async () => {
  await must("ninja", ["-C", build, "kubeconfig_tool"], { timeout: 170_000 });
  const tools = existsSync(join(pinnedTools, "kubectl")) ? pinnedTools : await foundTools();
  if (!tools) throw new Error("there is no kubectl; tools/cluster_tools builds it");
  kubectl = join(tools, "kubectl");
  folder = mkdtempSync(join(tmpdir(), "openunison-kubeconfig-"));
});
afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const environment = (kubeconfig?: string): NodeJS.ProcessEnv => ({ HOME: folder, PATH: "/usr/bin:/bin", ...(kubeconfig ? { KUBECONFIG: kubeconfig } : {}) });
const kubectlConfig = (args: string[], kubeconfig: string): Promise<Output> => run(kubectl, ["config", ...args], { env: environment(kubeconfig), cwd: folder });

interface Named {
  name: string;
}
interface View {
  clusters: Named[] | null;
  users: Named[] | null;
  contexts: Named[] | null;
  "current-context": string;
  [more: string]: unknown;
}
/** What kubectl reads; numbers as they are written, since two of them can be one to JavaScript. */
async function view(kubeconfig: string): Promise<View> {
  const text = await must(kubectl, ["config", "view", "--raw", "-o", "json"], { env: environment(kubeconfig), cwd: folder });
  const exact = (_key: string, value: unknown, context?: { source?: string }) => (typeof value === "number" ? `number ${context?.source}` : value);
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}
const change = (kubeconfig: string, what: object) => run(tool, ["apply"], { env: environment(kubeconfig), input: JSON.stringify(what), cwd: folder });
async function mustChange(kubeconfig: string, what: object): Promise<string[]> {
  const output = await change(kubeconfig, what);
  expect(output.stderr).toBe("");
  return JSON.parse(output.stdout);
}

const signIn = (name: string) => ({
  clusters: [{ name, server: `https://${name}.example.com:6443`, ca: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" }],
  exec_users: [{
    name: `ada@${name}`, command: "/usr/local/bin/kubectl-oulogin", args: ["get-token", "--host=k8sou.example.com", `--cluster=${name}`],
    env: [{ name: "A", value: "1e3" }], install_hint: "Install kubectl-oulogin:\n  kubectl krew install oulogin\n",
  }],
  contexts: [{ name, cluster: name, user: `ada@${name}`, namespace: "true" }],
  current_context: name,
});
const signOut = (name: string) => ({ remove_clusters: [name], remove_users: [`ada@${name}`], remove_contexts: [name], current_context: "" });

/** A view without our entries and without what says which is the current one. */
function others({ "current-context": _, ...seen }: View, name: string): object {
  const rest: Record<string, unknown> = { ...seen };
  for (const list of ["clusters", "users", "contexts"] as const) {
    rest[list] = (seen[list] ?? []).filter((entry) => entry.name !== name && entry.name !== `ada@${name}`);
  }
  return rest;
}

test.each(odd)("%s: what isn't ours means the same to kubectl", async (name) => {
  const file = join(folder, name);
  copyFileSync(join(good, name), file);
  const before = await view(file);

  const whole = join(folder, `whole-${name}`);
  writeFileSync(whole, await must(tool, ["emit", file]));
  expect(await view(whole)).toEqual(before);

  expect(await mustChange(file, signIn("new"))).toEqual([file]);
  const after = await view(file);
  expect(others(after, "new")).toEqual(others(before, "new"));
  expect(after["current-context"]).toBe("new");
  const ours = <List extends "clusters" | "users" | "contexts">(list: List, entry: string) => after[list]!.find((each) => each.name === entry);
  expect(ours("clusters", "new")).toEqual({
    name: "new", cluster: { server: "https://new.example.com:6443", "certificate-authority-data": Buffer.from(signIn("new").clusters[0]!.ca).toString("base64") },
  });
  expect(ours("users", "ada@new")).toEqual({
    name: "ada@new",
    user: {
      exec: {
        apiVersion: "client.authentication.k8s.io/v1", command: "/usr/local/bin/kubectl-oulogin",
        args: ["get-token", "--host=k8sou.example.com", "--cluster=new"], env: [{ name: "A", value: "1e3" }],
        installHint: "Install kubectl-oulogin:\n  kubectl krew install oulogin\n", interactiveMode: "IfAvailable", provideClusterInfo: false,
      },
    },
  });
  expect(ours("contexts", "new")).toEqual({ name: "new", context: { cluster: "new", user: "ada@new", namespace: "true" } });
  expect(await mustChange(file, signIn("new"))).toEqual([]);

  // kubectl writes it in its own way, which is as good to us as ours.
  expect((await kubectlConfig(["set-context", "theirs", "--cluster=x"], file)).code).toBe(0);
  expect(await mustChange(file, signIn("new"))).toEqual([]);
  await mustChange(file, { ...signOut("new"), remove_contexts: ["new", "theirs"] });
  const gone = await view(file);
  expect(others(gone, "new")).toEqual(others(before, "new"));
  expect(gone["current-context"]).toBe("");
});

test("kubectl's built-in form is what kubectl config set-credentials writes", async () => {
  const [ours, theirs] = ["form-ours", "form-theirs"].map((name) => join(folder, name));
  await mustChange(ours!, { auth_provider_users: [{ name: "ada", issuer: "https://k8sou.example.com/auth/idp/k8sIdp", client_id: "kubernetes", refresh_token: "0x1f", ca: "PEM\n" }] });
  const settings = ["idp-issuer-url=https://k8sou.example.com/auth/idp/k8sIdp", "client-id=kubernetes", "refresh-token=0x1f", "id-token=", `idp-certificate-authority-data=${Buffer.from("PEM\n").toString("base64")}`];
  expect((await kubectlConfig(["set-credentials", "ada", "--auth-provider=oidc", ...settings.map((setting) => `--auth-provider-arg=${setting}`)], theirs!)).code).toBe(0);
  expect((await view(ours!)).users).toEqual((await view(theirs!)).users);
});

// One change, by kubectl in a folder and by ours in its copy: of which files it made or changed the content.
interface Placed {
  what: string;
  files: Record<string, string>;
  list: string[];
  kubectl: string[];
  ours: object;
  changed: string[];
}
const entry = (kind: "cluster" | "user" | "context", name: string, value = "{}") => `${kind}s:\n- name: ${name}\n  ${kind}: ${value}\n`;
const newCluster = { clusters: [{ name: "new", server: "https://new" }] };
const setCluster = ["set-cluster", "new", "--server=https://new"];
const placed: Placed[] = [
  { what: "a new entry, no file", files: {}, list: ["a", "b"], kubectl: setCluster, ours: newCluster, changed: ["b"] },
  { what: "a new entry, one file of none", files: {}, list: ["sub/a"], kubectl: setCluster, ours: newCluster, changed: ["sub/a"] },
  { what: "a new entry, the second exists", files: { b: entry("user", "u") }, list: ["a", "b", "c"], kubectl: setCluster, ours: newCluster, changed: ["b"] },
  { what: "a new entry, both exist", files: { a: entry("user", "u"), b: entry("user", "v") }, list: ["a", "b"], kubectl: setCluster, ours: newCluster, changed: ["a"] },
  { what: "a new entry, an empty file", files: { a: "", b: entry("user", "v") }, list: ["a", "b"], kubectl: setCluster, ours: newCluster, changed: ["a"] },
  { what: "an entry of the second", files: { a: entry("user", "u"), b: entry("cluster", "new", "{server: 'https://old'}") }, list: ["a", "b"], kubectl: setCluster, ours: newCluster, changed: ["b"] },
  { what: "an entry of both", files: { a: entry("cluster", "new"), b: entry("cluster", "new") }, list: ["b", "a"], kubectl: setCluster, ours: newCluster, changed: ["b"] },
  { what: "doubles and empty parts", files: { b: entry("user", "u") }, list: ["b", "", "b"], kubectl: setCluster, ours: newCluster, changed: ["b"] },
  { what: "the current context, set by none", files: { a: entry("user", "u"), b: entry("context", "x") }, list: ["a", "b"], kubectl: ["use-context", "x"], ours: { current_context: "x" }, changed: ["a"] },
  { what: "the current context, set by the second", files: { a: entry("user", "u"), b: `${entry("context", "x")}current-context: z\n` }, list: ["a", "b"], kubectl: ["use-context", "x"], ours: { current_context: "x" }, changed: ["a"] },
  { what: "the current context, as it is", files: { a: entry("user", "u"), b: `${entry("context", "x")}current-context: x\n` }, list: ["a", "b"], kubectl: ["use-context", "x"], ours: { current_context: "x" }, changed: [] },
  { what: "no current context, set by the second", files: { a: entry("user", "u"), b: "current-context: x\n", c: "current-context: z\n" }, list: ["a", "b", "c"], kubectl: ["unset", "current-context"], ours: { current_context: "" }, changed: ["b"] },
  { what: "an entry of both removed", files: { a: entry("context", "x"), b: entry("context", "x") }, list: ["a", "b"], kubectl: ["delete-context", "x"], ours: { remove_contexts: ["x"] }, changed: ["a"] },
  { what: "a context of the second", files: { a: entry("context", "z"), b: entry("context", "x", "{cluster: c, user: u, namespace: kept}") }, list: ["a", "b"], kubectl: ["set-context", "x", "--cluster=d", "--user=v"], ours: { contexts: [{ name: "x", cluster: "d", user: "v" }] }, changed: ["b"] },
];

test.each(placed)("where kubectl writes: $what", async ({ what, files, list, kubectl: arguments_, ours, changed }) => {
  const both = ["kubectl", "ours"].map((who) => join(folder, `placed-${what.replaceAll(/\W/g, "-")}`, who));
  const before = new Map<string, View>();
  for (const where of both) {
    mkdirSync(where, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(where, name), text);
  }
  for (const name of Object.keys(files)) before.set(name, await view(join(both[0]!, name)));
  const listOf = (where: string) => list.map((name) => name && join(where, name)).join(":");
  const output = await kubectlConfig(arguments_, listOf(both[0]!));
  expect(output.code, output.stderr).toBe(0);
  expect((await mustChange(listOf(both[1]!), ours)).map((file) => file.slice(both[1]!.length + 1))).toEqual(changed);
  // The same files, which mean the same.
  const present = (where: string) => readdirSync(where, { recursive: true }).map(String).sort();
  expect(present(both[1]!)).toEqual(present(both[0]!));
  const different: string[] = [];
  for (const name of new Set([...Object.keys(files), ...changed])) {
    const [theirs, mine] = [await view(join(both[0]!, name)), await view(join(both[1]!, name))];
    expect(mine, name).toEqual(theirs);
    if (!before.has(name) || JSON.stringify(theirs) !== JSON.stringify(before.get(name))) different.push(name);
  }
  expect(different).toEqual(changed);
});

test("a list is merged as kubectl merges it", async () => {
  const files = ["kubectl.yaml", "unknown.yaml", "comments.yaml", "anchors.yaml", "flow.yaml", "nulls.yaml"].map((name) => join(good, name));
  for (const list of [files, files.toReversed(), [join(folder, "missing"), ...files]]) {
    const theirs = await view(list.join(":"));
    const ours = JSON.parse(await must(tool, ["read"], { env: environment(list.join(":")), cwd: folder }));
    expect(ours.current_context).toBe(theirs["current-context"]);
    for (const kind of ["clusters", "users", "contexts"] as const) {
      expect(ours[kind].map((each: Named) => each.name).sort()).toEqual((theirs[kind] ?? []).map((each) => each.name).sort());
    }
    for (const { name, cluster } of theirs.clusters as unknown as { name: string; cluster: Record<string, string> }[]) {
      const mine = ours.clusters.find((each: Named) => each.name === name);
      expect(mine.server, name).toBe(cluster.server ?? "");
      expect(mine.insecure, name).toBe(cluster["insecure-skip-tls-verify"] ?? false);
      expect(mine.ca_file, name).toBe(cluster["certificate-authority"] ? join(good, basename(cluster["certificate-authority"])) : "");
    }
    for (const { name, context } of theirs.contexts as unknown as { name: string; context: Record<string, string> }[]) {
      const mine = ours.contexts.find((each: Named) => each.name === name);
      expect([mine.cluster, mine.user, mine.namespace], name).toEqual([context.cluster ?? "", context.user ?? "", context.namespace ?? ""]);
    }
  }
});

// kubectl reads, then locks, and then takes what it hadn't read for removed: what ours has written in between it may remove again
// (client-go's ModifyConfig). The other way round nothing is lost, and no file is ever half-written.
test("kubectl and ours write at the same time: ours loses nothing of kubectl's", async () => {
  const file = join(folder, "at-the-same-time");
  copyFileSync(join(good, "kubectl.yaml"), file);
  const before = await view(file);
  const taken: string[] = [];
  const theirs = async () => {
    for (let i = 0; i < 30; ++i) {
      const { code, stderr } = await kubectlConfig(["set-context", `k-${i}`, "--cluster=kubernetes"], file);
      // It waits for no lock; and fails for nothing else.
      if (code !== 0) expect(stderr).toContain(".lock: file exists");
      else taken.push(`k-${i}`);
    }
  };
  const ours = async (who: string) => {
    for (let i = 0; i < 20; ++i) await mustChange(file, signIn(`${who}-${i}`));
  };
  await Promise.all([theirs(), ours("o"), ours("p")]);
  await mustChange(file, signIn("last"));
  const after = await view(file);
  const contexts = after.contexts!.map((each) => each.name);
  expect(taken.length).toBeGreaterThan(0);
  expect(contexts).toEqual(expect.arrayContaining(taken));
  expect(contexts).toContain("last");
  for (const list of ["clusters", "users", "contexts"] as const) expect(after[list]).toEqual(expect.arrayContaining(before[list]!));
  expect(existsSync(`${file}.lock`)).toBe(false);
  console.log(`kubectl wrote ${taken.length} of 30 contexts, and left ${contexts.filter((name) => /^[op]-/.test(name)).length} of 40 of ours`);
});

test("kubectl reads whole files only while ours writes", async () => {
  const file = join(folder, "while-it-is-written");
  copyFileSync(join(good, "kubectl.yaml"), file);
  let writing = true;
  let reads = 0;
  const reader = (async () => {
    while (writing) {
      const output = await run(kubectl, ["config", "view", "--raw", "-o", "jsonpath={.users[?(@.name==\"kubernetes-admin\")].name}"], { env: environment(file) });
      expect([output.code, output.stdout]).toEqual([0, "kubernetes-admin"]);
      ++reads;
    }
  })();
  for (let i = 0; i < 30; ++i) await mustChange(file, i % 2 ? signOut("x") : signIn("x"));
  writing = false;
  await reader;
  expect(reads).toBeGreaterThan(3);
});

// What kubectl doesn't read we don't mend silently; and where we are stricter it is on purpose.
test("broken files are refused, and left as they are", async () => {
  const broken = join(root, "tests/data/kube/broken");
  // Two documents, and a key given twice: kubectl reads one of them, other programs the other. UTF-16: we don't write it.
  const stricter = new Set(["two_documents.yaml", "same_key_twice.yaml", "utf16.yaml"]);
  for (const name of readdirSync(broken)) {
    const file = join(folder, `broken-${name}`);
    copyFileSync(join(broken, name), file);
    const theirs = await run(kubectl, ["config", "view"], { env: environment(file) });
    expect(theirs.code === 0, name).toBe(stricter.has(name));
    const output = await change(file, signIn("new"));
    expect(output.code, name).toBe(1);
    expect(output.stderr).toMatch(new RegExp(`^${file}:\\d+:\\d+: .*; mend the file, or move it away and sign in again\n$`));
    expect(readFileSync(file)).toEqual(readFileSync(join(broken, name)));
    expect(existsSync(`${file}.lock`), name).toBe(false);
  }
});
