// SPDX-License-Identifier: Apache-2.0
//
// `make soak TIME=600`: everything that a portal is used for, and garbage, for so many seconds, while it is killed and its keys
// are rotated. The kills are all in the first quarter; what lives on is measured: prints how its memory, descriptors and the
// refresh's 99th percentile moved, and what was lost; fails if anything grows for certain, or was lost. Loopback only; the load
// is paced, so that a slow machine measures the same thing.
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { randomBytes } from "node:crypto";
import { connect as connectTls } from "node:tls";
import { join } from "node:path";

import { Visitor } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { root } from "./harness/paths.ts";
import { freePort, sleep } from "./harness/process.ts";
import { percentile99, slope, type Sample } from "./harness/slope.ts";
import { demoPeople, Upstream } from "./harness/upstream.ts";

const seconds = Number(process.argv[2] ?? 600);
if (!Number.isInteger(seconds) || seconds < 60) {
  console.error("TIME must be a whole number of seconds from 60");
  process.exit(2);
}
const kills = Math.max(1, Math.floor(seconds / 200)), killSpan = seconds / 4 / kills, chains = 16;
// The allocator's pools and the page cache take about two minutes to reach the size at which they stay (heaptrack: what is in
// use doesn't grow from the first minute on). Shorter lives than that say nothing of a slope.
const warmUp = Math.min(120, (seconds - kills * killSpan) / 4);

const folder = join(root, "build/soak");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const authority = await Authority.create(folder);
const port = await freePort();
const upstream = await Upstream.start({ port: await freePort(), ...(await authority.issue("upstream", "/CN=127.0.0.1")), clientSecret: "secret", redirectUris: [`https://localhost:${port}/auth/oidc`] });
const portal = new OpenUnison({
  folder, authority, port, managementPort: await freePort(), apiServer: "https://127.0.0.1:1", upstream: { issuer: upstream.issuer, clientSecret: "secret" },
  authentication: "group_refresh_seconds: 30", extra: "  log_level: error\n  jwks: {max_age_seconds: 10, publish_ahead_seconds: 80}\n",
});
await portal.prepare();
await portal.start();

let running = true, up = true, life = 0, bornAt = performance.now();
const age = () => (performance.now() - bornAt) / 1000;
const counts = { refreshes: 0, cut: 0, forced: 0, signIns: 0, pages: 0, garbage: 0, rotations: 0, kills: 0, wrong: 0 };
const memory: Sample[] = [], descriptors: Sample[] = [], latency: Sample[] = [];
let latencies: number[] = [];
const wrong: string[] = [];
const unexpected = (what: string) => {
  counts.wrong += 1;
  if (wrong.length < 20) wrong.push(what);
};

/** Does `work` over and over; what a kill cuts is no failure of it. */
async function again(pause: number, work: () => Promise<void>): Promise<void> {
  while (running) {
    if (up) {
      const then = life;
      try {
        await work();
      } catch (error) {
        if (up && then === life) unexpected(String(error));
        else counts.cut += 1;
      }
    }
    await sleep(pause * (0.5 + Math.random()));
  }
}

const person = (i: number) => Object.keys(demoPeople)[i % 3]!;
const signIn = async (name: string) => {
  const visitor = new Visitor(authority.caPem);
  const page = await visitor.signIn(portal.portal, name, demoPeople[name]!.password);
  if (page.status !== 200) throw new Error(`a sign-in ended with ${page.status}`);
  return visitor;
};

