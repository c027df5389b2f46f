// SPDX-License-Identifier: Apache-2.0
//
// A desktop's keyring: GNOME's, on a session bus of its own, without a display; so nobody can be asked for its password, and what
// asks gets an error at once.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { must, run, start, waitFor, type Program } from "./process.ts";

const password = "of-the-desktop";

export class Keyring {
  private daemon?: ChildProcess;
  private constructor(private readonly folder: string, private readonly bus: Program, readonly address: string) {}

  static async start(folder: string): Promise<Keyring> {
    mkdirSync(join(folder, "run"), { recursive: true, mode: 0o700 });
    const socket = join(folder, "run/bus"), address = `unix:path=${socket}`;
    const bus = start("dbus-daemon", "dbus-daemon", ["--session", "--nofork", "--nopidfile", `--address=${address}`], join(folder, "bus.log"), Keyring.environment(folder, address));
    await waitFor("the session bus", async () => existsSync(socket), 10_000, 20);
    const keyring = new Keyring(folder, bus, address);
    await keyring.open();
    return keyring;
  }
  private static environment(folder: string, address: string): NodeJS.ProcessEnv {
    return { HOME: folder, XDG_RUNTIME_DIR: join(folder, "run"), DBUS_SESSION_BUS_ADDRESS: address, PATH: "/usr/bin:/bin", LANG: "C.UTF-8" };
  }
  get environment(): NodeJS.ProcessEnv {
    return Keyring.environment(this.folder, this.address);
  }

  /** As at the desktop's sign-in. */
  open(): Promise<void> {
    return this.begin(["--unlock"], password);
  }
  /** As at a desktop that signed somebody in without a password. */
  lock(): Promise<void> {
    return this.begin([], "");
  }
  private async begin(args: string[], input: string): Promise<void> {
    await this.endDaemon();
    this.daemon = spawn("gnome-keyring-daemon", ["--foreground", "--components=secrets", ...args], { env: this.environment, stdio: ["pipe", "ignore", "ignore"] });
    this.daemon.stdin!.end(input);
    // Asked of the bus, since a call to the service would start another one, which is locked.
    await waitFor("the keyring", async () => /true/.test(await this.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner", "org.freedesktop.secrets")), 10_000, 20);
    if (input) await waitFor("the keyring to open", async () => /false/.test(await this.call("org.freedesktop.secrets", "/org/freedesktop/secrets/aliases/default", "org.freedesktop.DBus.Properties.Get", "org.freedesktop.Secret.Collection", "Locked")), 10_000, 50);
  }
  private async call(service: string, path: string, method: string, ...args: string[]): Promise<string> {
    return (await run("gdbus", ["call", "--session", `--dest=${service}`, `--object-path=${path}`, `--method=${method}`, ...args], { env: this.environment })).stdout;
  }
  /** It answers nobody any more, until hang(false). */
  hang(hangs = true): void {
    this.daemon!.kill(hangs ? "SIGSTOP" : "SIGCONT");
  }
  private async endDaemon(): Promise<void> {
    const daemon = this.daemon;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill("SIGKILL");
    await gone;
  }
  async stop(): Promise<void> {
    await this.endDaemon();
    await this.bus.stop();
  }

  /** How often somebody was to be asked for a password. */
  get questions(): number {
    return readFileSync(join(this.folder, "bus.log"), "utf8").split("\n").filter((line) => /Activating service name='org\.gnome\.keyring\.SystemPrompter'/.test(line)).length;
  }
  /** As at a desktop where nobody has ever had one: the first thing that is stored asks for a password of a new one. */
  async vanish(): Promise<void> {
    await this.endDaemon();
    rmSync(join(this.folder, ".local"), { recursive: true, force: true });
    await this.begin([], "");
  }
  /** What secret-tool shows of our items. */
  async items(...more: string[]): Promise<string> {
    const output = await run("secret-tool", ["search", "--all", "application", "kubectl-oulogin", ...more], { env: this.environment });
    return output.stdout + output.stderr;
  }
  async forgetEverything(): Promise<void> {
    await must("secret-tool", ["clear", "application", "kubectl-oulogin"], { env: this.environment });
  }
}
