// A text of PromQL as words with their places: for colours, and to see what stands at the caret. It never fails: what it
// doesn't know is of kind `wrong`.

import { WORDS } from "./words.js";

/**
 * @typedef {"space" | "comment" | "string" | "number" | "duration" | "name" | "open" | "close" | "comma" | "operator" | "wrong"} Kind
 * @typedef {{kind: Kind, from: number, to: number, text: string, whole: boolean}} Token `whole` is false for a string without its end
 */

const RULES = /** @type {[Kind, RegExp][]} */ ([
  ["space", /\s+/y],
  ["comment", /#[^\n]*/y],
  ["duration", /(?:\d+(?:ms|[ywdhms]))+(?![\w.])/y],
  [
    "number",
    /0x[0-9a-fA-F_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![a-zA-Z])|(?:[iI][nN][fF]|[nN][aA][nN])(?![\w:])/y,
  ],
  ["name", /[a-zA-Z_:][\w:.]*|[\u0080-\uffff]+/y],
  ["open", /[({[]/y],
  ["close", /[)}\]]/y],
  ["comma", /,/y],
  ["operator", /=~|!~|!=|==|<=|>=|=|<|>|\+|-|\*|\/|%|\^|@|:/y],
]);

/**
 * @param {string} text
 * @returns {Token[]}
 */
export function lex(text) {
  /** @type {Token[]} */
  const tokens = [];
  let at = 0;
  while (at < text.length) {
    const quote = text[at];
    if (quote === '"' || quote === "'" || quote === "`") {
      const [to, whole] = stringEnd(text, at);
      tokens.push({ kind: "string", from: at, to, text: text.slice(at, to), whole });
      at = to;
      continue;
    }
    let found = false;
    for (const [kind, rule] of RULES) {
      rule.lastIndex = at;
      const match = rule.exec(text);
      if (!match) continue;
      tokens.push({ kind, from: at, to: at + match[0].length, text: match[0], whole: true });
      at += match[0].length;
      found = true;
      break;
    }
    if (!found) {
      tokens.push({ kind: "wrong", from: at, to: at + 1, text: text[at], whole: true });
      at += 1;
    }
  }
  return tokens;
}

/**
 * Where a string ends. Only one in back quotes may go over several lines.
 * @param {string} text
 * @param {number} from
 * @returns {[number, boolean]}
 */
function stringEnd(text, from) {
  const quote = text[from];
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === quote) return [at + 1, true];
    if (text[at] === "\\" && quote !== "`") at += 1;
    else if (text[at] === "\n" && quote !== "`") return [at, false];
  }
  return [text.length, false];
}

/** @typedef {{from: number, to: number, look: string}} Span */

/**
 * The spans of a text that have a colour.
 * @param {string} text
 * @returns {Span[]}
 */
export function colours(text) {
  /** @type {Span[]} */
  const spans = [];
  const tokens = lex(text).filter((token) => token.kind !== "space");
  /** What each open bracket is: braces, a list of labels, or another. */
  const open = /** @type {string[]} */ ([]);
  tokens.forEach((token, i) => {
    const { kind, from, to } = token;
    const add = (/** @type {string} */ look) => spans.push({ from, to, look });
    if (kind === "open") {
      const before = tokens[i - 1]?.text ?? "";
      open.push(token.text === "{" ? "braces" : token.text === "(" && LISTS.has(before) ? "labels" : "other");
    } else if (kind === "close") open.pop();
    else if (kind === "comment" || kind === "string" || kind === "number") add(kind);
    else if (kind === "duration") add("number");
    else if (kind === "wrong") add("wrong");
    else if (kind === "name") {
      const inside = open[open.length - 1];
      if (inside === "braces" || inside === "labels") add("label");
      else {
        const word = WORDS.get(token.text);
        if (word?.kind === "keyword") add("keyword");
        else if (
          word &&
          (tokens[i + 1]?.text === "(" || (word.kind === "aggregation" && LISTS.has(tokens[i + 1]?.text ?? "")))
        )
          add("function");
      }
    }
  });
  return spans;
}

/** Words that a list of labels follows. */
export const LISTS = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);

/**
 * The bracket at or before a place, and its partner.
 * @param {string} text
 * @param {number} caret
 * @returns {[number, number] | null}
 */
export function partners(text, caret) {
  const brackets = lex(text).filter((token) => token.kind === "open" || token.kind === "close");
  const at = brackets.findIndex((token) => token.from === caret - 1 || token.from === caret);
  const found = brackets.findIndex((token) => token.from === caret - 1);
  const here = found >= 0 ? found : at;
  if (here < 0) return null;
  const step = brackets[here].kind === "open" ? 1 : -1;
  let depth = 0;
  for (let i = here; i >= 0 && i < brackets.length; i += step) {
    depth += brackets[i].kind === "open" ? 1 : -1;
    if (depth === 0) return [brackets[here].from, brackets[i].from];
  }
  return null;
}
