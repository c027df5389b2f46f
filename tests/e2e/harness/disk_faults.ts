// SPDX-License-Identifier: Apache-2.0
//
// Disks that fail under a running server, and state that was damaged or exchanged before it starts. What is wanted of each: nobody
// gets a token that a restart forgets, everybody is told (503 with Retry-After, a page, /readyz with the reason), and it works again
// by itself once the disk does; where it can't, the start says what to do or what was ended.
//
// A full disk is a real one: a small tmpfs in a mount namespace of the server's own. Other faults come from disk_shim.c, preloaded.
import { cpSync, existsSync, openSync, closeSync, readFileSync, rmSync, statSync, writeFileSync, writeSync, truncateSync } from "node:fs";
import { join } from "node:path";

import { Visitor } from "./browserless.ts";
import { openChains, refresh, stand, type Chain, type Stand } from "./faults.ts";
import { openunisonProgram, root } from "./paths.ts";
import { must, run, waitFor } from "./process.ts";
import { demoPeople } from "./upstream.ts";

export interface DiskFault {
  name: string;
  /** Requests while the fault lasted, all of which must be told that it doesn't work. */
  asked: number;
  /** 503 with Retry-After. */
  told: number;
  /** Answers 200 while nothing could be written, or a refusal that would sign somebody out. */
  wrong: number;
  acknowledged: number;
  lost: number;
  revived: number;
  /** /readyz was 503 and named this. */
  reason: string;
  /** Signing in gave a page with 503. */
  page: boolean;
  /** Worked again without a restart. */
  recovered: boolean;
  /** From exec to ready after a kill in the middle of the fault; undefined: not tried. */
  readyAfter?: number;
}

interface Fault {
  name: string;
  inject(): void;
  lift(): void;
}

async function readiness(portal: Stand["portal"]): Promise<{ status: number; store?: string; notice?: string }> {
  const answer = await fetch(`${portal.management}/readyz`);
  return { status: answer.status, ...((await answer.json()) as object) };
}

async function refreshAll(made: Stand, chains: Chain[], counts: DiskFault): Promise<void> {
  const client = new Visitor(made.authority.caPem);
  await Promise.all(chains.map(async (chain) => {
    const outcome = await refresh(client, made.portal.issuer, chain.current);
    if (outcome === "cut" || "refused" in outcome) throw new Error(`refused while nothing is wrong: ${JSON.stringify(outcome)}`);
    counts.acknowledged += 1;
    chain.advance(outcome.token);
  }));
}

async function checkChains(made: Stand, chains: Chain[], counts: DiskFault): Promise<void> {
  const client = new Visitor(made.authority.caPem);
  for (const chain of chains) {
    const outcome = await refresh(client, made.portal.issuer, chain.current);
    if (outcome === "cut" || "refused" in outcome) {
      counts.lost += 1;
      continue;
    }
    counts.acknowledged += 1;
    chain.advance(outcome.token);
    const again = chain.retired ? await refresh(client, made.portal.issuer, chain.retired) : undefined;
    if (typeof again === "object" && "token" in again && again.token !== chain.current) counts.revived += 1;
  }
}

async function under(made: Stand, chains: Chain[], fault: Fault, counts: DiskFault): Promise<void> {
  const { authority, portal } = made;
  fault.inject();
  const client = new Visitor(authority.caPem);
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(chains.map(async (chain) => {
      const outcome = await refresh(client, portal.issuer, chain.current);
      counts.asked += 1;
      if (typeof outcome === "object" && "refused" in outcome && outcome.refused.startsWith("503 temporarily_unavailable") && outcome.retryAfter) counts.told += 1;
      else counts.wrong += 1;
    }));
  }
  const ready = await readiness(portal);
  counts.reason = ready.status === 503 ? (ready.store ?? "") : `ready: ${ready.status}`;
  const person = Object.keys(demoPeople)[0]!;
  const page = await new Visitor(authority.caPem).signIn(portal.portal, person, demoPeople[person]!.password);
  counts.page = page.status === 503 && page.headers["retry-after"] !== undefined && page.body.includes("Sessions can’t be read or written right now");
}

