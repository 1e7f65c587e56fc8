// Expressions used before, and those that were kept.

import { open } from "../core/dialog.js";
import { fill, h } from "../core/dom.js";
import { change, settings } from "../core/settings.js";

/** @param {(expr: string) => void} use */
export function showHistory(use) {
  const list = h("div", { class: "history" });
  const search = h("input", {
    type: "search",
    placeholder: "search",
    "aria-label": "Search expressions",
    oninput: () => draw(),
  });
  const dialog = open("Expressions", h("div", { class: "stack", style: { "align-items": "stretch" } }, search, list));
  const draw = () => {
    const text = search.value.toLowerCase();
    const { history, favourites } = settings();
    const fits = (/** @type {string} */ expr) => expr.toLowerCase().includes(text);
    const part = (
      /** @type {string} */ title,
      /** @type {string[]} */ all,
      /** @type {"history" | "favourites"} */ name,
    ) => {
      const seen = all.filter(fits).slice(0, 100);
      return (
        seen.length > 0 &&
        h(
          "section",
          {},
          h("h3", {}, title),
          seen.map((expr) =>
            h(
              "div",
              { class: "history-row" },
              h(
                "button",
                {
                  type: "button",
                  class: "quiet grow history-expr",
                  onclick: () => {
                    dialog.close();
                    use(expr);
                  },
                },
                expr,
              ),
              h(
                "button",
                {
                  type: "button",
                  class: "quiet square small",
                  "aria-label": "Forget it",
                  title: "Forget it",
                  onclick: () => {
                    change({ [name]: settings()[name].filter((one) => one !== expr) });
                    draw();
                  },
                },
                "×",
              ),
            ),
          ),
        )
      );
    };
    const parts = [part("Favourites", favourites, "favourites"), part("Lately", history, "history")];
    fill(
      list,
      ...parts,
      parts.every((one) => !one) &&
        h("p", { class: "soft" }, text ? "None has that." : "None yet: what you run is kept here, in this browser."),
    );
  };
  draw();
  search.focus();
}
