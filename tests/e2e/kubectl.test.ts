// SPDX-License-Identifier: Apache-2.0
//
// The main job: sign in upstream, paste one command, and a real API server answers kubectl as that person.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";

import { Machine } from "./harness/kubectl.ts";
import { Hopeless, run, sleep, start, waitFor } from "./harness/process.ts";
import { expire, person, stack, type Stack } from "./harness/stack.ts";

let s: Stack;
beforeAll(async () => {
  s = await stack();
});

describe("the pasted command", () => {
  const shells: [string, string[]][] = [["bash", ["/bin/bash", "-c"]], ["dash", ["/bin/dash", "-c"]], ["zsh", ["/bin/zsh", "-c"]], ["busybox sh", ["/bin/busybox", "sh", "-c"]], ["fish", ["/usr/bin/fish", "-c"]]];
  test.each(shells)("works verbatim in %s, in a clean HOME", async (_name, shell) => {
    const { visitor } = await person(s, "alice");
    const machine = new Machine(s.folder, s.tools);
    const pasted = await machine.paste(await visitor.command(s.portal.portal, "demo"), shell);
    expect(pasted.stderr).toBe("");
    const whoami = await machine.kubectl(["auth", "whoami", "-o", "json"]);
    const status = JSON.parse(whoami.stdout) as { status: { userInfo: { username: string; groups: string[] } } };
    expect(status.status.userInfo.username).toBe("alice");
    expect(status.status.userInfo.groups).toEqual(["demo-admins", "developers", "system:authenticated"]);
  });

  test("leaves no certificate behind and writes the kubeconfig for its owner only", async () => {
    const { machine } = await person(s, "alice");
    const mode = await run("stat", ["-c", "%a", machine.config]);
    expect(mode.stdout.trim()).toBe("600");
    expect(readFileSync(machine.config, "utf8")).toContain("certificate-authority-data");
  });

  test("dies when it isn't used, and a second use of its token gets the newest one", async () => {
    const { visitor } = await person(s, "alice");
    const command = await visitor.command(s.portal.portal, "demo");
    const first = new Machine(s.folder, s.tools), second = new Machine(s.folder, s.tools);
    await first.paste(command);
    await second.paste(command);
    expect((await first.kubectl(["auth", "whoami"])).code).toBe(0);
    expect((await second.kubectl(["auth", "whoami"])).code).toBe(0);
  });

  test("a kubeconfig file does the same", async () => {
    const { visitor, machine } = await person(s, "bob");
    const file = join(machine.home, "downloaded.yaml");
    (await import("node:fs")).writeFileSync(file, await visitor.kubeconfig(s.portal.portal, "demo"), { mode: 0o600 });
    const whoami = await machine.kubectl(["auth", "whoami"], file);
    expect(whoami.stdout).toContain("bob");
  });
});

describe("RBAC", () => {
  test("allows and refuses by group", async () => {
    const alice = await person(s, "alice"), bob = await person(s, "bob"), carol = await person(s, "carol");
    expect((await alice.machine.kubectl(["get", "nodes"])).code).toBe(0);
    expect((await bob.machine.kubectl(["get", "pods"])).code).toBe(0);
    expect((await bob.machine.kubectl(["get", "nodes"])).stderr).toContain('User "bob" cannot list resource "nodes"');
    expect((await carol.machine.kubectl(["get", "pods"])).stderr).toContain("forbidden");
  });

  test("a RoleBinding to a User, with prefix - and with kube-apiserver's default prefix", async () => {
    const binding = (name: string) => ({
      apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: "carol-nodes" }, roleRef: { kind: "ClusterRole", name: "cluster-admin", apiGroup: "rbac.authorization.k8s.io" },
      subjects: [{ kind: "User", name, apiGroup: "rbac.authorization.k8s.io" }],
    });
    const carol = await person(s, "carol");
    await s.cluster.apply(binding("carol"));
    expect((await carol.machine.kubectl(["get", "nodes"])).code).toBe(0);
    await s.cluster.admin(["delete", "clusterrolebinding", "carol-nodes"]);

    await s.second.apply(binding(`${s.portal.issuer}#carol`));
    const there = await person(s, "carol", "second");
    const page = await there.visitor.follow(`${s.portal.portal}/k8s/second`);
    expect(page.body).toContain(`${s.portal.issuer}#carol`);
    await waitFor("the second API server to know carol", async () => (await there.machine.kubectl(["get", "namespaces"])).code === 0, 30_000, 1000);
  });

  test("--as works with RBAC and not without", async () => {
    const alice = await person(s, "alice"), bob = await person(s, "bob");
    expect((await alice.machine.kubectl(["auth", "whoami", "--as", "bob", "--as-group", "developers"])).stdout).toContain("bob");
    expect((await bob.machine.kubectl(["get", "pods", "--as", "alice"])).stderr).toContain("Forbidden");
  });
});

