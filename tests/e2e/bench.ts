// SPDX-License-Identifier: Apache-2.0
//
// `make bench`: every row of docs/performance.md, each to build/bench/NAME.json. BENCH_RUNS rounds (5) of BENCH_SECONDS (3)
// each; BENCH_SESSIONS in the large stores (1,000,000); BENCH_IDLE connections held open (10,000);
// KEYCLOAK_HOME adds a row. Arguments: the rows to measure; none or "all": every one.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Floor } from "./harness/bench_floor.ts";
import { Keycloak } from "./harness/bench_keycloak.ts";
import { pluginRow } from "./harness/bench_plugin.ts";
import { Visitor } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import {
  cpuMs, folder, measureInside, median, Nginx, Ours, onServerCore, password, PeerProvider, readyAfter, residentKib, restingCpu, rounds, rsaLimit, runLoad, save, seconds, tokensOf, type LoadResult, type Served,
} from "./harness/bench.ts";

const sessions = Number(process.env.BENCH_SESSIONS ?? 1_000_000), idle = Number(process.env.BENCH_IDLE ?? 10_000);
const chains = 200;
rmSync(join(folder, "run"), { recursive: true, force: true });
mkdirSync(join(folder, "run"), { recursive: true });
const authority = await Authority.create(join(folder, "run"));

const round = (value: number, digits = 0) => Number(value.toFixed(digits));
/** The medians of what each round gave. */
async function inRounds<T extends Record<string, number>>(measure: () => Promise<T>): Promise<T> {
  const all: T[] = [];
  for (let i = 0; i < rounds; i += 1) all.push(await measure());
  return Object.fromEntries(Object.keys(all[0]!).map((key) => [key, median(all.map((each) => each[key]!))])) as T;
}

