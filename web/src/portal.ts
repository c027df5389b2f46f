// SPDX-License-Identifier: Apache-2.0
//
// What JavaScript adds to pages that work without it: copying, durations that tick, times in the reader's zone, searching
// in lists, switching the theme in place, and a warning when this computer's clock is wrong.

import "./portal.css";

const minute = 60_000;
const clockTolerance = 5_000;

/** "14 minutes": the same words as the server's (src/portal/time_text.cc). */
export function inWords(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const units: [number, string][] = [[86_400, "day"], [3_600, "hour"], [60, "minute"]];
  for (const [size, name] of units) {
    const whole = Math.floor(seconds / size);
    const coarse = whole < 2 && size > 60;
    if (whole < 1 || coarse) continue;
    const count = size > 60 ? Math.round(seconds / size) : whole;
    return `${count} ${name}${count === 1 ? "" : "s"}`;
  }
  return `${Math.max(seconds, 0)} second${seconds === 1 ? "" : "s"}`;
}

export function relative(time: number, now: number): string {
  if (time > now) return `in ${inWords(time - now + 59_000)}`;
  return now - time < minute ? "just now" : `${inWords(now - time)} ago`;
}

/** How far this computer's clock is ahead of the server's, from the time that is written into the page. */
function clockError(): number {
  const served = Number(document.body.dataset.serverTime);
  const navigation = performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming | undefined;
  const arrived = performance.timeOrigin + (navigation?.responseStart ?? 0);
  return served > 0 ? arrived - served : 0;
}

function tickTimes(offset: number): void {
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const times = [...document.querySelectorAll<HTMLTimeElement>("time.when")];
  for (const time of times) time.dataset.exact = exact.format(new Date(time.dateTime));
  const tick = () => {
    const now = Date.now() - offset;
    for (const time of times) time.textContent = relative(Date.parse(time.dateTime), now);
  };
  setInterval(tick, 15_000);
}

function warnOfClock(offset: number): void {
  const warning = document.querySelector<HTMLElement>("[data-clock]");
  if (!warning || Math.abs(offset) <= clockTolerance) return;
  warning.querySelector("[data-clock-by]")!.textContent =
    inWords(Math.abs(offset));
  warning.hidden = false;
}

function enableCopying(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy!)!;
      try {
        await navigator.clipboard.writeText(source.textContent ?? "");
        button.textContent = "Copied";
      } catch {
        getSelection()?.selectAllChildren(source);
        button.textContent = "Press Ctrl+C";
      }
      setTimeout(() => (button.textContent = "Copy"), 4000);
    });
  }
}

function enableSearch(): void {
  for (const label of document.querySelectorAll<HTMLElement>("[data-search], [data-filter]")) {
    const list = label.dataset.filter;
    const items = [...document.querySelectorAll<HTMLElement>(list ? `#${list} > li` : ".tile")];
    const input = label.querySelector("input")!;
    const nothing = document.querySelector<HTMLElement>("[data-no-match]");
    label.hidden = false;
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      for (const item of items) {
        item.hidden = !(item.dataset.name ?? item.textContent ?? "").toLowerCase().includes(wanted);
        if (!item.hidden) shown += 1;
      }
      for (const group of document.querySelectorAll<HTMLElement>(".organisation")) {
        group.hidden = !group.querySelector(".tile:not([hidden])");
      }
      if (nothing && !list) nothing.hidden = shown > 0;
    });
  }
}

function enableThemes(): void {
  const form = document.querySelector<HTMLFormElement>(".themes");
  form?.addEventListener("submit", (event) => {
    const button = event.submitter as HTMLButtonElement | null;
    if (!button) return;
    event.preventDefault();
    document.documentElement.dataset.theme = button.value;
    for (const each of form.querySelectorAll("button")) each.setAttribute("aria-pressed", String(each === button));
    const body = new URLSearchParams({ theme: button.value, return_to: "/signed-out" });
    void fetch(form.action, { method: "POST", body, redirect: "manual" });
  });
}

const offset = clockError();
enableCopying();
enableSearch();
enableThemes();
warnOfClock(offset);
tickTimes(Math.abs(offset) > clockTolerance ? offset : 0);
