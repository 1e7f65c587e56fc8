// Choosing the zone that times are shown in.

import { h } from "./dom.js";
import { open } from "./dialog.js";
import { change, settings } from "./settings.js";
import { knownZone } from "./time.js";

/** The zone to show times in. */
export function zone() {
  return settings().zone;
}

/** @returns {import("./dialog.js").Item[]} */
export function choose() {
  const now = settings().zone;
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = ["UTC", "local", ...(["UTC", "local", local].includes(now) ? [] : [now])];
  return [
    ...known.map((name) => ({
      label: name === "local" ? "Local" : name,
      note: name === "local" ? local : undefined,
      checked: name === now,
      run: () => change({ zone: name }),
    })),
    "line",
    { label: "Another …", run: another },
  ];
}

function another() {
  const all = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];
  const list = h(
    "datalist",
    { id: "zones" },
    all.map((name) => h("option", { value: name })),
  );
  const field = h("input", { type: "text", list: "zones", "aria-label": "Time zone", placeholder: "Europe/Berlin" });
  const wrong = h("p", { class: "bad", role: "alert" });
  const dialog = open(
    "Time zone",
    h(
      "form",
      {
        class: "stack",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          if (field.value && knownZone(field.value)) {
            change({ zone: field.value });
            dialog.close();
          } else {
            wrong.textContent = "This browser knows no zone of that name.";
          }
        },
      },
      field,
      list,
      wrong,
      h("button", { class: "primary", type: "submit" }, "Show times there"),
    ),
  );
  field.focus();
}
