// SPDX-License-Identifier: Apache-2.0
//
// The built program with its values, secrets and state.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import type { Authority } from "./certs.ts";
import { logEntries } from "./log.ts";
import { apiServerAuthentication, openunisonProgram } from "./paths.ts";
import { Hopeless, must, start, waitFor, type Program } from "./process.ts";
import { keepOutput, noteOutput, noteSecret, noteSecretFiles } from "./secrets.ts";

export interface OpenUnisonOptions {
  folder: string;
  authority: Authority;
  port: number;
  /** The name by which browsers know it; localhost. Any other must be told to the browser. */
  host?: string;
  managementPort: number;
  apiServer: string;
  /** The oidc: block; undefined: built-in users. */
  upstream?: { issuer: string; clientSecret: string; scopes?: string; extra?: string };
  authentication?: string;
  store?: "memory" | "sqlite";
  /** More of the values file, as YAML at the top level. */
  extra?: string;
  openunisonExtra?: string;
  networkExtra?: string;
  /** More of the environment that the server runs in. */
  environment?: NodeJS.ProcessEnv;
  /** The log's name where a folder has several. */
  logName?: string;
  /** A command that runs the program: its words come before the program's. */
  wrapper?: string[];
}

const indent = (text: string, by: number) => text.split("\n").filter(Boolean).map((line) => " ".repeat(by) + line).join("\n") + "\n";

export class OpenUnison {
  /** Those that haven't been stopped. */
  static readonly running = new Set<OpenUnison>();
  program?: Program;
  readonly portal: string;
  readonly issuer: string;
  readonly management: string;
  readonly valuesFile: string;
  readonly secrets: string;
  readonly state: string;
  readonly log: string;

  constructor(readonly options: OpenUnisonOptions) {
    this.portal = `https://${options.host ?? "localhost"}:${options.port}`;
    this.issuer = `${this.portal}/auth/idp/k8sIdp`;
    this.management = `http://127.0.0.1:${options.managementPort}`;
    this.valuesFile = join(options.folder, "values.yaml");
    this.secrets = join(options.folder, "secrets");
    this.state = join(options.folder, "state");
    this.log = join(options.folder, options.logName ?? "openunison.log");
  }

  /** Writes values and secrets; keeps what is there of the latter. */
  async prepare(): Promise<void> {
    const { options } = this;
    mkdirSync(this.secrets, { recursive: true });
    mkdirSync(this.state, { recursive: true });
    const ca = Buffer.from(options.authority.caPem).toString("base64");
    writeFileSync(this.valuesFile, `k8s_cluster_name: demo
enable_impersonation: false
network:
  openunison_host: ${options.host ?? "localhost"}
  external_port: ${options.port}
  k8s_url: "${options.apiServer}"
  k8s_username_prefix: "-"
  session_inactivity_timeout_seconds: 900
${options.networkExtra ? indent(options.networkExtra, 2) : ""}trusted_certs:
- name: unison-ca
  pem_b64: ${ca}
- name: k8s-master
  pem_b64: ${ca}
${options.upstream ? `oidc:
  issuer: "${options.upstream.issuer}"
  client_id: openunison
  scopes: "${options.upstream.scopes ?? "openid email profile groups offline_access"}"
  forceauthentication: false
  claims: {sub: preferred_username, groups: groups}
${options.upstream.extra ? indent(options.upstream.extra, 2) : ""}` : ""}openunison:
  authentication:
${indent(options.authentication ?? "absolute_lifetime_seconds: 43200\ngroup_refresh_seconds: 300", 4)}${options.openunisonExtra ? indent(options.openunisonExtra, 2) : ""}server:
  listen: ["127.0.0.1:${options.port}"]
  management: "127.0.0.1:${options.managementPort}"
  tls: [{cert: tls.crt, key: tls.key}]
  store: ${options.store ?? "sqlite"}
${options.extra ?? ""}`);
    const tls = await options.authority.issue("portal", "/CN=localhost", "serverAuth", options.host ? [options.host] : []);
    writeFileSync(join(this.secrets, "tls.crt"), readFileSync(tls.cert));
    writeFileSync(join(this.secrets, "tls.key"), readFileSync(tls.key), { mode: 0o600 });
    const masterKey = join(this.secrets, "OU_MASTER_KEY");
    if (!existsSync(masterKey)) writeFileSync(masterKey, randomBytes(32).toString("base64"), { mode: 0o600 });
    if (options.upstream) writeFileSync(join(this.secrets, "OIDC_CLIENT_SECRET"), options.upstream.clientSecret, { mode: 0o600 });
  }

  async addUser(name: string, password: string, groups: string[], displayName = ""): Promise<void> {
    noteSecret("password", password);
    await must(openunisonProgram, ["users", "add", name, "--secrets", this.secrets, "--password-stdin", "--display-name", displayName, ...groups.flatMap((group) => ["--group", group])], { input: password + "\n" });
  }

  /** `every`: milliseconds between two questions whether it is ready. */
  async start(every = 30): Promise<void> {
    noteSecretFiles(this.secrets);
    noteOutput(this.log);
    OpenUnison.running.add(this);
    const [command, ...args] = [...(this.options.wrapper ?? []), openunisonProgram, "serve", "-f", this.valuesFile, "--secrets", this.secrets, "--state", this.state];
    this.program = start("openunison", command!, args, this.log, { ...process.env, ...this.options.environment });
    await waitFor("openunison to be ready", async () => {
      if (this.program!.exited) throw new Hopeless(`openunison ended: ${readFileSync(this.log, "utf8").slice(-2000)}`);
      return (await fetch(`${this.management}/readyz`)).ok;
    }, 20_000, every);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    OpenUnison.running.delete(this);
    await this.keepMetrics();
    await this.program?.stop(signal);
  }

  /** Notes what the metrics say now, where the server still answers. */
  async keepMetrics(): Promise<void> {
    if (!this.program || this.program.exited) return;
    const scrape = await fetch(`${this.management}/metrics`, { signal: AbortSignal.timeout(5_000) }).then((answer) => answer.text(), () => "");
    if (scrape) keepOutput("metrics", scrape);
  }

  command(args: string[], input = ""): Promise<string> {
    return must(openunisonProgram, args, { input });
  }

  /** The flags that the cluster must be started with, as the program prints them; in file mode the file is written first. */
  async apiServerFlags(cluster?: string, way: "flags" | "file" = apiServerAuthentication): Promise<string[]> {
    const args = ["api-server-config", "-f", this.valuesFile, "--ca-file", this.options.authority.caFile, "--format", way === "flags" ? "flags" : "authentication-configuration"];
    if (cluster) args.push("--cluster", cluster);
    const printed = await this.command(args);
    if (way === "flags") return printed.trim().split("\n");
    const file = join(this.options.folder, `authentication-${cluster ?? "first"}.yaml`);
    writeFileSync(file, printed);
    return [`--authentication-config=${file}`];
  }

  audit(): Record<string, unknown>[] {
    return logEntries(this.log).filter((entry) => entry.level === "audit");
  }
}
