// SPDX-License-Identifier: Apache-2.0
//
// A real cluster's control plane on loopback: etcd, kube-apiserver, and where asked for kube-controller-manager and kwok, which
// keeps a node and its pods alive.
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";

import type { Authority } from "./certs.ts";
import { logEntries } from "./log.ts";
import { freePort, must, run, start, waitFor, type Output, type Program } from "./process.ts";

/** In the tokens of service accounts; nothing answers there, as in a cluster whose API server isn't public. */
export const serviceAccountIssuer = "https://kubernetes.default.svc";

export class Cluster {
  private readonly programs: Program[] = [];
  server = "";
  private constructor(readonly folder: string, readonly tools: string, readonly authority: Authority, readonly port: number, private readonly etcdPort: number) {}
  get adminKubeconfig(): string {
    return join(this.folder, "admin.kubeconfig");
  }
  get auditLog(): string {
    return join(this.folder, "audit.log");
  }

  /** Chooses ports and makes certificates; `start` needs the flags, which need the port. */
  static async prepare(folder: string, tools: string, authority: Authority, wantedPort = 0): Promise<Cluster> {
    mkdirSync(folder, { recursive: true });
    const cluster = new Cluster(folder, tools, authority, await freePort(wantedPort), await freePort());
    cluster.server = `https://127.0.0.1:${cluster.port}`;
    return cluster;
  }

  async start(flags: string[], options: { nodes?: boolean } = {}): Promise<void> {
    const { folder, authority } = this;
    const file = (name: string) => join(folder, name);
    const serving = await authority.issue(`apiserver-${this.port}`, "/CN=kube-apiserver");
    const admin = await authority.issue(`admin-${this.port}`, "/O=system:masters/CN=admin", "clientAuth");
    const kubelet = await authority.issue(`kubelet-client-${this.port}`, "/O=system:masters/CN=kube-apiserver-kubelet-client", "clientAuth");
    await must("openssl", ["genrsa", "-out", file("sa.key"), "2048"]);
    await must("openssl", ["rsa", "-in", file("sa.key"), "-pubout", "-out", file("sa.pub")]);
    writeFileSync(file("audit.yaml"), "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\nomitStages: [RequestReceived]\n");
    writeFileSync(this.adminKubeconfig, JSON.stringify({
      apiVersion: "v1", kind: "Config", "current-context": "admin",
      clusters: [{ name: "demo", cluster: { server: this.server, "certificate-authority": authority.caFile } }],
      users: [{ name: "admin", user: { "client-certificate": admin.cert, "client-key": admin.key } }],
      contexts: [{ name: "admin", context: { cluster: "demo", user: "admin" } }],
    }));
    this.launch("etcd", ["--data-dir", file("etcd"), `--listen-client-urls=http://127.0.0.1:${this.etcdPort}`, `--advertise-client-urls=http://127.0.0.1:${this.etcdPort}`,
      "--listen-peer-urls=http://127.0.0.1:0", "--unsafe-no-fsync", "--log-level", "error"]);
    this.launch("kube-apiserver", [`--etcd-servers=http://127.0.0.1:${this.etcdPort}`, "--bind-address=127.0.0.1", `--secure-port=${this.port}`, `--tls-cert-file=${serving.cert}`,
      `--tls-private-key-file=${serving.key}`, `--client-ca-file=${authority.caFile}`, "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24",
      `--service-account-issuer=${serviceAccountIssuer}`, `--service-account-key-file=${file("sa.pub")}`, `--service-account-signing-key-file=${file("sa.key")}`,
      "--endpoint-reconciler-type=none", "--allow-privileged=true", `--kubelet-client-certificate=${kubelet.cert}`, `--kubelet-client-key=${kubelet.key}`,
      `--kubelet-certificate-authority=${authority.caFile}`, `--audit-policy-file=${file("audit.yaml")}`, `--audit-log-path=${this.auditLog}`, ...flags]);
    await waitFor("the API server to be ready", () => this.ready(), 90_000);
    if (options.nodes) await this.startNodes();
  }

