// Changing an expression by click: a matcher more in its selectors, a label to group by.

import { lex, LISTS } from "./lex.js";
import { WORDS } from "./words.js";
import { quote } from "../chart/data.js";

/**
 * @typedef {object} Selector
 * @property {number} from
 * @property {number} to
 * @property {string} text
 * @property {{from: number, to: number} | null} braces with them
 */

/**
 * The selectors of an expression, in order.
 * @param {string} text
 * @returns {Selector[]}
 */
export function selectors(text) {
  const tokens = lex(text).filter((token) => token.kind !== "space" && token.kind !== "comment");
  /** @type {Selector[]} */
  const found = [];
  let i = 0;
  while (i < tokens.length) {
    const token = tokens[i];
    const next = tokens[i + 1];
    if (token.kind === "open" && token.text === "(" && LISTS.has(tokens[i - 1]?.text ?? "")) {
      while (i < tokens.length && tokens[i].text !== ")") i += 1;
      i += 1;
      continue;
    }
    const name =
      token.kind === "name" &&
      next?.text !== "(" &&
      WORDS.get(token.text)?.kind !== "keyword" &&
      !(WORDS.get(token.text)?.kind === "aggregation" && LISTS.has(next?.text ?? ""));
    const brace = name ? next?.text === "{" : token.text === "{";
    if (!name && !brace) {
      i += 1;
      continue;
    }
    let end = name ? i : i - 1;
    let braces = null;
    if (brace) {
      const open = tokens[end + 1];
      let close = end + 1;
      while (close < tokens.length && tokens[close].text !== "}") close += 1;
      const last = tokens[Math.min(close, tokens.length - 1)];
      braces = { from: open.from, to: last.to };
      end = Math.min(close, tokens.length - 1);
    }
    const from = token.from;
    const to = tokens[end].to;
    found.push({ from, to, text: text.slice(from, to), braces });
    i = end + 1;
  }
  return found;
}

/**
 * The same expression with a matcher more in every selector.
 * @param {string} text
 * @param {string} label
 * @param {"=" | "!=" | "=~" | "!~"} operator
 * @param {string} value
 */
export function withMatcher(text, label, operator, value) {
  const name = /^[a-zA-Z_]\w*$/.test(label) ? label : quote(label);
  const matcher = `${name}${operator}${quote(value)}`;
  let out = text;
  for (const { to, braces } of selectors(text).reverse()) {
    if (!braces) {
      out = `${out.slice(0, to)}{${matcher}}${out.slice(to)}`;
      continue;
    }
    const inner = out.slice(braces.from + 1, braces.to - 1);
    // A matcher for the same value that is there already says the same, or the opposite, and makes way.
    const parts = inner
      .split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)
      .map((part) => part.trim())
      .filter(
        (part) =>
          part &&
          part !== matcher &&
          part !== `${name}${operator === "=" ? "!=" : "="}${quote(value)}` &&
          !(operator === "=" && part.startsWith(`${name}=`) && !part.startsWith(`${name}=~`)),
      );
    out = `${out.slice(0, braces.from)}{${[...parts, matcher].join(", ")}}${out.slice(braces.to)}`;
  }
  return out;
}

/**
 * The same expression with a matcher replaced, wherever it stands.
 * @param {string} text
 * @param {string} label
 * @param {string} from
 * @param {string} to
 */
export function withValue(text, label, from, to) {
  const strings = lex(text).filter((token) => token.kind !== "space");
  let out = text;
  for (let i = strings.length - 1; i >= 2; i -= 1) {
    const [name, , value] = [strings[i - 2], strings[i - 1], strings[i]];
    if (value.kind === "string" && name.text === label && value.text === quote(from))
      out = out.slice(0, value.from) + quote(to) + out.slice(value.to);
    else if (value.kind === "string" && name.text === label && value.text.slice(1, -1) === from)
      out = out.slice(0, value.from) + quote(to) + out.slice(value.to);
  }
  return out;
}

/**
 * The expression summed by a label; one that is an aggregation by labels already gets one more.
 * @param {string} text
 * @param {string} label
 */
export function groupedBy(text, label) {
  const name = /^[a-zA-Z_]\w*$/.test(label) ? label : quote(label);
  const head = /^\s*(\w+)\s+by\s*\(([^)]*)\)/.exec(text);
  if (head && WORDS.get(head[1])?.kind === "aggregation") {
    const labels = head[2]
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean);
    if (labels.includes(name)) return text;
    return text.replace(head[2], [...labels, name].join(", "));
  }
  return `sum by (${name}) (${text.trim()})`;
}
