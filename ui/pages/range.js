// The time that all panels show: how long, until when, how far apart points are, and whether it goes on by itself.

import { h, icon, fill } from "../core/dom.js";
import { menuButton } from "../core/dialog.js";
import { newPanel, stepOf } from "../core/address.js";
import { formatDuration, formatMoment, parseDuration, parseMoment } from "../core/time.js";
import { zone } from "../core/zone.js";
import { toast } from "../core/toast.js";

/** Ranges that − and + go through. */
const RANGES = [
  "1m",
  "5m",
  "15m",
  "30m",
  "1h",
  "2h",
  "6h",
  "12h",
  "1d",
  "2d",
  "1w",
  "2w",
  "4w",
  "12w",
  "1y",
  "2y",
  "5y",
].map((text) => parseDuration(text) ?? 0);
const REFRESH = [0, 5000, 15_000, 30_000, 60_000, 300_000];

/**
 * The next longer or shorter range.
 * @param {number} range
 * @param {1 | -1} by
 */
export function nextRange(range, by) {
  return by > 0 ? (RANGES.find((one) => one > range) ?? range) : (RANGES.findLast((one) => one < range) ?? range);
}

/** @typedef {{range: number, end: number | null, step: import("../core/address.js").Step}} Time */

export class RangeBar {
  /**
   * @param {HTMLElement} host
   * @param {object} on
   * @param {(change: Partial<Time>) => void} on.change
   * @param {(ms: number) => void} on.refresh
   * @param {() => void} on.run
   */
  constructor(host, on) {
    this.on = on;
    /** @type {Time} */
    this.time = newPanel();
    this.refreshing = 0;
    this.range = h("input", {
      type: "text",
      class: "range-length",
      "aria-label": "Range",
      list: "range-lengths",
      autocomplete: "off",
      onchange: () => this.typedRange(),
    });
    this.end = h("input", {
      type: "text",
      class: "range-end",
      "aria-label": "End of the range",
      placeholder: "now",
      autocomplete: "off",
      onchange: () => this.typedEnd(),
    });
    const square = (
      /** @type {"plus" | "back" | "forward"} */ name,
      /** @type {string} */ label,
      /** @type {() => void} */ run,
    ) => h("button", { type: "button", class: "square", title: label, "aria-label": label, onclick: run }, icon(name));
    this.now = h("button", { type: "button", class: "range-now", onclick: () => on.change({ end: null }) }, "now");
    this.step = menuButton("", () => this.steps(), { class: "range-step", title: "Distance of points" });
    this.refresh = menuButton(
      "",
      () =>
        REFRESH.map((ms) => ({
          label: ms ? `every ${formatDuration(ms)}` : "never",
          checked: ms === this.refreshing,
          run: () => on.refresh(ms),
        })),
      { title: "Refresh by itself" },
    );
    this.element = h(
      "div",
      { class: "range-bar", role: "group", "aria-label": "Time" },
      h(
        "div",
        { class: "joined" },
        h(
          "button",
          {
            type: "button",
            class: "square",
            title: "Shorter ( + )",
            "aria-label": "Shorter range",
            onclick: () => this.longer(-1),
          },
          "−",
        ),
        this.range,
        h(
          "datalist",
          { id: "range-lengths" },
          RANGES.map((ms) => h("option", { value: formatDuration(ms) })),
        ),
        square("plus", "Longer range", () => this.longer(1)),
      ),
      h(
        "div",
        { class: "joined" },
        square("back", "Earlier", () => this.move(-1)),
        this.end,
        this.now,
        square("forward", "Later", () => this.move(1)),
      ),
      this.step,
      this.refresh,
      h(
        "button",
        { type: "button", class: "square", title: "Run all again (r)", "aria-label": "Run all again", onclick: on.run },
        icon("refresh"),
      ),
    );
    host.appendChild(this.element);
  }

  /**
   * @param {Time} time
   * @param {number} refresh
   */
  show(time, refresh) {
    this.time = time;
    this.refreshing = refresh;
    if (document.activeElement !== this.range) this.range.value = formatDuration(time.range);
    if (document.activeElement !== this.end)
      this.end.value = time.end === null ? "" : formatMoment(time.end, zone(), time.end % 60_000 ? "second" : "minute");
    this.now.hidden = time.end === null;
    const auto = time.step.type === "auto";
    fill(
      this.step,
      h("span", { class: "soft" }, "step"),
      auto ? `auto, ${formatDuration(stepOf(newPanel(time)))}` : formatDuration(time.step.ms),
      icon("down"),
    );
    fill(
      this.refresh,
      icon("clock"),
      refresh ? formatDuration(refresh) : h("span", { class: "offscreen" }, "Refresh: never"),
      icon("down"),
    );
    this.refresh.classList.toggle("on", refresh > 0);
  }

  typedRange() {
    const ms = parseDuration(this.range.value);
    if (ms) return this.on.change({ range: ms });
    toast("A range is a duration, such as 90m or 1d12h", "bad");
    this.range.value = formatDuration(this.time.range);
  }

  typedEnd() {
    const text = this.end.value.trim();
    const ms = text === "" || text === "now" ? null : parseMoment(text, zone());
    if (ms !== null || text === "" || text === "now") return this.on.change({ end: ms });
    toast("A time is written as 2026-11-30 12:00, or as Unix seconds", "bad");
    this.show(this.time, this.refreshing);
  }

  /** @param {1 | -1} by */
  longer(by) {
    this.on.change({ range: nextRange(this.time.range, by) });
  }

  /** @param {1 | -1} by of half a range */
  move(by) {
    const end = (this.time.end ?? Date.now()) + (by * this.time.range) / 2;
    this.on.change({ end: end >= Date.now() ? null : Math.round(end / 1000) * 1000 });
  }

  /** @returns {import("../core/dialog.js").Item[]} */
  steps() {
    const { step } = this.time;
    const auto = /** @type {const} */ (["low", "medium", "high"]).map((density) => ({
      label: density === "medium" ? "auto" : `auto, ${density} resolution`,
      checked: step.type === "auto" && step.density === density,
      note: formatDuration(stepOf(newPanel({ ...this.time, step: { ...step, type: "auto", density } }))),
      run: () => this.on.change({ step: { ...step, type: "auto", density } }),
    }));
    const fixed = ["5s", "15s", "30s", "1m", "5m", "15m", "1h", "1d"]
      .map((text) => ({ text, ms: parseDuration(text) ?? 0 }))
      .filter(({ ms }) => this.time.range / ms >= 2 && this.time.range / ms <= 11_000)
      .map(({ text, ms }) => ({
        label: text,
        checked: step.type === "fixed" && step.ms === ms,
        run: () => this.on.change({ step: { ...step, type: /** @type {const} */ ("fixed"), ms } }),
      }));
    return [...auto, "line", ...fixed];
  }
}
