// SPDX-License-Identifier: Apache-2.0
//
// A desktop's keyring: GNOME's, on a session bus of its own, without a display; so nobody can be asked for its password, and what
// asks gets an error at once.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
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
    await waitFor("the keyring", async () => (await run("gdbus", ["call", "--session", "--dest=org.freedesktop.secrets", "--object-path=/org/freedesktop/secrets", "--method=org.freedesktop.DBus.Peer.Ping"], { env: this.environment })).code === 0, 10_000, 50);
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

  /** What secret-tool shows of our items. */
  async items(...more: string[]): Promise<string> {
    const output = await run("secret-tool", ["search", "--all", "application", "kubectl-oulogin", ...more], { env: this.environment });
    return output.stdout + output.stderr;
  }
  async forgetEverything(): Promise<void> {
    await must("secret-tool", ["clear", "application", "kubectl-oulogin"], { env: this.environment });
  }
}