async function withServer<S extends { stop(): Promise<void> }, T>(starting: Promise<S>, use: (server: S) => Promise<T>): Promise<T> {
  const server = await starting;
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

async function withOurs<T>(name: string, store: "memory" | "sqlite", algorithm: "RS256" | "ES256", use: (ours: Ours) => Promise<T>): Promise<T> {
  return withServer(Ours.start(authority, { name, store, algorithm, users: 4 }), async (ours) => {
    await ours.makeSessions(chains);
    return use(ours);
  });
}

const rate = async (server: Served, args: string[]): Promise<LoadResult> => {
  const result = await runLoad(authority, server, args);
  if (result.failed > 0) throw new Error(`${result.failed} operations failed`);
  return result;
};

/** Whole tokens that our signer makes a CPU-second when it does nothing else. */
const tokensSigned = async (algorithm: "RS256" | "ES256") => (await measureInside<{ per_cpu_second: number }>("jws", algorithm.toLowerCase(), "1")).per_cpu_second;
/** What the machine signs a CPU-second: bare signatures (RS256), or those tokens (ES256). */
const limitOf = async (algorithm: "RS256" | "ES256") => (algorithm === "RS256" ? rsaLimit() : tokensSigned(algorithm));

/** Refreshes beside their limit. */
async function refreshRow(name: string, store: "memory" | "sqlite", algorithm: "RS256" | "ES256", wanted: number, connections: number, peer: boolean): Promise<void> {
  await withOurs(name, store, algorithm, async (ours) => {
    const measured = await inRounds(async () => {
      const limit = await limitOf(algorithm);
      const result = await rate(ours, ours.refreshArgs(["--connections", String(connections)]));
      return { limit, per_cpu_second: result.per_cpu_second, ratio: result.per_cpu_second / limit, per_second: result.per_second, rss_kib: result.rss_kib };
    });
    const row: Record<string, unknown> = { ...measured, wanted, store, algorithm };
    if (peer) {
      const beside = await withServer(PeerProvider.start(authority, algorithm, chains), async (provider) => {
        await runLoad(authority, provider, provider.refreshArgs());  // warms its compiler
        return inRounds(async () => {
          const ours_rate = (await rate(ours, ours.refreshArgs(["--connections", String(connections)]))).per_cpu_second;
          const theirs = await rate(provider, provider.refreshArgs(["--connections", String(connections)]));
          return { per_cpu_second: theirs.per_cpu_second, times: ours_rate / theirs.per_cpu_second, rss_kib: theirs.rss_kib };
        });
      });
      row.oidc_provider = { ...beside, wanted: algorithm === "RS256" ? 2.5 : 6 };
    }
    save(name, row);
  });
}

/** The limit, the floor without and with our log lines, and ours, in the same rounds: what part of our way to the limit anybody could go. */
async function floorRow(name: string, store: "memory" | "sqlite", algorithm: "RS256" | "ES256", wanted: number): Promise<void> {
  const connections = ["--connections", "32"], durable = store === "sqlite";
  await withOurs(name, store, algorithm, async (ours) =>
    withServer(Floor.start(`${name}-bare`, ours, authority, algorithm, { log: false, durable }), async (bare) =>
      withServer(Floor.start(`${name}-log`, ours, authority, algorithm, { log: true, durable }), async (logs) => {
        const measured = await inRounds(async () => {
          const limit = await limitOf(algorithm), tokens = await tokensSigned(algorithm);
          const floor = (await rate(bare, bare.refreshArgs(connections))).per_cpu_second;
          const floor_log = (await rate(logs, logs.refreshArgs(connections))).per_cpu_second;
          const mine = (await rate(ours, ours.refreshArgs(connections))).per_cpu_second;
          return { limit, tokens, floor, floor_log, per_cpu_second: mine, tokens_ratio: tokens / limit, floor_ratio: floor / limit, floor_log_ratio: floor_log / limit, ratio: mine / limit, of_floor: mine / floor };
        });
        save(name, { ...measured, store, algorithm, wanted });
      })));
}

/** Keycloak's refreshes and ours, in the same rounds. */
/** Keycloak keeps its records in memory; ours with the memory store is its like, with SQLite it does more. */
async function keycloakRow(home: string): Promise<void> {
  const warmUp = 100, rows: Record<string, unknown>[] = [];
  for (const algorithm of ["RS256", "ES256"] as const) {
    await withServer(Keycloak.start(home, authority, algorithm, chains), async (keycloak) => {
      await runLoad(authority, keycloak, keycloak.refreshArgs(["--connections", "32", "--seconds", String(warmUp)]));  // for its compiler
      for (const store of ["memory", "sqlite"] as const) {
        await withOurs(`keycloak-ours-${algorithm}-${store}`, store, algorithm, async (ours) => {
          const measured = await inRounds(async () => {
            const mine = await rate(ours, ours.refreshArgs(["--connections", "32"]));
            const theirs = await rate(keycloak, keycloak.refreshArgs(["--connections", "32"]));
            return { per_cpu_second: mine.per_cpu_second, keycloak: theirs.per_cpu_second, times: mine.per_cpu_second / theirs.per_cpu_second, rss_kib: mine.rss_kib, keycloak_rss_kib: theirs.rss_kib };
          });
          rows.push({ ...measured, algorithm, store, wanted: 20 });
        });
      }
    });
  }
  save("keycloak", { rows });
}

/** Static answers beside nginx with the same bytes. */
async function staticRows(): Promise<void> {
  await withOurs("static", "memory", "RS256", async (ours) => {
    const visitor = new Visitor(authority.caPem);
    const page = await visitor.follow(`${ours.portal.portal}/auth/login`);
    const stylesheet = /href="(\/[^"]+\.css)"/.exec(page.body)?.[1];
    if (!stylesheet) throw new Error("the sign-in page has no stylesheet");
    const paths: Record<string, string> = { discovery: "/auth/idp/k8sIdp/.well-known/openid-configuration", jwks: "/auth/idp/k8sIdp/certs", stylesheet };
    const files = new Map<string, { body: string; type: string }>();
    for (const path of Object.values(paths)) {
      const answer = await visitor.fetch(ours.portal.portal + path);
      files.set(path, { body: answer.body, type: answer.headers["content-type"] ?? "" });
    }
    await withServer(Nginx.start(authority, files), async (nginx) => {
      const rows = [];
      for (const [name, path] of Object.entries(paths)) {
        for (const http2 of [false, true]) {
          const args = ["--scenario", "get", "--path", path, "--connections", "8", ...(http2 ? ["--http2", "--streams", "8"] : [])];
          const measured = await inRounds(async () => {
            const mine = await rate(ours, args), theirs = await rate(nginx, args);
            return { per_cpu_second: mine.per_cpu_second, nginx: theirs.per_cpu_second, ratio: mine.per_cpu_second / theirs.per_cpu_second };
          });
          rows.push({ name, protocol: http2 ? "HTTP/2" : "HTTP/1.1", bytes: files.get(path)!.body.length, ...measured, wanted: 0.8 });
        }
      }
      save("static", { rows });
    });
  });
}

