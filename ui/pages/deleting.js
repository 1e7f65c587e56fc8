// Deleting series: a trial run first, then a button that names what the trial found. Only where the server allows it.

import { ApiError, aborted, ask, data } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { formatCount } from "../core/units.js";
import { parseMoment } from "../core/time.js";
import { zone } from "../core/zone.js";
import { toast } from "../core/toast.js";
import { trouble } from "../core/controls.js";

const PATH = "api/v1/admin/tsdb/delete_series";

/**
 * @param {HTMLElement} host
 * @param {string} selector
 * @param {AbortSignal} signal
 */
export async function selectorWords(host, selector, signal) {
  const features = await data("api/v1/features", {}, { signal }).catch((error) => {
    if (error instanceof ApiError || aborted(error)) return null;
    throw error;
  });
  host.hidden = !features?.api?.admin;
  if (host.hidden) return;
  const match = h("input", {
    type: "text",
    class: "mono grow",
    value: selector,
    placeholder: 'old_metric{instance="gone"}',
    "aria-label": "Selector",
    autocomplete: "off",
  });
  const [from, to] = ["the beginning", "now"].map((placeholder) =>
    h("input", {
      type: "text",
      placeholder,
      "aria-label": placeholder === "now" ? "Until" : "From",
      autocomplete: "off",
    }),
  );
  const answer = h("div", { class: "row delete-answer", role: "status" });

  /** @returns {Record<string, string | number | undefined> | null} */
  const params = () => {
    const times = [from, to].map((field) => (field.value.trim() ? parseMoment(field.value, zone()) : undefined));
    if (times.includes(null)) {
      fill(answer, h("span", { class: "bad" }, "A time is written as 2026-11-30 12:00"));
      return null;
    }
    const seconds = times.map((time) => (time === undefined || time === null ? undefined : time / 1000));
    return { "match[]": match.value.trim(), start: seconds[0], end: seconds[1] };
  };
  const trial = async () => {
    const asked = params();
    if (!asked) return;
    try {
      const found = (await (await ask(PATH, { ...asked, dry_run: 1 }, { method: "POST", signal })).json()).data;
      if (found.samples === 0)
        return fill(answer, h("span", { class: "soft" }, "Nothing of that is stored: there is nothing to delete."));
      const numbers = `${formatCount(found.samples)} samples of ${formatCount(found.series)} series`;
      fill(
        answer,
        h(
          "button",
          { type: "button", class: "danger", onclick: () => void remove(asked, numbers) },
          `Delete ${numbers}`,
        ),
        h("button", { type: "button", onclick: () => fill(answer) }, "Cancel"),
        h("span", { class: "soft" }, "It can't be undone."),
      );
    } catch (error) {
      if (aborted(error)) return;
      if (!(error instanceof ApiError)) throw error;
      fill(answer, trouble(error));
    }
  };
  const remove = async (
    /** @type {Record<string, string | number | undefined>} */ asked,
    /** @type {string} */ numbers,
  ) => {
    try {
      await ask(PATH, asked, { method: "POST" });
      fill(answer);
      toast(`Deleted ${numbers}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(answer, trouble(error));
    }
  };
  for (const field of [match, from, to]) field.addEventListener("input", () => fill(answer));
  fill(
    host,
    h("h2", {}, "Delete series"),
    h(
      "form",
      {
        class: "row delete-form",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          void trial();
        },
      },
      match,
      from,
      h("span", { class: "soft" }, "to"),
      to,
      h("button", { type: "submit" }, "Try: how much is it?"),
    ),
    answer,
  );
}