  private ready(): Promise<boolean> {
    return new Promise((resolve) => {
      const probe = request(`${this.server}/readyz`, { ca: this.authority.caPem }, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      });
      probe.on("error", () => resolve(false));
      probe.end();
    });
  }

  private launch(program: string, args: string[]): void {
    this.programs.push(start(program, join(this.tools, program), args, join(this.folder, `${program}.log`)));
  }

  private async startNodes(): Promise<void> {
    const kubeletPort = await freePort();
    const kubelet = await this.authority.issue(`kubelet-${this.port}`, "/CN=kubelet");
    this.launch("kube-controller-manager", [`--kubeconfig=${this.adminKubeconfig}`, `--service-account-private-key-file=${join(this.folder, "sa.key")}`, `--root-ca-file=${this.authority.caFile}`,
      "--use-service-account-credentials=false", "--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0"]);
    const logs = join(this.folder, "pod.log");
    writeFileSync(logs, "2026-11-23T10:00:00.000000000Z stdout F hello from the pod\n");
    const extra = join(this.folder, "kwok.yaml");
    const echoPort = this.port;
    writeFileSync(extra, [
      { apiVersion: "kwok.x-k8s.io/v1alpha1", kind: "ClusterExec", metadata: { name: "exec" }, spec: { execs: [{ local: {} }] } },
      { apiVersion: "kwok.x-k8s.io/v1alpha1", kind: "ClusterLogs", metadata: { name: "logs" }, spec: { logs: [{ logsFile: logs }] } },
      { apiVersion: "kwok.x-k8s.io/v1alpha1", kind: "ClusterPortForward", metadata: { name: "forward" }, spec: { forwards: [{ target: { address: "127.0.0.1", port: echoPort } }] } },
    ].map((item) => JSON.stringify(item)).join("\n---\n"));
    const stages = ["node-initialize", "node-heartbeat-with-lease", "pod-ready", "pod-complete", "pod-delete"].map((name) => `--config=${join(this.tools, `stage-${name}.yaml`)}`);
    this.launch("kwok", [`--kubeconfig=${this.adminKubeconfig}`, "--manage-all-nodes", "--node-ip=127.0.0.1", `--node-port=${kubeletPort}`, `--server-address=127.0.0.1:${kubeletPort}`,
      `--tls-cert-file=${kubelet.cert}`, `--tls-private-key-file=${kubelet.key}`, `--config=${extra}`, ...stages]);
    await this.apply({ apiVersion: "v1", kind: "Node", metadata: { name: "node-1", annotations: { "kwok.x-k8s.io/node": "fake" } } });
    await waitFor("the default service account", async () => (await this.admin(["get", "serviceaccount", "default"])).code === 0);
    await this.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec: { nodeName: "node-1", containers: [{ name: "web", image: "web" }] } });
    await waitFor("the pod to run", async () => (await this.admin(["get", "pod", "web", "-o", "jsonpath={.status.phase}"])).stdout === "Running");
  }

  /** kubectl as the administrator. */
  admin(args: string[], input = ""): Promise<Output> {
    return run(join(this.tools, "kubectl"), ["--kubeconfig", this.adminKubeconfig, ...args], { input });
  }

  async apply(...objects: object[]): Promise<void> {
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
    const output = await this.admin(["apply", "-f", "-"], list);
    if (output.code !== 0) throw new Error(output.stderr);
  }

  /** What the demo and the tests bind: admins may do everything, developers read pods. */
  async applyDemoAccess(): Promise<void> {
    const group = (name: string) => [{ kind: "Group", name, apiGroup: "rbac.authorization.k8s.io" }];
    const role = (kind: string, name: string) => ({ kind, name, apiGroup: "rbac.authorization.k8s.io" });
    await this.apply(
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: "demo-admins" }, roleRef: role("ClusterRole", "cluster-admin"), subjects: group("demo-admins") },
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "pod-reader" }, rules: [{ apiGroups: [""], resources: ["pods", "pods/log", "namespaces"], verbs: ["get", "list", "watch"] }] },
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: "developers" }, roleRef: role("ClusterRole", "pod-reader"), subjects: group("developers") },
    );
  }

  auditEntries(): Record<string, unknown>[] {
    return logEntries(this.auditLog);
  }

  async stop(): Promise<void> {
    for (const program of this.programs.reverse()) await program.stop();
    this.programs.length = 0;
  }
}
