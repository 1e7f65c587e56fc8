// The time of a page of small charts, in its address: `range` and `end`.

import { data } from "../core/api.js";
import { h } from "../core/dom.js";
import { press, segments } from "../core/controls.js";
import { formatDuration, formatMoment, parseDuration, parseMoment } from "../core/time.js";
import { zone } from "../core/zone.js";

const CHOICES = ["15m", "1h", "6h", "1d", "1w", "4w"];

/** Shown where the address names no range. */
let usual = 3_600_000;
/** A store that is younger than the usual range begins with this one. */
const YOUNG = 900_000;
/** @type {Promise<void> | null} */
let settled = null;

/** Chooses the range that is shown where the address names none: in a young store most of an hour would be blank. */
export function settleRange() {
  settled ??= data("api/v1/status/storage").then(({ tables, memtables }) => {
    const oldest = Math.min(
      ...[...tables, ...memtables].map((/** @type {{minTime: number | null}} */ part) => part.minTime ?? Infinity),
    );
    if (oldest > Date.now() - YOUNG) usual = YOUNG;
  });
  settled.catch(() => {
    settled = null;
  });
  return settled;
}

/** What the address says. @returns {{range: number, end: number | null}} */
export function timeOfAddress() {
  const params = new URLSearchParams(location.search);
  return {
    range: parseDuration(params.get("range") ?? "") ?? usual,
    end: params.has("end") ? parseMoment(params.get("end") ?? "") : null,
  };
}

/**
 * The address with some of its parameters changed; empty ones leave.
 * @param {Record<string, string>} changes
 */
export function changed(changes) {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) params.set(name, value);
    else params.delete(name);
  }
  const query = params.toString();
  return (location.pathname.split("/").pop() || "./") + (query ? `?${query}` : "");
}

/**
 * Ranges to choose from, and when the range ends if that isn't now.
 * @param {(address: string) => void} go
 */
export function timeChoice(go) {
  const choice = segments(
    "Range",
    CHOICES.map((value) => ({ value, label: value })),
    "",
    (range) => go(changed({ range })),
    "small",
  );
  const end = h("span", { class: "row small" });
  const element = h("div", { class: "row" }, choice, end);
  return {
    element,
    show() {
      const time = timeOfAddress();
      press(choice, formatDuration(time.range));
      end.textContent = "";
      if (!CHOICES.includes(formatDuration(time.range)))
        end.append(h("span", { class: "soft" }, formatDuration(time.range)));
      if (time.end !== null)
        end.append(
          h("span", {}, `until ${formatMoment(time.end, zone(), "minute")}`),
          h("button", { type: "button", class: "small", onclick: () => go(changed({ end: "" })) }, "until now"),
        );
    },
    /** @param {number} start @param {number} to */
    zoom(start, to) {
      go(
        changed({
          range: formatDuration(Math.max(1000, Math.round((to - start) / 1000) * 1000)),
          end: to >= Date.now() - 2000 ? "" : String(Math.round(to / 1000)),
        }),
      );
    },
  };
}
