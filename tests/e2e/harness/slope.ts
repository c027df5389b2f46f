// SPDX-License-Identifier: Apache-2.0
//
// Whether something grows: the least-squares slope over time, with a 95 % confidence interval. Samples come in lives (from one
// start of a program to its end), each with a level of its own and all with one slope. What is measured every second depends on
// the second before, which would make the interval too narrow: samples are averaged over bins first.

export interface Sample {
  /** Which start of the program. */
  life: number;
  /** Seconds since then. */
  at: number;
  value: number;
}

export interface Slope {
  /** Per hour. */
  perHour: number;
  low: number;
  high: number;
  bins: number;
}

/** Student's t for 97.5 %, by degrees of freedom (Cornish-Fisher; within 1 % from 3 on). */
export function studentT(freedom: number): number {
  const z = 1.959964, z3 = z ** 3, z5 = z ** 5, z7 = z ** 7;
  return z + (z3 + z) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom ** 2) + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom ** 3);
}

/** undefined: too little to say anything. `warmUp` seconds at the beginning of each life are left out. */
export function slope(samples: Sample[], bin = 10, warmUp = 30): Slope | undefined {
  const bins = new Map<string, Sample[]>();
  for (const sample of samples) {
    if (sample.at < warmUp) continue;
    const key = `${sample.life} ${Math.floor(sample.at / bin)}`;
    bins.set(key, [...(bins.get(key) ?? []), sample]);
  }
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const points = [...bins.values()].map((group) => ({ life: group[0]!.life, at: mean(group.map((each) => each.at)), value: mean(group.map((each) => each.value)) }));
  const lives = new Map<number, typeof points>();
  for (const point of points) lives.set(point.life, [...(lives.get(point.life) ?? []), point]);
  const centred = [...lives.values()].flatMap((life) => {
    const at = mean(life.map((point) => point.at)), value = mean(life.map((point) => point.value));
    return life.map((point) => ({ x: point.at - at, y: point.value - value }));
  });
  const freedom = points.length - lives.size - 1;
  const spread = centred.reduce((sum, { x }) => sum + x * x, 0);
  if (freedom < 3 || spread === 0) return undefined;
  const b = centred.reduce((sum, { x, y }) => sum + x * y, 0) / spread;
  const rest = centred.reduce((sum, { x, y }) => sum + (y - b * x) ** 2, 0);
  const reach = studentT(freedom) * Math.sqrt(rest / freedom / spread);
  return { perHour: b * 3600, low: (b - reach) * 3600, high: (b + reach) * 3600, bins: points.length };
}

/** Of the values, the one that 99 of 100 don't exceed. */
export function percentile99(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))]!;
}
