// SPDX-License-Identifier: Apache-2.0
//
// Programs and files of a run: start, wait, stop by pid, free ports. Whatever was started is stopped when this process ends.
import { spawn, execFile, type ChildProcess } from "node:child_process";
import { appendFileSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const running = new Set<ChildProcess>();
for (const signal of ["exit", "SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill("SIGTERM");
    if (signal !== "exit") process.exit(130);
  });
}

export class Program {
  constructor(readonly name: string, readonly child: ChildProcess, readonly log: string) {}
  get pid(): number {
    return this.child.pid!;
  }
  get exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
  /** Ends the program; SIGKILL after ten seconds. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    running.delete(this.child);
    if (this.exited) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(signal);
    const late = sleep(10_000).then(() => this.child.kill("SIGKILL"));
    await Promise.race([gone, late]);
    await gone;
  }
}

/** Starts a program whose output goes to `log`. */
export function start(name: string, command: string, args: string[], log: string, env: NodeJS.ProcessEnv = process.env): Program {
  const out = openSync(log, "a");
  const child = spawn(command, args, { stdio: ["ignore", out, out], env });
  running.add(child);
  if (process.env.E2E_PIDS && child.pid) appendFileSync(process.env.E2E_PIDS, `${child.pid}\n`);
  child.once("exit", () => running.delete(child));
  return new Program(name, child, log);
}

export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end; never throws for its exit code. */
export function run(command: string, args: string[], options: { env?: NodeJS.ProcessEnv; input?: string; cwd?: string; timeout?: number } = {}): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { env: options.env ?? process.env, cwd: options.cwd, timeout: options.timeout ?? 60_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === "number" ? error.code : 255) : 0;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.on("error", () => {});  // it may end without reading
    child.stdin?.end(options.input ?? "");
  });
}

/** Runs a program that must succeed. */
export async function must(command: string, args: string[], options: Parameters<typeof run>[2] = {}): Promise<string> {
  const output = await run(command, args, options);
  if (output.code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${output.code}: ${output.stderr || output.stdout}`);
  return output.stdout;
}

/** What waiting longer can't mend. */
export class Hopeless extends Error {}

/** Tries until `probe` gives something truthy, or throws Hopeless. */
export async function waitFor<T>(what: string, probe: () => Promise<T | undefined | false>, timeout = 60_000, every = 100): Promise<T> {
  const end = Date.now() + timeout;
  let last = "";
  while (Date.now() < end) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = String(error);
    }
    await sleep(every);
  }
  throw new Error(`${what} did not happen within ${timeout} ms ${last}`);
}

// Below the ports that the kernel gives to outgoing connections (from 32768 on): one of those would take a port between the moment
// that it was found free and the one that the server listens. Each lane of tools/e2e_tests has ports of its own, and none is given
// twice: a server that is down for a moment finds its port again.
const lanes = ["", "shared", "slow", "rest", "last"], portsOfALane = 4_000;
const firstPort = 10_000 + portsOfALane * Math.max(0, lanes.indexOf(process.env.E2E_LANE ?? ""));
const given = new Set<number>();
let nextPort = process.pid % portsOfALane;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** `wanted` if it is free on loopback, else the next free port after it. 0: any. */
export async function freePort(wanted = 0): Promise<number> {
  for (let tries = 0; tries < portsOfALane; tries += 1) {
    const port = wanted ? wanted + tries : firstPort + (nextPort++ % portsOfALane);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error("no port is free");
}

export { sleep };