async function refreshing(i: number): Promise<void> {
  const visitor = await signIn(person(i)), client = new Visitor(authority.caPem);
  let token = /refresh-token: "?([^"\s]+)/.exec(await visitor.kubeconfig(portal.portal, "demo"))![1]!;
  visitor.close();
  await again(100, async () => {
    const began = performance.now();
    const answer = await client.fetch(`${portal.issuer}/token`, { form: { grant_type: "refresh_token", refresh_token: token, client_id: "kubernetes" } });
    if (answer.status !== 200) {
      counts.forced += 1;
      throw new Error(`a refresh was refused: ${answer.status} ${answer.body}`);
    }
    latencies.push(performance.now() - began);
    token = (JSON.parse(answer.body) as { refresh_token: string }).refresh_token;
    counts.refreshes += 1;
  });
}
const signingIn = (i: number) => again(1500, async () => {
  const visitor = await signIn(person(i));
  await visitor.kubeconfig(portal.portal, "demo");
  await visitor.signOut(portal.portal);
  visitor.close();
  counts.signIns += 1;
});
async function reading(i: number): Promise<void> {
  let visitor = await signIn(person(i));
  await again(150, async () => {
    for (const path of ["/", "/profile", "/sessions", "/k8s/demo", "/auth/idp/k8sIdp/.well-known/openid-configuration", "/auth/idp/k8sIdp/certs", "/nothing-here"]) {
      const page = await visitor.fetch(portal.portal + path);
      if (page.status !== (path === "/nothing-here" ? 404 : 200)) {
        visitor.close();
        visitor = await signIn(person(i));
        throw new Error(`${path} answered ${page.status}`);
      }
      counts.pages += 1;
    }
  });
}
/** Bytes that nobody should send, and connections that do nothing. */
const spoiling = () => again(200, () => new Promise<void>((resolve) => {
  const tls = Math.random() < 0.7;
  const heads = ["GET / HTTP/1.1\r\nhost: localhost\r\n", "POST /auth/idp/k8sIdp/token HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\ngrant", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /\0 HTTP/1.1\r\n\r\n", ""];
  const bytes = Buffer.concat([Buffer.from(heads[Math.floor(Math.random() * heads.length)]!), randomBytes(Math.floor(Math.random() * 4000))]);
  const socket = tls ? connectTls({ port, host: "127.0.0.1", servername: "localhost", ca: authority.caPem, ALPNProtocols: Math.random() < 0.5 ? ["h2"] : ["http/1.1"] }) : connect(port, "127.0.0.1");
  socket.on(tls ? "secureConnect" : "connect", () => socket.write(bytes));
  socket.on("error", () => socket.destroy());
  socket.on("data", () => {});
  socket.on("close", () => resolve());
  setTimeout(() => (Math.random() < 0.5 ? socket.destroy() : socket.end()), 300);
  setTimeout(() => socket.destroy(), 3000);
  counts.garbage += 1;
}));
const rotating = () => again(45_000, async () => {
  await sleep(2000);
  await portal.command(["keys", "rotate", "--state", portal.state]);
  counts.rotations += 1;
});
async function sampling(): Promise<void> {
  while (running) {
    await sleep(1000);
    const { pid } = portal.program!;
    const then = life, at = age();
    try {
      const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
      const open = readdirSync(`/proc/${pid}/fd`).length;
      if (!up || then !== life) continue;
      memory.push({ life, at, value: resident });
      descriptors.push({ life, at, value: open });
    } catch {
      continue;  // it was just killed
    }
    if (latencies.length >= 500) {
      latency.push({ life, at, value: percentile99(latencies) });
      latencies = [];
    }
  }
}
async function killing(): Promise<void> {
  for (let i = 0; i < kills; i += 1) {
    await sleep(killSpan * 1000);
    if (!running) return;
    up = false;
    await portal.stop("SIGKILL");
    await portal.start();
    counts.kills += 1;
    life += 1;
    latencies = [];
    bornAt = performance.now();
    up = true;
  }
}

const began = performance.now();
const work = [
  ...Array.from({ length: chains }, (_, i) => refreshing(i)), signingIn(0), signingIn(1), reading(0), reading(1), spoiling(), spoiling(), rotating(), sampling(), killing(),
];
const failure = Promise.all(work).then(() => undefined, (error: unknown) => error);
for (let said = 0; (performance.now() - began) / 1000 < seconds; said += 1) {
  const ended = await Promise.race([failure, sleep(Math.min(10_000, seconds * 1000 - (performance.now() - began) + 1)).then(() => "goes on" as const)]);
  if (ended !== "goes on") {
    console.error(ended);
    process.exit(1);
  }
  const last = memory.at(-1), files = descriptors.at(-1);
  console.log(`${Math.round((performance.now() - began) / 1000)} s: ${counts.refreshes} refreshes, ${counts.signIns} sign-ins, ${counts.pages} pages, ${counts.garbage} times garbage, ${counts.kills} kills, ${counts.rotations} rotations; ${((last?.value ?? 0) / 1024).toFixed(1)} MiB, ${files?.value ?? 0} descriptors`);
}
running = false;
await Promise.race([failure, sleep(70_000)]);
const crashed = portal.program!.exited;
await portal.stop();
await upstream.stop();

console.log(`\n${seconds} s, ${life + 1} lives, of each the first ${Math.round(warmUp)} s left out; slopes per hour with 95 % confidence intervals`);
let bad = crashed || counts.forced > 0 || counts.wrong > 0;
/** `slack`: what a ten-minute run can't tell from nothing, per hour. */
function say(name: string, samples: Sample[], unit: string, scale: number, slack: number): void {
  const scaled = samples.map((each) => ({ ...each, value: each.value / scale }));
  const found = slope(scaled, 10, warmUp);
  const level = scaled.length ? scaled.reduce((sum, each) => sum + each.value, 0) / scaled.length : NaN;
  if (!found) {
    console.log(`${name}: mean ${level.toFixed(1)} ${unit}; too few samples for a slope`);
    return;
  }
  const grows = found.low > slack;
  bad ||= grows;
  console.log(`${name}: mean ${level.toFixed(1)} ${unit}, slope ${found.perHour.toFixed(2)} ${unit}/h [${found.low.toFixed(2)}, ${found.high.toFixed(2)}], ${found.bins} bins: ${grows ? "GROWS" : found.low <= 0 && found.high >= 0 ? "flat" : found.high < 0 ? "falls" : "flat within the slack"}`);
}
say("RSS", memory, "MiB", 1024, 2);
say("descriptors", descriptors, "open", 1, 10);
say("p99 of a refresh", latency, "ms", 1, 20);
console.log(`refreshes ${counts.refreshes}, of them refused ${counts.forced}; cut by a kill ${counts.cut}; sign-ins ${counts.signIns}; pages ${counts.pages}; garbage ${counts.garbage}; kills ${counts.kills}; rotations ${counts.rotations}; unexpected ${counts.wrong}`);
for (const line of wrong) console.log(`  ${line}`);
process.exit(bad ? 1 : 0);
