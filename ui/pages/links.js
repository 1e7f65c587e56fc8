// Addresses of other pages.

import { href } from "../core/dom.js";

/** Where an expression is asked. @param {string} expr @param {Record<string, string>} [more] */
export function queryLink(expr, more = {}) {
  return href("graph", { "g0.expr": expr, "g0.tab": "graph", ...more });
}
