// A word at the edge of the window that goes by itself.

import { h } from "./dom.js";

const STAYS_MS = 4000;

/**
 * @param {string} text
 * @param {"" | "bad"} kind
 */
export function toast(text, kind = "") {
  const place = document.getElementById("toasts");
  if (!place) return;
  const element = h("div", { class: `toast ${kind}` }, text);
  place.appendChild(element);
  setTimeout(() => element.remove(), STAYS_MS);
}
