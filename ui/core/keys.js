// Keys of the whole page, and the list of all of them.

import { h } from "./dom.js";
import { open } from "./dialog.js";

/** What there is to press, by place: shown by `?`. */
const KEYS = /** @type {const} */ ([
  [
    "Everywhere",
    [
      ["?", "these keys"],
      ["/", "go to the editor or search field"],
      ["g then h, q, e, b, c, s", "home, query, explore, boards, cardinality, storage"],
      ["Esc", "close what is on top"],
    ],
  ],
  [
    "Query",
    [
      ["Enter", "run"],
      ["Shift+Enter", "new line"],
      ["Ctrl+Space", "complete"],
      ["Alt+Shift+F", "format"],
      ["r", "run all again"],
      ["+ −", "half, double the range"],
      ["[ ]", "earlier, later by half the range"],
    ],
  ],
  [
    "Chart",
    [
      ["← →", "move the crosshair; with Shift ten steps"],
      ["↑ ↓", "next series"],
      ["Enter", "isolate the series"],
      ["t", "the numbers as a table"],
      ["drag", "zoom"],
      ["Shift+drag", "move in time"],
      ["double click", "back to before"],
      ["Ctrl+wheel", "zoom about the pointer"],
    ],
  ],
]);

/** @type {Record<string, string>} */
const GO = { h: "./", q: "graph", e: "explore", b: "dash", c: "cardinality", s: "storage", r: "queries", a: "alerts" };

/** @typedef {(event: KeyboardEvent) => boolean} Handler whether it took the key */

/** @type {Handler[]} */
const handlers = [];

/**
 * Lets a page take keys that nobody else wants.
 * @param {Handler} handler
 * @returns {() => void} ends it
 */
export function onKey(handler) {
  handlers.push(handler);
  return () => void handlers.splice(handlers.indexOf(handler), 1);
}

/** @param {EventTarget | null} target */
function types(target) {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/**
 * Begins to listen.
 * @param {(page: string) => void} go
 */
export function listen(go) {
  let waiting = false;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || types(event.target)) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const took = () => event.preventDefault();
    if (waiting) {
      waiting = false;
      const page = GO[event.key];
      if (page) {
        took();
        go(page);
        return;
      }
    }
    for (const handler of [...handlers].reverse()) {
      if (handler(event)) return took();
    }
    if (event.key === "?") {
      took();
      help();
    } else if (event.key === "g") {
      waiting = true;
      setTimeout(() => (waiting = false), 1500);
    } else if (event.key === "/") {
      const field = document.querySelector("#page textarea, #page input[type=search]");
      if (field instanceof HTMLElement) {
        took();
        field.focus();
      }
    }
  });
}

/** Shows all keys. */
export function help() {
  const lists = KEYS.map(([place, keys]) =>
    h(
      "section",
      {},
      h("h3", {}, place),
      h("dl", { class: "keys" }, ...keys.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    ),
  );
  open("Keys", h("div", { class: "keys-columns" }, lists));
}