function blank(name: string): DiskFault {
  return { name, asked: 0, told: 0, wrong: 0, acknowledged: 0, lost: 0, revived: 0, reason: "", page: false, recovered: false };
}

async function recover(made: Stand, chains: Chain[], fault: Fault, counts: DiskFault): Promise<void> {
  fault.lift();
  await waitFor("ready again", async () => (await readiness(made.portal)).status === 200, 10_000, 50);
  await checkChains(made, chains, counts);
  counts.recovered = true;
}

/** Faults of the disk under a running server, each also with a kill in its middle. */
export async function failingDisk(): Promise<DiskFault[]> {
  const all: DiskFault[] = [];
  const planOf = (folder: string) => join(folder, "plan");
  const made = await stand("faults-disk", {
    env: (folder) => ({ LD_PRELOAD: join(folder, "disk_shim.so"), OU_DISK_UNDER: join(folder, "state") + "/", OU_DISK_PLAN: planOf(folder) }),
  });
  await must(process.env.CC ?? "clang-19", ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", join(made.folder, "disk_shim.so"), join(root, "tests/e2e/harness/disk_shim.c")]);
  try {
    await made.portal.start();
    const chains = await openChains(made, 3);
    for (const plan of ["write-enospc", "write-eio", "write-erofs", "fsync-eio", "fsync-eio truncate-eio"]) {
      const counts = blank(plan);
      all.push(counts);
      const fault: Fault = { name: plan, inject: () => writeFileSync(planOf(made.folder), plan), lift: () => rmSync(planOf(made.folder), { force: true }) };
      await refreshAll(made, chains, counts);
      await under(made, chains, fault, counts);
      await recover(made, chains, fault, counts);
      await refreshAll(made, chains, counts);
      // Once more, and it dies of it.
      await under(made, chains, fault, counts);
      await made.portal.stop("SIGKILL");
      fault.lift();
      const began = performance.now();
      await made.portal.start();
      counts.readyAfter = performance.now() - began;
      await checkChains(made, chains, counts);
    }
    return all;
  } finally {
    await made.portal.stop();
    await made.upstream.stop();
  }
}

/** A tmpfs of 3 MiB that is filled to the last byte. */
export async function fullDisk(): Promise<DiskFault> {
  const probe = await run("unshare", ["-Urm", "true"]);
  if (probe.code !== 0) throw new Error(`a small file system can't be mounted here (${probe.stderr.trim()}): allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or a container with CAP_SYS_ADMIN), or run as root`);
  const made = await stand("faults-full", {
    wrapper: (folder) => ["unshare", "-Urm", "sh", "-c", `mount -t tmpfs -o size=3m,mode=0700 tmpfs '${join(folder, "state")}' && exec "$@"`, "sh"],
  });
  const { portal } = made;
  const counts = blank("disk full (tmpfs of 3 MiB)");
  try {
    await portal.start();
    const inside = join(`/proc/${portal.program!.pid}/root`, portal.state);
    const filler = join(inside, "filler");
    const fault: Fault = {
      name: counts.name,
      inject: () => {
        const file = openSync(filler, "w");
        try {
          for (let size = 65_536; size >= 1; ) {
            try {
              if (writeSync(file, Buffer.alloc(size)) < size) size >>= 1;
            } catch (error) {
              if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
              size >>= 1;
            }
          }
        } finally {
          closeSync(file);
        }
      },
      lift: () => rmSync(filler),
    };
    const chains = await openChains(made, 3);
    await refreshAll(made, chains, counts);
    // A log that was written back and begins anew needs no room at first: fill until it is refused.
    await under(made, chains, fault, counts);
    await recover(made, chains, fault, counts);
    await refreshAll(made, chains, counts);
    return counts;
  } finally {
    await portal.stop();
    await made.upstream.stop();
  }
}

/** Sockets can't be copied. */
function copyState(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (source) => !source.endsWith(".sock") });
}

export interface DamagedState {
  name: string;
  /** How the start ended: ready with everybody signed in, ready with all sessions ended, or refused. */
  outcome: "kept" | "ended" | "refused";
  /** What the notice of /readyz, the reason there, or the last line of the log says. */
  said: string;
  /** What `openunison check --state` says before. */
  checked: string;
  /** Tokens of sessions that had been ended, or that had been replaced, which were accepted. */
  accepted: number;
}

