// What stands at the caret, and so what can be completed there.

import { lex, LISTS } from "./lex.js";
import { OVER_TIME } from "./words.js";

/**
 * @typedef {object} Place
 * @property {"expression" | "behind" | "label" | "value" | "group" | "duration" | "nothing"} kind
 * @property {number} from what is completed begins here
 * @property {number} to and ends here, which may lie behind the caret
 * @property {string} typed of it, before the caret
 * @property {string} [label] whose value it is
 * @property {string} [selector] the selector around it as it stands, without what is typed now
 * @property {string[]} [taken] labels that are there already
 * @property {string} [quote] that the string began with
 */

/**
 * @param {string} text
 * @param {number} caret
 * @returns {Place}
 */
export function placeAt(text, caret) {
  const tokens = lex(text).filter((token) => token.kind !== "space");
  // The word that the caret touches, preferring the one before it.
  const at = tokens.findIndex(
    (token) => token.from < caret && caret <= token.to && (caret < token.to || touches(token)),
  );
  const word = tokens[at];
  const before = tokens.filter((token) => token.to <= caret && token !== word);
  const nothing = /** @type {Place} */ ({ kind: "nothing", from: caret, to: caret, typed: "" });
  if (word?.kind === "comment") return nothing;
  const open = opener(before);
  const last = before[before.length - 1];
  if (open?.text === "{") return inBraces(text, caret, before, open, word) ?? nothing;
  if (word?.kind === "string") return nothing;
  const [from, to] =
    word && (word.kind === "name" || word.kind === "duration" || word.kind === "number" || word.kind === "wrong")
      ? [word.from, word.to]
      : [caret, caret];
  const typed = text.slice(from, caret);
  if (open?.text === "[") return { kind: "duration", from, to, typed };
  if (open && open.text === "(" && LISTS.has(before[before.indexOf(open) - 1]?.text ?? "")) {
    const taken = before
      .slice(before.indexOf(open))
      .filter((token) => token.kind === "name")
      .map((token) => token.text);
    return { kind: "group", from, to, typed, taken, selector: grouped(tokens, open) };
  }
  if (word?.kind === "number") return nothing;
  if (
    last &&
    ((last.kind === "name" && !LISTS.has(last.text) && !OPERATORS.has(last.text)) ||
      last.kind === "close" ||
      last.kind === "number" ||
      last.kind === "duration")
  ) {
    return { kind: "behind", from, to, typed };
  }
  if (last?.text === "offset") return { kind: "duration", from, to, typed };
  return { kind: "expression", from, to, typed };
}

const OPERATORS = new Set(["and", "or", "unless", "atan2", "bool"]);

/** @param {import("./lex.js").Token} token */
const touches = ({ kind, whole }) =>
  kind === "name" ||
  kind === "duration" ||
  kind === "number" ||
  (kind === "string" && !whole) ||
  kind === "comment" ||
  kind === "wrong";

/**
 * The bracket that is still open behind these tokens.
 * @param {import("./lex.js").Token[]} tokens
 */
function opener(tokens) {
  let depth = 0;
  for (let i = tokens.length - 1; i >= 0; i -= 1) {
    if (tokens[i].kind === "close") depth += 1;
    else if (tokens[i].kind === "open") {
      if (depth === 0) return tokens[i];
      depth -= 1;
    }
  }
  return null;
}

/**
 * @param {string} text
 * @param {number} caret
 * @param {import("./lex.js").Token[]} before
 * @param {import("./lex.js").Token} open
 * @param {import("./lex.js").Token | undefined} word
 * @returns {Place | null}
 */
function inBraces(text, caret, before, open, word) {
  const start = before.indexOf(open);
  const inside = before.slice(start + 1);
  const name = before[start - 1]?.kind === "name" && before[start - 1].to === open.from ? before[start - 1].text : "";
  /** @type {string[]} */
  const matchers = [];
  /** @type {string[]} */
  const taken = [];
  let current = /** @type {import("./lex.js").Token[]} */ ([]);
  for (const token of inside) {
    if (token.kind === "comma") {
      if (current.length === 3) matchers.push(current.map((one) => one.text).join(""));
      current = [];
    } else {
      if (current.length === 0 && token.kind === "name") taken.push(token.text);
      current.push(token);
    }
  }
  // What stands behind the caret narrows as well as what stands before it.
  const behind = /^[^}]*/.exec(text.slice(word ? word.to : caret))?.[0] ?? "";
  for (const match of behind.matchAll(/(?:^|,)\s*([\w.]+\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*")/g))
    matchers.push(match[1]);
  const selector = matchers.length > 0 || name ? `${name}${matchers.length > 0 ? `{${matchers.join(",")}}` : ""}` : "";
  const [label, operator] = current;
  if (label && operator?.kind === "operator") {
    const isString = word?.kind === "string";
    if (current.length > 2) return null;
    const from = isString ? word.from : caret;
    const typed = isString ? text.slice(from + 1, caret) : "";
    return {
      kind: "value",
      from,
      to: isString ? word.to : caret,
      typed,
      label: unquoted(label.text),
      selector,
      quote: isString ? text[from] : '"',
    };
  }
  if (word?.kind === "string" || current.length > 0) return null;
  const [from, to] = word?.kind === "name" ? [word.from, word.to] : [caret, caret];
  return { kind: "label", from, to, typed: text.slice(from, caret), selector, taken };
}

/** @param {string} text */
const unquoted = (text) => text.replace(/^["'`]|["'`]$/g, "");

/**
 * A selector of what a list of labels groups: the first one in the parentheses beside it.
 * @param {import("./lex.js").Token[]} tokens
 * @param {import("./lex.js").Token} list
 */
function grouped(tokens, list) {
  const at = tokens.indexOf(list);
  const names = tokens.filter(
    (token, i) =>
      token.kind === "name" &&
      tokens[i + 1]?.text !== "(" &&
      i !== at - 1 &&
      !LISTS.has(token.text) &&
      !OVER_TIME.has(token.text),
  );
  // Names in braces and lists are labels; the one that a brace, window or parenthesis follows is most likely a metric.
  const metric = names.find((token) => {
    const i = tokens.indexOf(token);
    const next = tokens[i + 1]?.text ?? ")";
    const previous = tokens[i - 1]?.text ?? "(";
    return (
      ["{", "[", ")", "+", "-", "*", "/"].includes(next) &&
      !["{", ","].includes(previous) &&
      !(previous === "(" && LISTS.has(tokens[i - 2]?.text ?? ""))
    );
  });
  return metric?.text ?? "";
}
