// SPDX-License-Identifier: Apache-2.0
//
// `make faults CYCLES=1000`: kills while refresh tokens rotate, without and with re-reads upstream, disks that fail, and state that
// was damaged or put back. Prints what was injected and what came of it; fails if anything was lost or accepted that mustn't be.
import { damagedState, failingDisk, fullDisk } from "./harness/disk_faults.ts";
import { killWhileRotating, type FaultCounts } from "./harness/faults.ts";

const cycles = Number(process.argv[2] ?? 1000);
if (!Number.isInteger(cycles) || cycles < 1) {
  console.error("CYCLES must be a whole number from 1");
  process.exit(2);
}

const header = ["injected", "times", "acknowledged", "refused", "lost", "falsely accepted", "forced sign-ins", "restart to ready, ms"];
const rows: (string | number)[][] = [];
let bad = 0;

function readiness(times: number[]): string {
  const ready = times.toSorted((a, b) => a - b);
  return ready.length === 0 ? "-" : `${ready[Math.floor(ready.length / 2)]!.toFixed(0)}, worst ${ready.at(-1)!.toFixed(0)}`;
}

async function kills(what: string, count: number, rereadEvery?: number): Promise<FaultCounts> {
  let shown = 0;
  const counts = await killWhileRotating(count, (sofar) => {
    if (Date.now() - shown < 5000) return;
    shown = Date.now();
    console.log(`${what}: ${sofar.cycles + 1} of ${count}, ${sofar.acknowledged} rotations acknowledged, ${sofar.lost} lost`);
  }, rereadEvery);
  const accepted = counts.revived + counts.replayed;
  const forced = rereadEvery ? `${counts.forcedSignIns} (${counts.rereads} re-reads)` : counts.forcedSignIns;
  rows.push([what, counts.cycles, counts.acknowledged, `${counts.cut} cut`, counts.lost, accepted, forced, readiness(counts.readyAfter)]);
  bad += counts.lost + accepted + (rereadEvery ? 0 : counts.forcedSignIns);
  return counts;
}

await kills("kill -9 while rotating", cycles);
await kills("kill -9, upstream asked every second", Math.ceil(cycles / 10), 1);
for (const counts of [await fullDisk(), ...(await failingDisk())]) {
  const whole = counts.recovered && counts.page && counts.told === counts.asked && counts.reason !== "";
  rows.push([counts.name, counts.readyAfter === undefined ? 1 : 2, counts.acknowledged, `${counts.told} of ${counts.asked} told`, counts.lost, counts.revived + counts.wrong, counts.lost, readiness(counts.readyAfter === undefined ? [] : [counts.readyAfter])]);
  bad += counts.lost + counts.revived + counts.wrong + (whole ? 0 : 1);
}
const damaged = await damagedState();
for (const result of damaged) bad += result.accepted;

const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => String(row[column]).length)));
for (const row of [header, ...rows]) console.log(row.map((cell, column) => String(cell).padEnd(widths[column]!)).join("  ").trimEnd());
console.log("\nfound at the start            sessions  accepted  said");
for (const { name, outcome, accepted, said } of damaged) console.log(`${name.padEnd(28)}  ${outcome.padEnd(8)}  ${String(accepted).padEnd(8)}  ${said.slice(0, 200)}`);
process.exit(bad === 0 ? 0 : 1);
