// SPDX-License-Identifier: Apache-2.0
//
// What `make bench` is made of: servers pinned to core 0, the load generator to core 1, and the same row measured in several
// rounds, with its peer or limit in each of them, so that a ratio compares what ran within seconds of each other.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Visitor } from "./browserless.ts";
import { Authority } from "./certs.ts";
import { OpenUnison } from "./openunison.ts";
import { root } from "./paths.ts";
import { freePort, must, run, sleep, start, waitFor, type Program } from "./process.ts";

export const folder = join(root, "build/bench");
export const rounds = Number(process.env.BENCH_RUNS ?? 5);
export const seconds = Number(process.env.BENCH_SECONDS ?? 3);
const load = join(root, "build/release/bin/bench_load");
const inside = join(root, "build/release/bin/bench_inside");
export const serverCore = "0";
const loadCore = "1";

export interface LoadResult {
  operations: number;
  failed: number;
  per_second: number;
  per_cpu_second: number;
  server_cpu_seconds: number;
  latency_ms: { p50: number; p90: number; p99: number; p999: number; max: number };
  rss_kib: number;
  idle: { connections: number; rss_before_kib: number; rss_with_kib: number };
}

export const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

export function save(name: string, result: object): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(result, null, 1) + "\n");
}

/** Runs a program on the server's core; gives what it printed. */
export const onServerCore = (command: string, args: string[], timeout = 600_000) => must("taskset", ["-c", serverCore, command, ...args], { timeout });
/** bench_inside on the server's core. */
export async function measureInside<T>(...args: string[]): Promise<T> {
  return JSON.parse(await onServerCore(inside, args)) as T;
}
export const tokensOf = (secrets: string, issuer: string, client: string, count: number) => must(inside, ["tokens", secrets, issuer, client, String(count)]);

/** Private-key operations with RSA-2048 a CPU-second, as `openssl speed` counts them. */
export async function rsaLimit(): Promise<number> {
  const text = await onServerCore("openssl", ["speed", "-mr", "-seconds", "1", "rsa2048"]);
  const sign = /\+F2:\d+:2048:([\d.]+):/.exec(text)?.[1];
  if (!sign) throw new Error(`openssl speed printed something else: ${text}`);
  return Number(sign);
}

export interface Served {
  port: number;
  pids: number[];
}

export async function runLoad(authority: Authority, server: Served, args: string[]): Promise<LoadResult> {
  const all = ["-c", loadCore, load, "--port", String(server.port), "--ca", authority.caFile, "--seconds", String(seconds), ...server.pids.flatMap((pid) => ["--pid", String(pid)]), ...args];
  const output = await run("taskset", all, { timeout: 300_000 });
  if (output.code !== 0) throw new Error(`bench_load ${args.join(" ")}: ${output.stderr || output.stdout}`);
  return JSON.parse(output.stdout) as LoadResult;
}

// --- Ours ---

export interface OursOptions {
  name: string;
  store: "memory" | "sqlite";
  algorithm?: "RS256" | "ES256";
  /** Built-in users with ten groups. */
  users?: number;
}

export class Ours implements Served {
  private constructor(readonly portal: OpenUnison, readonly options: OursOptions, private readonly authority: Authority) {}
  get port(): number {
    return this.portal.options.port;
  }
  get pids(): number[] {
    return [this.portal.program!.pid];
  }
  chains(): string {
    return join(this.portal.options.folder, "chains");
  }

  static async prepare(authority: Authority, options: OursOptions): Promise<Ours> {
    const own = join(folder, "run", options.name);
    mkdirSync(own, { recursive: true });
    const portal = new OpenUnison({
      folder: own, authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1", store: options.store, wrapper: ["taskset", "-c", serverCore],
      authentication: "absolute_lifetime_seconds: 86400\ngroup_refresh_seconds: 300",
      openunisonExtra: `signing_algorithm: ${options.algorithm ?? "RS256"}\nclients:\n- {client_id: bench, public: true, redirect_uris: ["https://127.0.0.1:9/callback"]}`,
      extra: "  threads: 1\n  limits: {connections_per_address: 16000, handshakes_per_address: 16000, requests_per_address: 16000, requests_in_flight_per_address: 4096, requests_per_connection: 1000000000}\n",
    });
    await portal.prepare();
    for (let i = 0; i < (options.users ?? 1); i += 1) await portal.addUser(`user-${i}`, password, groups, `Person ${i}`);
    return new Ours(portal, options, authority);
  }

  static async start(authority: Authority, options: OursOptions): Promise<Ours> {
    const ours = await Ours.prepare(authority, options);
    await ours.portal.start();
    return ours;
  }

  /** Lets the hash of `user`'s password cost next to nothing; takes effect within seconds. */
  async cheapen(user: string): Promise<void> {
    const file = join(this.portal.secrets, "users.yaml");
    const hash = (await onServerCore(inside, ["cheap-hash", password])).trim();
    const before = readFileSync(file, "utf8"), at = before.indexOf(user);
    const after = before.slice(0, at) + before.slice(at).replace(/\$argon2id\$[^\s"']+/, () => hash);
    if (at < 0 || after === before) throw new Error(`users.yaml has no ${user}`);
    writeFileSync(file, after);
  }

  /** `count` kubeconfigs made by people at the portal, their refresh tokens written to chains(). */
  async makeSessions(count: number): Promise<void> {
    const tokens: string[] = [];
    for (let person = 0; tokens.length < count; person += 1) {
      const visitor = new Visitor(this.authority.caPem);
      await visitor.signIn(this.portal.portal, `user-${person % (this.options.users ?? 1)}`, password);
      for (let i = 0; i < 100 && tokens.length < count; i += 1) {
        const token = /refresh-token: "?([^"\s]+)/.exec(await visitor.kubeconfig(this.portal.portal, "demo"))?.[1];
        if (!token) throw new Error("the kubeconfig has no refresh token");
        tokens.push(token);
      }
    }
    writeFileSync(this.chains(), tokens.join("\n") + "\n");
  }

