// SPDX-License-Identifier: Apache-2.0
//
// A person's machine with the plugin on it. Its browser is a script that notes the address, which a test then visits. What the
// plugin makes of the machine by itself is a table of its unit tests: here it is told that there is a desktop, for tests run in containers.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Machine } from "./kubectl.ts";
import { pluginProgram } from "./paths.ts";
import { run, waitFor, type Output } from "./process.ts";
import { noteAddress, noteTokens } from "./secrets.ts";
import type { Stack } from "./stack.ts";

export class Desk extends Machine {
  /** More of the environment of everything that runs here. */
  more: NodeJS.ProcessEnv = {};
  readonly bin: string;
  private readonly addresses: string;

  constructor(private readonly stack: Stack, whose?: string) {
    super(stack.folder, stack.tools, whose);
    this.bin = join(this.home, "bin");
    this.addresses = join(this.home, "opened");
    mkdirSync(this.bin);
    symlinkSync(pluginProgram, join(this.bin, "kubectl-oulogin"));
    writeFileSync(join(this.bin, "browser"), `#!/bin/sh\nprintf '%s\\n' "$1" >> "${this.addresses}"\n`, { mode: 0o755 });
  }

  override environment(kubeconfig?: string): NodeJS.ProcessEnv {
    const env = super.environment(kubeconfig);
    return { ...env, PATH: `${this.bin}:${env.PATH}`, DISPLAY: ":7", BROWSER: `${join(this.bin, "browser")} %s`, TERM: "dumb", ...this.more };
  }

  /** `kubectl oulogin ARGS`. */
  async oulogin(args: string[], kubeconfig?: string, timeout = 60_000): Promise<Output> {
    const output = await run(join(this.bin, "kubectl-oulogin"), args, { env: this.environment(kubeconfig), cwd: this.home, timeout });
    noteTokens(output.stdout);
    for (const file of this.stateFiles()) noteTokens(readFileSync(file, "utf8"));
    return output;
  }
  signIn(args: string[] = [], kubeconfig?: string): Promise<Output> {
    return this.oulogin([`--host=${new URL(this.stack.portal.portal).host}`, `--certificate-authority=${this.stack.authority.caFile}`, "--browser=desktop", ...args], kubeconfig);
  }

  /** The addresses that the browser was told to open. */
  get opened(): string[] {
    return existsSync(this.addresses) ? readFileSync(this.addresses, "utf8").split("\n").filter(Boolean) : [];
  }
  /** The next address that is opened, after `before` of them. */
  async nextAddress(before: number): Promise<string> {
    const address = await waitFor("a browser to be opened", async () => this.opened[before], 20_000, 20);
    noteAddress(address);
    return address;
  }
  forgetAddresses(): void {
    rmSync(this.addresses, { force: true });
  }

  get state(): string {
    return join(this.home, ".local/state/kubectl-oulogin");
  }
  stateFiles(): string[] {
    if (!existsSync(this.state)) return [];
    return readdirSync(this.state, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json")).map((name) => join(this.state, name));
  }
  /** Makes every kept token as old as `seconds`. */
  age(seconds: number): void {
    for (const file of this.stateFiles().filter((each) => /\/(cluster|workload)-/.test(each))) {
      const kept = JSON.parse(readFileSync(file, "utf8")) as { received_millis: number };
      kept.received_millis -= seconds * 1000;
      writeFileSync(file, JSON.stringify(kept));
    }
  }
}
