// SPDX-License-Identifier: Apache-2.0
//
// What stays open while tokens run out: `kubectl proxy`, `get -w`, and the informer behind `rollout status`, over three expiries,
// beside calls that rotate refresh tokens on other sessions, on copies of a kubeconfig and on the very same file. Tokens live
// 20 s here, of which kubectl uses ten, and a replaced refresh token is good for five more.
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { Machine } from "./harness/kubectl.ts";
import { pinnedTools } from "./harness/paths.ts";
import { sleep, start, waitFor, type Program } from "./harness/process.ts";
import { VariantStack, type Variant } from "./harness/variants.ts";

const tokenLife = 20_000;
const kubectlUses = 10_000;  // it renews a token ten seconds before its end
let s: VariantStack;
let variant: Variant;
beforeAll(async () => {
  s = await VariantStack.shared();
  variant = await s.variant({ authentication: `token_life_seconds: ${tokenLife / 1000}` });
});
afterAll(async () => s?.stopVariant());

interface Open {
  program: Program;
  log: () => string;
}

function open(machine: Machine, args: string[]): Open {
  const file = join(machine.home, `${args[0]}.log`);
  return { program: start(args[0]!, join(pinnedTools, "kubectl"), args, file, machine.environment()), log: () => readFileSync(file, "utf8") };
}

/** `kubectl proxy`, and what it answers for the list of namespaces. */
async function openProxy(machine: Machine): Promise<Open & { status: () => Promise<number> }> {
  const proxy = open(machine, ["proxy", "--port=0"]);
  const port = await waitFor("kubectl proxy to serve", async () => /127\.0\.0\.1:(\d+)/.exec(proxy.log())?.[1], 10_000);
  return { ...proxy, status: async () => (await fetch(`http://127.0.0.1:${port}/api/v1/namespaces`)).status };
}

const machineOf = async (user: string) => (await variant.person(user)).machine;
const tokensOf = (session: unknown) => variant.portal.audit().filter((line) => line.event === "token" && line.session === session);

test("what is left open goes on, and nobody beside it needs to sign in again", async () => {
  await s.cluster.apply({
    apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "slow", namespace: "default" },
    spec: { replicas: 1, selector: { matchLabels: { app: "slow" } }, template: { metadata: { labels: { app: "slow" } }, spec: { containers: [{ name: "slow", image: "slow" }] } } },
  });
  const quietProxy = await openProxy(await machineOf("alice"));
  const watch = open(await machineOf("alice"), ["get", "namespaces", "-w"]);
  const informer = open(await machineOf("alice"), ["rollout", "status", "deployment/slow"]);
  const alone = await machineOf("alice"), copied = await machineOf("alice"), shared = await machineOf("alice"), left = await machineOf("alice");
  for (const machine of [alone, copied, shared, left]) expect((await machine.kubectl(["auth", "whoami"])).code).toBe(0);
  const copies = [1, 2].map((number) => join(copied.home, `copy-${number}`));
  for (const copy of copies) copyFileSync(copied.config, copy);
  const busyProxy = await openProxy(shared), leftProxy = await openProxy(left);
  for (const proxy of [quietProxy, busyProxy, leftProxy]) expect(await proxy.status()).toBe(200);
  await waitFor("the watches to be there", async () => watch.log().includes("kube-system") && informer.log().includes("Waiting for deployment"), 10_000);

  const began = Date.now(), failures: string[] = [];
  const call = async (what: string, machine: Machine, kubeconfig?: string) => {
    const output = await machine.kubectl(["auth", "whoami"], kubeconfig);
    if (output.code !== 0 || !output.stdout.includes("alice")) failures.push(`${what} after ${Date.now() - began} ms: ${output.stderr}`);
  };
  // Three tokens that kubectl had begun to use in turn are over by then.
  for (const end = began + 2 * kubectlUses + tokenLife + 1_000; Date.now() < end; await sleep(1_000)) {
    await Promise.all([call("on a session of its own", alone), call("beside an abandoned proxy", left), call("on one copy", copied, copies[0]), call("on the other copy", copied, copies[1]),
      call("on the proxy's file", shared).then(async () => {
        const status = await busyProxy.status();
        if (status !== 200) failures.push(`through the proxy on a shared file after ${Date.now() - began} ms: ${status}`);
      })]);
  }
  expect(failures).toEqual([]);

  // What was left open all the time.
  await s.cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "came-late" } });
  await waitFor("get -w to show what came late", async () => watch.log().includes("came-late"), 10_000);
  expect(watch.program.exited).toBe(false);
  const status = { status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 } };
  await s.cluster.admin(["patch", "deployment", "slow", "--subresource=status", "--type=merge", "-p", JSON.stringify(status)]);
  await waitFor("the informer to see the deployment", async () => informer.program.exited, 10_000);
  expect(informer.program.child.exitCode).toBe(0);
  expect(informer.log()).toContain("successfully rolled out");
  expect(await quietProxy.status()).toBe(200);

  // A proxy that slept while others rotated on its file holds a token that is long replaced: it is refused, and it alone.
  const refused = () => variant.portal.audit().filter((line) => line.event === "token_refused");
  expect(refused()).toEqual([]);
  expect(await leftProxy.status()).not.toBe(200);
  expect(refused()[0]).toMatchObject({ user: "alice", reason: "stale_refresh_token" });
  expect(variant.portal.audit().filter((line) => line.event === "session_ended")).toEqual([]);
  const rotations = new Map(variant.portal.audit().filter((line) => line.event === "token").map((line) => [line.session, tokensOf(line.session).length]));
  expect([...rotations.values()].filter((count) => count > 3).length).toBeGreaterThanOrEqual(4);
  for (const machine of [alone, shared, left]) await call("at the end", machine);
  for (const copy of copies) await call("at the end, on a copy", copied, copy);
  expect(failures).toEqual([]);
  for (const { program } of [quietProxy, busyProxy, leftProxy, watch]) await program.stop();
});
