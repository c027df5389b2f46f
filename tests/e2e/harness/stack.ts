// SPDX-License-Identifier: Apache-2.0
//
// What the tests run against: the identity provider, the portal with two clusters, and both API servers. Started once.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Visitor } from "./browserless.ts";
import { Authority } from "./certs.ts";
import { Cluster, serviceAccountIssuer } from "./cluster.ts";
import { Issuer } from "./issuer.ts";
import { Machine } from "./kubectl.ts";
import { OpenUnison } from "./openunison.ts";
import { pinnedTools, root } from "./paths.ts";
import { freePort, waitFor } from "./process.ts";
import { demoPeople, Upstream } from "./upstream.ts";

export interface Stack {
  folder: string;
  authority: Authority;
  upstream: Upstream;
  portal: OpenUnison;
  cluster: Cluster;
  second: Cluster;
  /** What CI has its workflows' tokens from. */
  pipelines: Issuer;
  tools: string;
}

export const clientSecret = "relying-party-secret";
let started: Promise<Stack> | undefined;
export const stack = (): Promise<Stack> => (started ??= startStack());

async function startStack(): Promise<Stack> {
  const folder = join(root, "build/e2e");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const authority = await Authority.create(folder);
  const port = await freePort(), upstreamPort = await freePort(), managementPort = await freePort();
  const cluster = await Cluster.prepare(join(folder, "first"), pinnedTools, authority), second = await Cluster.prepare(join(folder, "second"), pinnedTools, authority);
  const tls = await authority.issue("upstream", "/CN=127.0.0.1");
  const pipelines = await Issuer.start(await freePort(), await authority.issue("pipelines", "/CN=127.0.0.1"));
  const upstream = await Upstream.start({
    port: upstreamPort, ...tls, clientSecret: "upstream-secret", redirectUris: [`https://localhost:${port}/auth/oidc`], postLogoutUris: [`https://localhost:${port}/signed-out`],
    backchannelLogoutUri: `https://localhost:${port}/auth/oidc/backchannel_logout`,
  });
  const portal = new OpenUnison({
    folder, authority, port, managementPort, apiServer: cluster.server, upstream: { issuer: upstream.issuer, clientSecret: "upstream-secret" },
    authentication: "group_refresh_seconds: 1\nkubectl_device_authorization: true",
    openunisonExtra: `apps:
- {name: grafana, label: Grafana, org: Observability, description: Dashboards of the platform, badgeUrl: "https://grafana.example.com/"}
- {name: secret-app, label: Secret, badgeUrl: "https://secret.example.com/", az_groups: [nobody-has-this]}
portal: {help_contact: "platform@example.com"}
clients:
- client_id: relying-party
  label: Strict client
  redirect_uris: ["https://127.0.0.1:9999/callback"]
  post_logout_redirect_uris: ["https://127.0.0.1:9999/bye"]
workloads:
- name: jobs
  issuer: ${serviceAccountIssuer}
  jwks_uri: ${cluster.server}/openid/v1/jwks
  audience: openunison
  subjects: ["system:serviceaccount:ci:*"]
  username_prefix: "job:"
  groups: [developers]
  clusters: [demo]
- name: pipelines
  issuer: ${pipelines.issuer}
  audience: openunison
  subjects: ["repo:org/app:*"]
  claims: {protected: "true"}
  username_prefix: "pipeline:"
  groups: [developers]
  clusters: [second]`,
    extra: `clusters:
- {name: second, label: Second cluster, k8s_url: "${second.server}", client_id: kubernetes-second, k8s_username_prefix: "", k8s_ca_pem_b64: ${Buffer.from(authority.caPem).toString("base64")}}
`,
  });
  await portal.prepare();
  writeFileSync(join(portal.secrets, "CLIENT_relying-party"), clientSecret);
  await portal.start();
  await Promise.all([cluster.start(await portal.apiServerFlags(), { nodes: true }), second.start(await portal.apiServerFlags("second"))]);
  await cluster.applyDemoAccess();
  const whole: Stack = { folder, authority, upstream, portal, cluster, second, pipelines, tools: pinnedTools };
  // The API server asks for its provider every ten seconds; from here on tokens are accepted.
  const { machine } = await person(whole, "alice");
  await waitFor("the API server to know the provider", async () => (await machine.kubectl(["auth", "whoami"])).code === 0);
  return whole;
}

/** Somebody who is signed in and has pasted the command. */
export async function person(stack: Stack, name: string, cluster = "demo"): Promise<{ visitor: Visitor; machine: Machine }> {
  const visitor = new Visitor(stack.authority.caPem);
  await visitor.signIn(stack.portal.portal, name, demoPeople[name]!.password);
  const machine = new Machine(stack.folder, stack.tools);
  const pasted = await machine.paste(await visitor.command(stack.portal.portal, cluster));
  if (pasted.code !== 0) throw new Error(`pasting failed: ${pasted.stderr}`);
  return { visitor, machine };
}

/** Makes kubectl refresh at its next call, as an expired token would. */
export async function expire(machine: Machine, user: string, kubeconfig?: string, cluster = "demo"): Promise<void> {
  await machine.kubectl(["config", "set-credentials", `${user}@${cluster}`, "--auth-provider=oidc", "--auth-provider-arg=id-token="], kubeconfig);
}

/** The value of a counter on the management port; 0 where it isn't there yet. */
export async function metric(stack: Stack, name: string, labels: string): Promise<number> {
  const text = await (await fetch(`${stack.portal.management}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name}{${labels}}`));
  return line ? Number(line.split(" ").pop()) : 0;
}
