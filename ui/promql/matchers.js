// The matchers of one selector, its name among them.

import { lex } from "./lex.js";

/**
 * @param {string} selector
 * @returns {{label: string, operator: string, value: string}[]}
 */
export function matchersOf(selector) {
  const tokens = lex(selector).filter((token) => token.kind !== "space");
  /** @type {{label: string, operator: string, value: string}[]} */
  const found = [];
  if (tokens[0]?.kind === "name") found.push({ label: "__name__", operator: "=", value: tokens[0].text });
  tokens.forEach((token, i) => {
    if (token.kind !== "operator" || tokens[i + 1]?.kind !== "string") return;
    const label = tokens[i - 1]?.text.replace(/^["'`]|["'`]$/g, "") ?? "";
    found.push({ label, operator: token.text, value: literal(tokens[i + 1].text) });
  });
  return found;
}

/**
 * What a string literal means.
 * @param {string} text with its quotes
 */
export function literal(text) {
  const body = text.slice(1, -1);
  if (text[0] === "`") return body;
  const plain = /** @type {Record<string, string>} */ ({ n: "\n", t: "\t", r: "\r" });
  return body.replace(/\\(.)/g, (_, letter) => plain[letter] ?? letter);
}
