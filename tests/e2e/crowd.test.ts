// SPDX-License-Identifier: Apache-2.0
//
// Four addresses, each with 1,024 connections at a time and with others for those that are closed: handshakes that don't end and
// headers that don't. A fifth address signs in and refreshes meanwhile, and everything goes well. What the four cost in memory
// and descriptors is bounded, and gone when they are.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { root } from "./harness/paths.ts";
import { freePort, sleep, start, waitFor, type Program } from "./harness/process.ts";

const attackers = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"], each = 1_024, seconds = 15;
// Of one connection: TLS and the half of a header. What an allocator keeps is in it.
const mostKibEach = 64;
// The store, the log, the sockets that listen, and what is being closed.
const otherFiles = 64;

let portal: OpenUnison, authority: Authority;
beforeAll(async () => {
  const folder = join(root, "build/e2e-crowd");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  authority = await Authority.create(folder);
  portal = new OpenUnison({ folder, authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1" });
  await portal.prepare();
  await portal.addUser("dora", "password-of-dora", []);
  await portal.start();
});
afterAll(async () => {
  await portal?.stop();
});

async function metric(name: string, label = ""): Promise<number> {
  const text = await (await fetch(`${portal.management}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(name) && /[ {]/.test(candidate[name.length]!) && candidate.includes(label));
  if (!line) throw new Error(`there is no ${name} ${label}`);
  return Number(line.split(" ").pop());
}
const connections = () => metric("openunison_http_connections", 'server="portal"');
const memoryKib = async () => (await metric("process_resident_memory_bytes")) / 1024;

test("four addresses with 1,024 connections each keep nobody else out, and cost a bounded amount", async () => {
  const signIn = async () => {
    const visitor = new Visitor(authority.caPem);
    expect((await visitor.signIn(portal.portal, "dora", "password-of-dora")).status).toBe(200);
    return visitor;
  };
  const early = await signIn();
  const memoryBefore = await memoryKib(), filesBefore = await metric("process_open_fds");
  // A process of its own: the fifth address mustn't wait for the other four in their event loop.
  const crowdLog = join(root, "build/e2e-crowd/attackers.log");
  let crowd: Program | undefined;
  let mostConnections = 0, mostMemory = 0, mostFiles = 0, refreshes = 0, signIns = 0;
  try {
    crowd = start("attackers", process.execPath, ["--import", "tsx", join(import.meta.dirname, "harness/attackers.ts"), String(portal.options.port), authority.caFile, String(each), ...attackers], crowdLog);
    await waitFor("the crowd to be there", async () => (await connections()) > each, 60_000, 100);
    const end = Date.now() + seconds * 1_000;
    while (Date.now() < end) {
      // A whole person, on new connections.
      const visitor = await signIn(), client = new Visitor(authority.caPem);
      signIns += 1;
      let token = /refresh-token: "?([^"\s]+)/.exec(await visitor.kubeconfig(portal.portal, "demo"))![1]!;
      for (let i = 0; i < 10; i += 1) {
        const answer = await client.fetch(`${portal.issuer}/token`, { form: { grant_type: "refresh_token", refresh_token: token, client_id: "kubernetes" } });
        expect(answer.status).toBe(200);
        token = (JSON.parse(answer.body) as { refresh_token: string }).refresh_token;
        refreshes += 1;
      }
      visitor.close();
      client.close();
      expect((await early.fetch(`${portal.portal}/`)).status).toBe(200);
      mostConnections = Math.max(mostConnections, await connections());
      mostMemory = Math.max(mostMemory, await memoryKib());
      mostFiles = Math.max(mostFiles, await metric("process_open_fds"));
      await sleep(50);
    }
  } finally {
    await crowd?.stop();
  }
  const tries = Math.max(0, ...[...readFileSync(crowdLog, "utf8").matchAll(/^(\d+) connections tried$/gm)].map((match) => Number(match[1])));
  console.log(`${tries} connections tried, ${mostConnections} at once; ${signIns} sign-ins and ${refreshes} refreshes beside them; ${Math.round((mostMemory - memoryBefore) / 1024)} MiB and ${mostFiles - filesBefore} descriptors more`);
  // The attack was one: more than a single address may have, as many as this machine lets node open in time.
  expect(tries).toBeGreaterThan(attackers.length * each);
  expect(mostConnections).toBeGreaterThan(each);
  expect(await metric("openunison_http_refused_total", 'reason="handshakes_per_address"')).toBeGreaterThan(0);
  // What it could reach was its share.
  const most = attackers.length * each;
  expect(mostConnections).toBeLessThanOrEqual(most + otherFiles);
  expect(mostFiles - filesBefore).toBeLessThanOrEqual(most + otherFiles);
  expect(mostMemory - memoryBefore).toBeLessThan(most * mostKibEach);
  await waitFor("what the crowd held to be given back", async () => (await metric("process_open_fds")) <= filesBefore + otherFiles, 60_000, 200);
  expect(refreshes).toBeGreaterThanOrEqual(10);
  early.close();
}, 180_000);
