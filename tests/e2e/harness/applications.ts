// SPDX-License-Identifier: Apache-2.0
//
// Applications that sign people in through the portal: a server that takes what a browser or the portal posts to it, and
// Apache with Debian's mod_auth_openidc.
import { createServer, type Server } from "node:https";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Authority } from "./certs.ts";
import { freePort, start, waitFor, type Program } from "./process.ts";

export interface Posted {
  path: string;
  form: URLSearchParams;
}

/** An https server on 127.0.0.1 that keeps every form. `answers`: the status for each, the last for good. */
export class Receiver {
  readonly posted: Posted[] = [];
  answers = [200];
  private constructor(readonly origin: string, private readonly server: Server) {}

  static async start(authority: Authority): Promise<Receiver> {
    const port = await freePort();
    const tls = await authority.issue("application", "/CN=127.0.0.1");
    const server = createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) });
    const receiver = new Receiver(`https://127.0.0.1:${port}`, server);
    server.on("request", (request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        if (request.method === "POST") receiver.posted.push({ path: request.url!, form: new URLSearchParams(body) });
        const status = receiver.answers.length > 1 ? receiver.answers.shift()! : receiver.answers[0]!;
        response.writeHead(status, { "content-type": "text/html", "cache-control": "no-store" }).end("<!doctype html><title>application</title><p>here");
      });
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return receiver;
  }

  at(path: string): Posted[] {
    return this.posted.filter((each) => each.path === path);
  }
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const modules = "/usr/lib/apache2/modules";

/** Apache whose /inside/ is for people whom the portal knows. Answers there name the person in x-person. */
export class Apache {
  private constructor(readonly origin: string, private readonly folder: string, private readonly program: Program) {}

  static async start(options: { authority: Authority; port: number; issuer: string; clientId: string; clientSecret: string }): Promise<Apache> {
    const folder = mkdtempSync(join(tmpdir(), "openunison-apache-")), origin = `https://127.0.0.1:${options.port}`;
    const tls = await options.authority.issue("apache", "/CN=127.0.0.1");
    chmodSync(folder, 0o755);  // root's Apache reads it as another user
    mkdirSync(join(folder, "pages/inside"), { recursive: true });
    writeFileSync(join(folder, "pages/inside/index.html"), "inside");
    writeFileSync(join(folder, "pages/bye.html"), "bye");
    const load = ["mpm_event", "authn_core", "authz_core", "authz_user", "dir", "mime", "headers", "socache_shmcb", "ssl", "auth_openidc"];
    const file = join(folder, "apache.conf");
    writeFileSync(file, `ServerRoot ${folder}
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ServerName 127.0.0.1
${process.getuid?.() === 0 ? "User www-data\nGroup www-data" : ""}
${load.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join("\n")}
TypesConfig /dev/null
ErrorLog ${folder}/error.log
LogLevel info
Listen 127.0.0.1:${options.port}
SSLEngine on
SSLCertificateFile ${tls.cert}
SSLCertificateKeyFile ${tls.key}
DocumentRoot ${folder}/pages
<Directory ${folder}/pages>
AllowOverride None
Require all granted
</Directory>
DirectoryIndex index.html
OIDCProviderMetadataURL ${options.issuer}/.well-known/openid-configuration
OIDCCABundlePath ${options.authority.caFile}
OIDCClientID ${options.clientId}
OIDCClientSecret ${options.clientSecret}
OIDCRedirectURI ${origin}/inside/callback
OIDCCryptoPassphrase only-for-tests
OIDCScope "openid profile email groups"
OIDCPKCEMethod S256
OIDCSessionType server-cache
OIDCRemoteUserClaim sub
OIDCDefaultLoggedOutURL ${origin}/bye.html
<Location /inside>
AuthType openid-connect
Require valid-user
OIDCUnAuthAction auth true
Header always set x-person "expr=%{REMOTE_USER}"
</Location>
`);
    const program = start("apache", "/usr/sbin/apache2", ["-f", file, "-DFOREGROUND"], join(folder, "apache.log"));
    await waitFor("Apache to listen", async () => {
      if (program.exited) throw new Error(readFileSync(join(folder, "apache.log"), "utf8") + readFileSync(join(folder, "error.log"), "utf8"));
      return readFileSync(join(folder, "error.log"), "utf8").includes("resuming normal operations");
    }, 20_000);
    return new Apache(origin, folder, program);
  }

  async stop(): Promise<void> {
    await this.program.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