/** What people do: a sign-in, a page, a first connection. */
async function peopleRows(): Promise<void> {
  await withOurs("people", "memory", "RS256", async (ours) => {
    const visitor = new Visitor(authority.caPem);
    await visitor.signIn(ours.portal.portal, "user-0", password);
    const cookie = [...visitor.cookies(`localhost:${ours.port}`)].map(([name, value]) => `${name}=${value}`).join("; ");
    const page = await inRounds(async () => {
      const result = await rate(ours, ["--scenario", "get", "--path", "/k8s/demo", "--header", `cookie:${cookie}`]);
      return { per_cpu_second: result.per_cpu_second };
    });
    await ours.cheapen("user-1");
    await ours.portal.stop();
    await ours.portal.start();  // reads the users anew; the memory store forgets its sessions
    const signIn = await inRounds(async () => {
      const argon2 = await measureInside<{ cpu_ms: number }>("argon2id", "1");
      const result = await rate(ours, ours.signInArgs("user-0", ["--connections", "2"]));
      const rest = await rate(ours, ours.signInArgs("user-1", ["--connections", "2"]));
      return { per_cpu_second: result.per_cpu_second, cpu_ms: 1000 / result.per_cpu_second, argon2id_cpu_ms: argon2.cpu_ms, rest_cpu_ms: 1000 / rest.per_cpu_second };
    });
    await ours.makeSessions(chains);
    const first = await inRounds(async () => {
      const full = await rate(ours, ours.refreshArgs(["--fresh"]));
      const resumed = await rate(ours, ours.refreshArgs(["--fresh", "--resume"]));
      return { full_handshake: full.per_cpu_second, resumed: resumed.per_cpu_second };
    });
    save("people", { page, sign_in: signIn, first_connection: first });
  });
}

async function latencyRow(): Promise<void> {
  await withOurs("latency", "sqlite", "RS256", async (ours) => {
    const measured = await inRounds(async () => {
      const full = await rate(ours, ours.refreshArgs(["--connections", "16"]));
      const half = await rate(ours, ours.refreshArgs(["--connections", "16", "--rate", String(Math.floor(full.per_second / 2))]));
      return { full_per_second: full.per_second, half_per_second: half.per_second, p50_ms: half.latency_ms.p50, p99_ms: half.latency_ms.p99, p999_ms: half.latency_ms.p999 };
    });
    save("latency", { ...measured, wanted_p99_ms: 5, store: "sqlite" });
  });
}

async function memoryRow(): Promise<void> {
  const fresh = await Ours.prepare(authority, { name: "start", store: "sqlite" });
  await fresh.portal.start();  // makes the first signing key, which later starts only read
  await fresh.stop();
  const ready = await inRounds(async () => {
    const ms = await readyAfter(fresh);
    const rss = residentKib(fresh.pids[0]!), cpu = cpuMs(fresh.pids[0]!);
    await fresh.stop();
    return { ready_ms: ms, ready_cpu_ms: cpu, rss_kib: rss };
  });
  await fresh.portal.start();
  const resting = await restingCpu(fresh.pids[0]!);
  await fresh.stop();
  const held = await withOurs("idle", "memory", "RS256", async (ours) => {
    await rate(ours, ours.refreshArgs());  // what it takes to work at all is not the connections'
    const result = await rate(ours, ours.refreshArgs(["--idle", String(idle), "--idle-path", "/auth/idp/k8sIdp/certs"]));
    return { connections: result.idle.connections, kib_each: round((result.idle.rss_with_kib - result.idle.rss_before_kib) / result.idle.connections, 1), refreshes_per_cpu_second: result.per_cpu_second };
  });
  save("memory", { ...ready, wanted_ready_ms: 50, wanted_rss_kib: 20480, resting_cpu: round(resting, 4), idle: { ...held, wanted_kib: 20 } });
}

