// SPDX-License-Identifier: Apache-2.0
//
// `make demo`: an identity provider, the portal and a real API server on loopback; signs a person in without a browser, shows
// what kubectl may and may not do, and stays up.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { wordsGoTo } from "./harness/provider_words.ts";  // before what it keeps quiet

import { Visitor } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import { Cluster } from "./harness/cluster.ts";
import { Machine } from "./harness/kubectl.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { foundTools, pinnedTools, root } from "./harness/paths.ts";
import { freePort, must, sleep } from "./harness/process.ts";
import { demoPeople, Upstream } from "./harness/upstream.ts";

const chosen = process.argv[2] ?? "oidc";
if (chosen !== "local" && chosen !== "oidc") {
  console.error(`IDP=${chosen}: there are two demos, IDP=oidc (a provider that behaves as Okta does; the default) and IDP=local (built-in users)`);
  process.exit(2);
}
const local = chosen === "local";
const folder = join(root, "build/demo");
const began = Date.now();
const say = (text: string) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}`);

// A demo that runs from this folder still uses it.
function refuseSecond(): void {
  const file = join(folder, "demo.env");
  const pid = existsSync(file) ? Number(/^OPENUNISON_PID=(\d+)/m.exec(readFileSync(file, "utf8"))?.[1]) : NaN;
  if (!pid || !existsSync(`/proc/${pid}/cmdline`) || !readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder)) return;
  console.error(`a demo is running from ${folder} already (process ${pid}); end it with Ctrl-C first`);
  process.exit(1);
}

async function main(): Promise<void> {
  refuseSecond();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  wordsGoTo(join(folder, "upstream.log"));
  let tools = await foundTools();
  if (!tools) {
    if (!existsSync(join(pinnedTools, "kubectl"))) say("building Kubernetes' programs, once; this takes some minutes ...");
    tools = (await must(join(root, "tools/cluster_tools"), [], { timeout: 3_600_000 })).trim().split("\n").pop()!;
  }

  say("making certificates");
  const authority = await Authority.create(folder);
  const portalPort = await freePort(8443), upstreamPort = await freePort(9443), managementPort = await freePort(8081);
  const cluster = await Cluster.prepare(join(folder, "cluster"), tools, authority, 6443);
  const clientSecret = "demo-client-secret";

  let upstream: Upstream | undefined;
  if (!local) {
    say("starting the identity provider");
    const tls = await authority.issue("upstream", "/CN=127.0.0.1");
    upstream = await Upstream.start({ port: upstreamPort, ...tls, clientSecret, redirectUris: [`https://localhost:${portalPort}/auth/oidc`], postLogoutUris: [`https://localhost:${portalPort}/signed-out`] });
  }
  say("starting the portal");
  const portal = new OpenUnison({ folder, authority, port: portalPort, managementPort, apiServer: cluster.server, upstream: upstream && { issuer: upstream.issuer, clientSecret, extra: "label: Example company" } });
  await portal.prepare();
  if (local) for (const [name, person] of Object.entries(demoPeople)) await portal.addUser(name, person.password, person.groups, person.name);
  await portal.start();

  const flags = await portal.apiServerFlags();
  say("starting etcd and kube-apiserver with:");
  for (const flag of flags) console.log(`           ${flag}`);
  await cluster.start(flags);
  await cluster.applyDemoAccess();

  say("signing alice in, without a browser");
  const machine = new Machine(folder, tools, "alice");
  const { alice } = demoPeople;
  const visitor = new Visitor(authority.caPem);
  await visitor.signIn(portal.portal, "alice", alice!.password);
  const pasted = await machine.paste(await visitor.command(portal.portal, "demo"), ["/bin/sh", "-c"]);
  if (pasted.code !== 0) throw new Error(`the pasted command failed: ${pasted.stderr}`);
  const bob = new Visitor(authority.caPem), bobs = new Machine(folder, tools, "bob");
  await bob.signIn(portal.portal, "bob", demoPeople.bob!.password);
  await bobs.paste(await bob.command(portal.portal, "demo"), ["/bin/sh", "-c"]);

  // The API server looks for its OpenID provider every ten seconds until it has found it.
  for (let tries = 0; (await machine.kubectl(["auth", "whoami"])).code !== 0 && tries < 60; tries += 1) await sleep(500);
  const show = async (who: string, on: Machine, args: string[]) => {
    const output = await on.kubectl(args);
    console.log(`\n${who}$ kubectl ${args.join(" ")}\n${(output.stdout + output.stderr).trim()}`);
    return output;
  };
  const whoami = await show("alice", machine, ["auth", "whoami"]);
  if (!whoami.stdout.includes("alice")) throw new Error("the cluster doesn't know alice");
  await show("alice", machine, ["create", "namespace", "from-the-demo"]);
  await show("bob", bobs, ["get", "namespaces"]);
  await show("bob", bobs, ["create", "namespace", "not-for-bob"]);

  writeFileSync(join(folder, "demo.env"), Object.entries({
    PORTAL_URL: portal.portal, ISSUER: portal.issuer, IDP_URL: upstream?.issuer ?? portal.portal, MANAGEMENT_URL: portal.management, API_SERVER: cluster.server, CA_FILE: authority.caFile,
    ADMIN_KUBECONFIG: cluster.adminKubeconfig, ALICE_KUBECONFIG: machine.config, BOB_KUBECONFIG: bobs.config, VALUES_FILE: portal.valuesFile, SECRETS_DIR: portal.secrets, STATE_DIR: portal.state, LOG_FILE: portal.log,
    OPENUNISON_PID: portal.program!.pid, DEMO_USER: "alice", DEMO_PASSWORD: alice!.password,
  }).map(([name, value]) => `${name}=${value}\n`).join(""));

  console.log(`\nThe portal:  ${portal.portal}\n${Object.entries(demoPeople).map(([name, person]) => `  ${name.padEnd(6)} ${person.password.padEnd(14)} ${person.groups.join(", ") || "no groups"}`).join("\n")}`);
  console.log(`Your browser must trust ${authority.caFile} (or click through its warning).\nThe cluster:  ${cluster.server}\n  as alice           KUBECONFIG=${machine.config}\n  as bob             KUBECONFIG=${bobs.config}\n  as administrator   KUBECONFIG=${cluster.adminKubeconfig}\nkubectl is in ${tools}\n`);
  say("up; Ctrl-C ends everything");

  const stop = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.removeAllListeners(signal);
      process.once(signal, () => resolve());
    }
  });
  await stop;
  say("stopping");
  rmSync(join(folder, "demo.env"), { force: true });
  await cluster.stop();
  await portal.stop();
  await upstream?.stop();
  process.exit(0);
}

main().catch((error: unknown) => {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
