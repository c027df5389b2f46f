// SPDX-License-Identifier: Apache-2.0
//
// What a call of `kubectl-oulogin get-token` takes with a token that is kept, beside kubectl itself with a static token and
// int128/kubelogin with one in its cache: whole processes, one after the other, on the server's core.
import { mkdirSync, mkdtempSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Visitor } from "./browserless.ts";
import type { Authority } from "./certs.ts";
import { folder, median, onServerCore, rounds } from "./bench.ts";
import { OpenUnison } from "./openunison.ts";
import { pinnedTools, pluginProgram } from "./paths.ts";
import { freePort, must, run, waitFor } from "./process.ts";

const calls = 40, password = "a password of the bench";

interface Taken {
  wall_ms: number;
  cpu_ms: number;
}
/** Of one call, from many in a row. */
async function taken(command: string[], env: Record<string, string>): Promise<Taken> {
  const script = `TIMEFORMAT='%R %U %S'; { time for ((i = 0; i < ${calls}; ++i)); do "$@" > /dev/null || exit 1; done; } 2>&1`;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const said = await onServerCore("env", ["-i", ...variables, "bash", "-c", script, "bash", ...command]);
  const [wall, user, system] = said.trim().split("\n").pop()!.split(" ").map(Number);
  return { wall_ms: (wall! / calls) * 1000, cpu_ms: ((user! + system!) / calls) * 1000 };
}

export async function pluginRow(authority: Authority): Promise<Record<string, unknown>> {
  await must(join(folder, "../../tools/cluster_tools"), ["kubelogin"], { timeout: 1_800_000 });
  const own = join(folder, "run/plugin");
  mkdirSync(own, { recursive: true });
  const portal = new OpenUnison({ folder: own, authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1", authentication: "token_life_seconds: 3600" });
  await portal.prepare();
  await portal.addUser("user", password, ["developers"]);
  await portal.start();
  try {
    const home = mkdtempSync(join(own, "home-")), opened = join(home, "opened"), bin = join(home, "bin");
    mkdirSync(bin);
    symlinkSync(pluginProgram, join(bin, "kubectl-oulogin"));
    writeFileSync(join(bin, "browser"), `#!/bin/sh\nprintf '%s\\n' "$1" >> "${opened}"\n`, { mode: 0o755 });
    const env = { HOME: home, PATH: `${bin}:${pinnedTools}:/usr/bin:/bin`, DISPLAY: ":7", BROWSER: `${join(bin, "browser")} %s` };
    const host = new URL(portal.portal).host;
    const signIn = async (program: string, args: string[], count: number) => {
      const ended = run(program, args, { env });
      const address = await waitFor("a browser to be opened", async () => (await run("cat", [opened])).stdout.split("\n").filter(Boolean)[count], 20_000);
      const visitor = new Visitor(authority.caPem);
      // kubelogin has the browser come to itself first.
      const start = address.startsWith("http://") ? (await fetch(address, { redirect: "manual" })).headers.get("location")! : address;
      const page = await visitor.follow(start);
      const signedIn = await visitor.submitLogin(page, "user", password, "http://");
      const back = signedIn.url.startsWith("http://") ? signedIn : await visitor.allow(signedIn, "http://");
      await fetch(back.url);
      const output = await ended;
      if (output.code !== 0) throw new Error(`${program}: ${output.stderr}`);
    };
    await signIn(pluginProgram, [`--host=${host}`, `--certificate-authority=${authority.caFile}`, "--browser=desktop"], 0);
    const ours = [pluginProgram, "get-token", `--host=${host}`, "--cluster=demo"];
    const kubelogin = [join(pinnedTools, "kubelogin"), "get-token", `--oidc-issuer-url=${portal.issuer}`, "--oidc-client-id=kubernetes", `--certificate-authority=${authority.caFile}`, `--browser-command=${join(bin, "browser")}`];
    await signIn(kubelogin[0]!, kubelogin.slice(1), 1);
    const token = (JSON.parse((await must(ours[0]!, ours.slice(1), { env }))) as { status: { token: string } }).status.token;
    const kubectl = [join(pinnedTools, "kubectl"), `--server=${portal.portal}`, `--certificate-authority=${authority.caFile}`, `--token=${token}`, "get", "--raw", "/.well-known/openunison"];
    const all: { ours: Taken; kubectl: Taken; kubelogin: Taken }[] = [];
    for (let i = 0; i < rounds; i += 1) all.push({ ours: await taken(ours, env), kubectl: await taken(kubectl, env), kubelogin: await taken(kubelogin, env) });
    const of = (pick: (each: (typeof all)[number]) => number) => median(all.map(pick));
    return {
      wall_ms: of((each) => each.ours.wall_ms), cpu_ms: of((each) => each.ours.cpu_ms), wanted_ms: 5,
      kubectl: { wall_ms: of((each) => each.kubectl.wall_ms), cpu_ms: of((each) => each.kubectl.cpu_ms) },
      kubelogin: { wall_ms: of((each) => each.kubelogin.wall_ms), cpu_ms: of((each) => each.kubelogin.cpu_ms), share: of((each) => each.ours.cpu_ms / each.kubelogin.cpu_ms), wanted: 0.2 },
      bytes: statSync(pluginProgram).size, wanted_bytes: 8_000_000,
    };
  } finally {
    await portal.stop();
  }
}