async function sessionsRow(): Promise<void> {
  const memory = [];
  for (const count of [sessions / 100, sessions / 10, sessions]) memory.push(await measureInside("memory-store", String(count)));
  const sqlite = [];
  for (const count of [sessions / 100, sessions]) {
    const ours = await Ours.prepare(authority, { name: `sqlite-${count}`, store: "sqlite" });
    const filled = await measureInside<{ seconds: number }>("sqlite-fill", join(ours.portal.state, "sessions.db"), String(count));
    writeFileSync(ours.chains(), await tokensOf(ours.portal.secrets, ours.portal.issuer, "kubernetes", Math.min(count, 20_000)));
    const ready = await readyAfter(ours);
    const rss = residentKib(ours.pids[0]!);
    const load = await rate(ours, ours.refreshArgs(["--connections", "32"]));
    sqlite.push({ sessions: count, fill_seconds: filled.seconds, ready_ms: round(ready), rss_kib: rss, refreshes_per_cpu_second: load.per_cpu_second, rss_after_kib: load.rss_kib });
    await ours.stop();
  }
  save("sessions", { memory, sqlite, wanted_bytes: 1024 });
}

const rows: Record<string, () => Promise<void>> = {
  "refresh-rs256": () => refreshRow("refresh-rs256", "memory", "RS256", 0.85, 32, true),
  "refresh-rs256-sqlite": () => refreshRow("refresh-rs256-sqlite", "sqlite", "RS256", 0.75, 32, false),
  "refresh-es256": () => refreshRow("refresh-es256", "memory", "ES256", 0.5, 32, true),
  "refresh-es256-sqlite": () => refreshRow("refresh-es256-sqlite", "sqlite", "ES256", 0, 32, false),
  "floor-rs256": () => floorRow("floor-rs256", "memory", "RS256", 0.85),
  "floor-rs256-sqlite": () => floorRow("floor-rs256-sqlite", "sqlite", "RS256", 0.75),
  "floor-es256": () => floorRow("floor-es256", "memory", "ES256", 0.5),
  static: staticRows,
  people: peopleRows,
  latency: latencyRow,
  memory: memoryRow,
  sessions: sessionsRow,
  plugin: async () => save("plugin", await pluginRow(authority)),
  ...(process.env.KEYCLOAK_HOME ? { keycloak: () => keycloakRow(process.env.KEYCLOAK_HOME!) } : {}),
};

const asked = process.argv.slice(2).flatMap((each) => each.split(",")).filter((each) => each !== "all");
const unknown = asked.filter((each) => !rows[each]);
if (unknown.length > 0) {
  console.error(`no such row: ${unknown.join(", ")}; there are ${Object.keys(rows).join(", ")}`);
  process.exit(2);
}
// Connections that are held open need a file each, on both sides.
const files = Number((await onServerCore("sh", ["-c", "ulimit -n"])).trim());
if (files < idle + 500) throw new Error(`BENCH_IDLE=${idle} needs \`ulimit -n\` of ${idle + 500} or more; it is ${files}`);
const cpu = await onServerCore("sh", ["-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2; uname -r; openssl version"]);
save("machine", { at: new Date().toISOString(), machine: cpu.trim().split("\n").map((line) => line.trim()), rounds, seconds });
for (const [name, measure] of Object.entries(rows)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const began = performance.now();
  process.stdout.write(`${name} ... `);
  await measure();
  console.log(`${round((performance.now() - began) / 1000)} s`);
}
process.exit(0);
