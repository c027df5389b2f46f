// SPDX-License-Identifier: Apache-2.0
//
// The peer of the refresh rows: npm's oidc-provider with a public client, rotation, ten groups, everything in memory (a Map;
// its own in-memory adapter forgets after 1,000 records). PORT CERT KEY RS256|ES256 TOKENS FILE: makes so many grants and
// writes their refresh tokens once it listens.
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";

import Provider, { type Adapter, type AdapterPayload, type Configuration, type JWK } from "oidc-provider";

const [port, cert, key, algorithm, count, file] = process.argv.slice(2) as [string, string, string, "RS256" | "ES256", string, string];
const groups = Array.from({ length: 10 }, (_, i) => `team-platform-${i}`);

const records = new Map<string, AdapterPayload>(), ofGrant = new Map<string, string[]>();
class MapAdapter implements Adapter {
  constructor(private readonly model: string) {}
  private key = (id: string) => `${this.model}:${id}`;
  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    records.set(this.key(id), payload);
    if (payload.grantId) ofGrant.set(payload.grantId, [...(ofGrant.get(payload.grantId) ?? []).slice(-3), this.key(id)]);
  }
  async find(id: string): Promise<AdapterPayload | undefined> {
    return records.get(this.key(id));
  }
  async findByUid(): Promise<undefined> {}
  async findByUserCode(): Promise<undefined> {}
  async consume(id: string): Promise<void> {
    records.get(this.key(id))!.consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id: string): Promise<void> {
    records.delete(this.key(id));
  }
  async revokeByGrantId(grant: string): Promise<void> {
    for (const id of ofGrant.get(grant) ?? []) records.delete(id);
  }
}

const pair = algorithm === "RS256" ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : generateKeyPairSync("ec", { namedCurve: "P-256" });
const configuration: Configuration = {
  adapter: MapAdapter,
  clients: [{ client_id: "kubernetes", token_endpoint_auth_method: "none", redirect_uris: ["https://localhost/callback"], grant_types: ["authorization_code", "refresh_token"], response_types: ["code"], id_token_signed_response_alg: algorithm }],
  jwks: { keys: [{ ...pair.privateKey.export({ format: "jwk" }), alg: algorithm, use: "sig" } as JWK] },
  claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"], groups: ["groups"] },
  scopes: ["openid", "profile", "email", "groups", "offline_access"],
  conformIdTokenClaims: false,
  rotateRefreshToken: true,
  features: { devInteractions: { enabled: false } },
  cookies: { keys: ["only for measuring"] },
  ttl: { AccessToken: 60, IdToken: 60, Session: 86_400, Grant: 86_400, Interaction: 600, RefreshToken: 86_400 },
  findAccount: async (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, name: `Person ${id}`, preferred_username: id, email: `${id}@example.com`, email_verified: true, groups }) }),
};
const provider = new Provider(`https://localhost:${port}`, configuration);
provider.on("server_error", (_context, error) => console.error(error));
const client = (await provider.Client.find("kubernetes"))!;
const tokens: string[] = [];
for (let i = 0; i < Number(count); i += 1) {
  const accountId = `user-${i}`, scope = "openid profile email groups offline_access";
  const grant = new provider.Grant({ clientId: "kubernetes", accountId });
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  const token = new provider.RefreshToken({ accountId, client, grantId, scope, gty: "authorization_code", authTime: Math.floor(Date.now() / 1000), expiresWithSession: false, rotations: 0, iiat: Math.floor(Date.now() / 1000) } as never);
  tokens.push(await token.save());
}
createServer({ cert: readFileSync(cert), key: readFileSync(key), keepAliveTimeout: 60_000 }, provider.callback()).listen(Number(port), "127.0.0.1", () => writeFileSync(file, tokens.join("\n") + "\n"));
