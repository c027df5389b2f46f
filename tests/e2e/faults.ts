// SPDX-License-Identifier: Apache-2.0
//
// `make faults CYCLES=1000`: kill -9 while refresh tokens rotate; prints what was counted and fails if anything was lost.
import { killWhileRotating } from "./harness/faults.ts";

const cycles = Number(process.argv[2] ?? 1000);
if (!Number.isInteger(cycles) || cycles < 1) {
  console.error("CYCLES must be a whole number from 1");
  process.exit(2);
}
let shown = 0;
const counts = await killWhileRotating(cycles, (sofar) => {
  if (Date.now() - shown < 2000) return;
  shown = Date.now();
  console.log(`${sofar.cycles + 1} of ${cycles} kills, ${sofar.acknowledged} rotations acknowledged, ${sofar.lost} lost`);
});
const ready = counts.readyAfter.sort((a, b) => a - b);
const median = ready[Math.floor(ready.length / 2)]!, worst = ready[ready.length - 1]!;
console.log(`kills ${counts.cycles}, rotations acknowledged ${counts.acknowledged}, cut by a kill ${counts.cut}`);
console.log(`acknowledged rotations lost ${counts.lost}, retired tokens accepted ${counts.revived}, forced sign-ins ${counts.forcedSignIns}, re-reads upstream ${counts.rereads}`);
console.log(`exec to ready, asked every 30 ms: median ${median.toFixed(0)} ms, worst ${worst.toFixed(0)} ms`);
process.exit(counts.lost + counts.revived + counts.forcedSignIns === 0 ? 0 : 1);