function overwrite(file: string, at: number, bytes: number): void {
  const open = openSync(file, "r+");
  writeSync(open, Buffer.alloc(bytes, 0x5a), 0, bytes, at);
  closeSync(open);
}

/** State that was damaged, exchanged or put back while the server was down. */
export async function damagedState(): Promise<DamagedState[]> {
  const made = await stand("faults-state");
  const { folder, portal, authority } = made;
  const client = new Visitor(authority.caPem);
  const killed = join(folder, "killed"), older = join(folder, "older"), looked = join(folder, "looked");
  try {
    await portal.start();
    const chains = await openChains(made, 3);
    const ended = (await openChains(made, 1)).map((chain) => chain.current);
    await portal.stop();
    copyState(portal.state, older);
    await portal.start();
    for (const token of ended) await client.fetch(`${portal.issuer}/revoke`, { form: { token, client_id: "kubernetes" } });
    for (let i = 0; i < 3; i += 1) await refreshAll(made, chains, blank(""));
    await portal.stop("SIGKILL");
    copyState(portal.state, killed);

    const database = join(portal.state, "sessions.db"), log = `${database}-wal`, counter = join(portal.state, "sessions.counter"), keys = join(portal.state, "keys.sealed");
    const cases: { name: string; damage: () => void }[] = [
      { name: "as a kill left it", damage: () => {} },
      { name: "older database put back", damage: () => { cpSync(join(older, "sessions.db"), database); rmSync(log); } },
      { name: "database removed", damage: () => { rmSync(database); rmSync(log); rmSync(`${database}-shm`, { force: true }); } },
      { name: "log removed", damage: () => rmSync(log) },
      { name: "log damaged in its middle", damage: () => overwrite(log, 32 + Math.floor((statSync(log).size - 32) / 4120 / 2) * 4120 + 100, 8) },
      { name: "database's header damaged", damage: () => overwrite(database, 0, 100) },
      { name: "database cut short", damage: () => { rmSync(log); truncateSync(database, statSync(database).size - 4096 * 3); } },
      { name: "database's pages damaged", damage: () => { rmSync(log); overwrite(database, 4096, statSync(database).size - 4096); } },
      { name: "counter damaged", damage: () => overwrite(counter, 20, 4) },
      { name: "counter removed", damage: () => rmSync(counter) },
      { name: "key file damaged", damage: () => overwrite(keys, 40, 4) },
    ];
    const results: DamagedState[] = [];
    for (const { name, damage } of cases) {
      rmSync(portal.state, { recursive: true });
      copyState(killed, portal.state);
      damage();
      const result: DamagedState = { name, outcome: "refused", said: "", checked: "", accepted: 0 };
      results.push(result);
      // On a copy: it writes the log back, as every opening does.
      rmSync(looked, { recursive: true, force: true });
      copyState(portal.state, looked);
      result.checked = (await run(openunisonProgram, ["check", "-f", portal.valuesFile, "--secrets", portal.secrets, "--state", looked, "--offline"])).stdout;
      const before = existsSync(portal.log) ? statSync(portal.log).size : 0;
      try {
        await portal.start();
      } catch {
        await portal.stop("SIGKILL");
        result.said = tailOf(portal.log, before);
        continue;
      }
      const ready = await readiness(portal);
      result.said = ready.notice ?? "";
      for (const token of [...ended, ...chains.flatMap((chain) => (chain.retired ? [chain.retired] : []))]) {
        const outcome = await refresh(client, portal.issuer, token);
        const newest = chains.some((chain) => typeof outcome === "object" && "token" in outcome && outcome.token === chain.current);
        if (typeof outcome === "object" && "token" in outcome && !newest) result.accepted += 1;
      }
      const alive = await refresh(client, portal.issuer, chains[0]!.current);
      result.outcome = typeof alive === "object" && "token" in alive ? "kept" : "ended";
      await portal.stop("SIGKILL");
    }
    return results;
  } finally {
    await portal.stop();
    await made.upstream.stop();
  }
}

function tailOf(file: string, from: number): string {
  return readFileSync(file).subarray(from).toString("utf8").trim().split("\n").at(-1) ?? "";
}
