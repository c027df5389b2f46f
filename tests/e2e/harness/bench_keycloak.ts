// SPDX-License-Identifier: Apache-2.0
//
// Keycloak beside us, for those who have it: KEYCLOAK_HOME names its unpacked distribution, JAVA_HOME a JDK that it takes.
// In-memory H2, one core, the same certificate, clients and algorithm, ten groups for each user in the token, rotation on.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { folder, groups, password, type Served } from "./bench.ts";
import { Visitor } from "./browserless.ts";
import type { Authority } from "./certs.ts";
import { freePort, start, waitFor, type Program } from "./process.ts";

const realm = {
  realm: "bench", enabled: true, revokeRefreshToken: true, refreshTokenMaxReuse: 0, accessTokenLifespan: 60, ssoSessionIdleTimeout: 36000, ssoSessionMaxLifespan: 86400,
  groups: groups.map((name) => ({ name })),
  users: [0, 1, 2, 3].map((i) => ({
    username: `user-${i}`, enabled: true, email: `user-${i}@example.com`, emailVerified: true, firstName: "Person", lastName: String(i), groups: groups.map((name) => `/${name}`),
    credentials: [{ type: "password", value: password }],
  })),
};
const client = (algorithm: string) => ({
  clientId: "kubernetes", publicClient: true, directAccessGrantsEnabled: true, fullScopeAllowed: false,
  attributes: { "id.token.signed.response.alg": algorithm, "access.token.signed.response.alg": algorithm },
  protocolMappers: [{ name: "groups", protocol: "openid-connect", protocolMapper: "oidc-group-membership-mapper", config: { "claim.name": "groups", "full.path": "false", "id.token.claim": "true", "access.token.claim": "false" } }],
});

export class Keycloak implements Served {
  private constructor(readonly port: number, private readonly program: Program, private readonly chains: string) {}
  /** Its script stays as the parent of what it starts. */
  get pids(): number[] {
    const children = readFileSync(`/proc/${this.program.pid}/task/${this.program.pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
    return children.length > 0 ? children : [this.program.pid];
  }
  static async start(home: string, authority: Authority, algorithm: "RS256" | "ES256", tokens: number): Promise<Keycloak> {
    const own = join(folder, "run", `keycloak-${algorithm}`), port = await freePort();
    mkdirSync(own, { recursive: true });
    mkdirSync(join(home, "data/import"), { recursive: true });
    writeFileSync(join(home, "data/import/bench-realm.json"), JSON.stringify({ ...realm, clients: [client(algorithm)] }));
    const tls = await authority.issue("keycloak", "/CN=localhost");
    const args = ["start-dev", "--import-realm", "--db=dev-mem", "--http-enabled=false", "--hostname-strict=false", `--https-port=${port}`, `--https-certificate-file=${tls.cert}`, `--https-certificate-key-file=${tls.key}`];
    const program = start("keycloak", "taskset", ["-c", "0", join(home, "bin/kc.sh"), ...args], join(own, "log"));
    const visitor = new Visitor(authority.caPem), at = `https://localhost:${port}/realms/bench`;
    await waitFor("Keycloak", async () => (await visitor.fetch(`${at}/.well-known/openid-configuration`)).status === 200, 300_000, 1000);
    const refreshTokens: string[] = [];
    while (refreshTokens.length < tokens) {
      const answer = await visitor.fetch(`${at}/protocol/openid-connect/token`, {
        form: { grant_type: "password", client_id: "kubernetes", scope: "openid", username: `user-${refreshTokens.length % 4}`, password },
      });
      const token = (JSON.parse(answer.body) as { refresh_token?: string }).refresh_token;
      if (!token) throw new Error(`Keycloak gave no refresh token: ${answer.body}`);
      refreshTokens.push(token);
    }
    const chains = join(own, "chains");
    writeFileSync(chains, refreshTokens.join("\n") + "\n");
    return new Keycloak(port, program, chains);
  }
  refreshArgs(extra: string[] = []): string[] {
    return ["--scenario", "refresh", "--path", "/realms/bench/protocol/openid-connect/token", "--chains", this.chains, "--form", "&client_id=kubernetes", "--header", "user-agent:kubectl/v1.37.2 (linux/amd64)", ...extra];
  }
  async stop(): Promise<void> {
    await this.program.stop();
    rmSync(this.chains, { force: true });
  }
}
