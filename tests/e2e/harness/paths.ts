// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { run } from "./process.ts";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
export const openunisonProgram = process.env.OPENUNISON ?? join(root, "build/release/bin/openunison");
export const pluginProgram = process.env.KUBECTL_OULOGIN ?? join(root, "build/plugin/bin/kubectl-oulogin");
/** Which Kubernetes the tests run, of those that tests/cluster pins; `make test-versions` goes through them. */
export const kubernetesVersion = process.env.KUBERNETES_VERSION ?? "1.37.2";
/** How API servers are told of the portal: --oidc-* flags, or an AuthenticationConfiguration file. */
export const apiServerAuthentication = process.env.API_SERVER_AUTHENTICATION === "file" ? "file" : "flags";
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "openunison");
/** Where tools/cluster_tools puts the pinned programs. */
export const pinnedTools = join(cache, `bin-v${kubernetesVersion}`);
/** A program that tools/setup has fetched, or the machine's. */
export const fetched = (name: string) => (existsSync(join(cache, "path", name)) ? join(cache, "path", name) : name);

/** etcd, kube-apiserver and kubectl (minor 34 or later) from KUBEBUILDER_ASSETS or PATH; undefined where one is missing. */
export async function foundTools(): Promise<string | undefined> {
  for (const folder of [process.env.KUBEBUILDER_ASSETS ?? "", ...(process.env.PATH ?? "").split(delimiter)]) {
    if (!folder || !["etcd", "kube-apiserver", "kubectl"].every((name) => existsSync(join(folder, name)))) continue;
    const version = await run(join(folder, "kube-apiserver"), ["--version"]);
    const minor = Number(/v1\.(\d+)/.exec(version.stdout)?.[1] ?? 0);
    if (minor >= 34) return folder;
  }
  return undefined;
}
