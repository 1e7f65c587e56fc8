// The time of a page of small charts, in its address: `range` and `end`.

import { h } from "../core/dom.js";
import { press, segments } from "../core/controls.js";
import { formatDuration, formatMoment, parseDuration, parseMoment } from "../core/time.js";
import { zone } from "../core/zone.js";

const CHOICES = ["15m", "1h", "6h", "1d", "1w", "4w"];

/** What the address says. @returns {{range: number, end: number | null}} */
export function timeOfAddress() {
  const params = new URLSearchParams(location.search);
  return {
    range: parseDuration(params.get("range") ?? "") ?? 3_600_000,
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