describe("streams", () => {
  test("logs and exec", async () => {
    const { machine } = await person(s, "alice");
    // What plays the node may be slow; a refusal would be said at once and stay.
    const says = (what: string, ...args: string[]) => waitFor(what, async () => {
      const { stdout, stderr } = await machine.kubectl(args);
      if (/Forbidden|Unauthorized|logged in/.test(stderr)) throw new Hopeless(stderr);
      if (!stdout.includes(what)) throw new Error(stderr);
      return true;
    });
    await says("hello from the pod", "logs", "web");
    await says("from inside", "exec", "web", "--", "echo", "from inside");
  });

  test("port-forward", async () => {
    const { machine } = await person(s, "alice");
    const forward = start("port-forward", join(s.tools, "kubectl"), ["port-forward", "pod/web", ":80"], join(machine.home, "forward.log"), machine.environment());
    const port = await waitFor("the forwarding", async () => Number(/127\.0\.0\.1:(\d+)/.exec(readFileSync(join(machine.home, "forward.log"), "utf8"))?.[1] ?? 0));
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    expect(connected).toBe(true);
    await forward.stop();
  });
});

describe("what changes", () => {
  test("a group added or removed upstream counts at the next refresh", async () => {
    const { machine } = await person(s, "carol");
    expect((await machine.kubectl(["get", "pods"])).code).not.toBe(0);
    s.upstream.control.people.carol!.groups = ["developers"];
    await sleep(1500);
    await expire(machine, "carol");
    expect((await machine.kubectl(["get", "pods"])).code).toBe(0);
    s.upstream.control.people.carol!.groups = [];
    await sleep(1500);
    await expire(machine, "carol");
    expect((await machine.kubectl(["auth", "whoami"])).stdout).not.toContain("developers");
  });

  test("who is gone upstream is signed out", async () => {
    const { visitor, machine } = await person(s, "carol");
    expect((await machine.kubectl(["auth", "whoami"])).code).toBe(0);
    s.upstream.control.people.carol!.disabled = true;
    await sleep(1500);
    await expire(machine, "carol");
    const refused = await machine.kubectl(["auth", "whoami"]);
    s.upstream.control.people.carol!.disabled = false;
    expect(refused.code).not.toBe(0);
    expect((await visitor.fetch(`${s.portal.portal}/profile`)).status).toBe(303);
  });

  test("an upstream that is away ends nothing, and says so at sign-in", async () => {
    const { machine } = await person(s, "alice");
    s.upstream.control.failWith = 503;
    await sleep(1500);
    await expire(machine, "alice");
    const answer = await machine.kubectl(["auth", "whoami"]);
    s.upstream.control.failWith = undefined;
    expect(answer.stdout).toContain("alice");
  });

  test("a token's jti is the API server's credential id", async () => {
    const { machine } = await person(s, "bob");
    await machine.kubectl(["get", "pods"]);
    const tokens = s.portal.audit().filter((line) => line.event === "token" && line.user === "bob");
    const jti = tokens.at(-1)!.jti as string;
    await waitFor("the API server's audit line", async () => s.cluster.auditEntries().some((entry) => JSON.stringify(entry).includes(`JTI=${jti}`)), 10_000);
  });
});

describe("time", () => {
  test.concurrent("a call after 70 s refreshes unseen, and one signed out at the portal stops within 70 s", async () => {
    const stays = await person(s, "alice"), leaves = await person(s, "bob");
    expect((await stays.machine.kubectl(["auth", "whoami"])).code).toBe(0);
    expect((await leaves.machine.kubectl(["get", "pods"])).code).toBe(0);
    const out = await leaves.visitor.signOut(s.portal.portal);
    expect(out.url).toContain("/signed-out");
    await sleep(71_000);
    const after = await stays.machine.kubectl(["auth", "whoami"]);
    expect(after.stderr).toBe("");
    expect(after.stdout).toContain("alice");
    expect((await leaves.machine.kubectl(["get", "pods"])).code).not.toBe(0);
  });

  test.concurrent("get -w stays open over an expiry while other calls rotate", async () => {
    const { machine } = await person(s, "alice");
    const log = join(machine.home, "watch.log");
    const watch = start("watch", join(s.tools, "kubectl"), ["get", "pods", "-w"], log, machine.environment());
    for (let i = 0; i < 7; i += 1) {
      await sleep(10_000);
      if (i % 2 === 0) await expire(machine, "alice");
      const call = await machine.kubectl(["auth", "whoami"]);
      expect(call.stdout).toContain("alice");
    }
    expect(watch.exited).toBe(false);
    await watch.stop();
  });
});