  refreshArgs(extra: string[] = []): string[] {
    return ["--scenario", "refresh", "--path", "/auth/idp/k8sIdp/token", "--chains", this.chains(), "--form", "&client_id=kubernetes", "--header", "user-agent:kubectl/v1.37.2 (linux/amd64)", ...extra];
  }
  signInArgs(user: string, extra: string[] = []): string[] {
    return ["--scenario", "sign-in", "--path", "/auth/idp/k8sIdp", "--user", user, "--password", password, "--client-id", "bench", "--redirect-uri", "https://127.0.0.1:9/callback", ...extra];
  }
  async stop(): Promise<void> {
    await this.portal.stop();
  }
}

export const password = "correct horse battery";
export const groups = Array.from({ length: 10 }, (_, i) => `team-platform-${i}`);

/** From exec until the management port says that it is ready, asked again at once each time. */
export async function readyAfter(ours: Ours): Promise<number> {
  const began = performance.now();
  await ours.portal.start(1);
  return performance.now() - began;
}

export async function restingCpu(pid: number, over = 5): Promise<number> {
  const read = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };
  const before = read();
  await sleep(over * 1000);
  return (read() - before) / over;
}

/** CPU time of all its threads so far, in milliseconds, as the scheduler counts it. */
export function cpuMs(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]));
  return tasks.reduce((sum, each) => sum + each, 0) / 1e6;
}

export function residentKib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
}

// --- Peers ---

/** nginx, one process, with the files of `files` (path → bytes), access log as Debian sets it. */
export class Nginx implements Served {
  private constructor(readonly port: number, private readonly program: Program) {}
  get pids(): number[] {
    return [this.program.pid];
  }
  static async start(authority: Authority, files: Map<string, { body: string; type: string }>): Promise<Nginx> {
    const own = join(folder, "run/nginx"), port = await freePort();
    mkdirSync(own, { recursive: true });
    const tls = await authority.issue("nginx", "/CN=localhost");
    const locations = [...files].map(([path, { body, type }], i) => {
      writeFileSync(join(own, `file-${i}`), body);
      return `location = ${path} { alias ${own}/file-${i}; default_type "${type}"; types {} }`;
    });
    writeFileSync(join(own, "nginx.conf"), `daemon off; master_process off; pid ${own}/pid; error_log ${own}/error.log;
events { worker_connections 1024; }
http {
  access_log ${own}/access.log;
  client_body_temp_path ${own}/body; proxy_temp_path ${own}/proxy; fastcgi_temp_path ${own}/fastcgi; uwsgi_temp_path ${own}/uwsgi; scgi_temp_path ${own}/scgi;
  sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=100;
  server {
    listen 127.0.0.1:${port} ssl http2; server_name localhost; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key}; ssl_protocols TLSv1.2 TLSv1.3; http2_max_requests 100000000;
    ${locations.join("\n    ")}
  }
}
`);
    const program = start("nginx", "taskset", ["-c", serverCore, "/usr/sbin/nginx", "-c", join(own, "nginx.conf"), "-e", join(own, "error.log")], join(own, "out.log"));
    await waitFor("nginx to listen", async () => (await run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", authority.caFile], { timeout: 3000 })).code === 0, 10_000, 50);
    return new Nginx(port, program);
  }
  async stop(): Promise<void> {
    await this.program.stop();
  }
}

/** npm's oidc-provider with as many refresh tokens as are asked for (bench_peer.ts). */
export class PeerProvider implements Served {
  private constructor(readonly port: number, private readonly program: Program, readonly chains: string) {}
  get pids(): number[] {
    return [this.program.pid];
  }
  static async start(authority: Authority, algorithm: "RS256" | "ES256", tokens: number): Promise<PeerProvider> {
    const own = join(folder, "run", `peer-${algorithm}`), port = await freePort(), chains = join(own, "chains");
    mkdirSync(own, { recursive: true });
    writeFileSync(chains, "");
    const tls = await authority.issue("peer", "/CN=localhost");
    const program = start("peer", "taskset", ["-c", serverCore, process.execPath, "--import", "tsx", join(root, "tests/e2e/bench_peer.ts"), String(port), tls.cert, tls.key, algorithm, String(tokens), chains], join(own, "log"));
    await waitFor("oidc-provider to listen", async () => readFileSync(chains, "utf8").trim().split("\n").length === tokens, 60_000, 100);
    return new PeerProvider(port, program, chains);
  }
  refreshArgs(extra: string[] = []): string[] {
    return ["--scenario", "refresh", "--path", "/token", "--chains", this.chains, "--form", "&client_id=kubernetes", "--header", "user-agent:kubectl/v1.37.2 (linux/amd64)", ...extra];
  }
  async stop(): Promise<void> {
    await this.program.stop();
  }
}
