// SPDX-License-Identifier: Apache-2.0
//
// attackers.ts PORT CA_FILE EACH ADDRESS...: from each address EACH connections at a time, handshakes that don't end and headers
// that don't, and others for those that are closed. Says every second how many there were. Until SIGTERM, or whoever started it
// is gone.
import { readFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

const [port, caFile, each, ...addresses] = process.argv.slice(2);
const ca = readFileSync(caFile!, "utf8");
let tries = 0;

function one(address: string): void {
  tries += 1;
  // As many as may be in a handshake at once; with more the others get no further either.
  const halfOpen = tries % 4 === 0;
  const to = { host: "127.0.0.1", port: Number(port), localAddress: address };
  const socket: Socket = halfOpen
    ? connectPlain(to, () => socket.write(Buffer.from([0x16, 0x03, 0x01])))
    : connectTls({ ...to, servername: "localhost", ca }, () => socket.write("GET / HTTP/1.1\r\nhost: loc"));
  socket.on("error", () => socket.destroy());
  socket.resume();
  socket.once("close", () => setTimeout(() => one(address), 2_000));
}

const parent = process.ppid;
const said = (): void => console.log(`${tries} connections tried`);
setInterval(() => {
  said();
  if (process.ppid !== parent) process.exit(1);
}, 1_000);
process.on("SIGTERM", () => {
  said();
  process.exit(0);
});
for (const address of addresses) for (let i = 0; i < Number(each); i += 1) one(address);
