// SPDX-License-Identifier: Apache-2.0
//
// A person's machine: a clean HOME in which the pasted command was run.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { run, type Output } from "./process.ts";
import { noteTokens } from "./secrets.ts";

export class Machine {
  readonly home: string;
  /** `whose`: the home is named after its owner, and begins empty; else after nobody. */
  constructor(folder: string, private readonly tools: string, whose?: string) {
    mkdirSync(folder, { recursive: true });
    this.home = whose ? join(folder, `home-${whose}`) : mkdtempSync(join(folder, "home-"));
    if (whose) rmSync(this.home, { recursive: true, force: true });
    mkdirSync(this.home, { recursive: true });
  }
  get config(): string {
    return join(this.home, ".kube", "config");
  }
  environment(kubeconfig?: string): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = { HOME: this.home, PATH: `${this.tools}:/usr/local/bin:/usr/bin:/bin`, LANG: "C.UTF-8" };
    if (kubeconfig) env.KUBECONFIG = kubeconfig;
    return env;
  }
  /** Pastes a command into a shell. */
  paste(command: string, shell: string[] = ["/bin/bash", "-c"]): Promise<Output> {
    return run(shell[0]!, [...shell.slice(1), command], { env: this.environment(), cwd: this.home });
  }
  async kubectl(args: string[], kubeconfig?: string, timeout = 60_000): Promise<Output> {
    const output = await run(join(this.tools, "kubectl"), args, { env: this.environment(kubeconfig), cwd: this.home, timeout });
    const file = kubeconfig ?? this.config;
    if (existsSync(file)) noteTokens(readFileSync(file, "utf8"));
    return output;
  }
}
