// The unit of an expression, carried from its metrics through functions and operators. What it can't tell is a plain number.

import { PLAIN, unitOf } from "../core/units.js";
import { selectors } from "./edit.js";
import { lex, LISTS } from "./lex.js";
import { WORDS } from "./words.js";

/** @typedef {import("../core/units.js").Unit} Unit */

const RATES = new Set(["rate", "irate", "deriv"]);
const NONE = new Set([
  "count",
  "count_values",
  "group",
  "absent",
  "absent_over_time",
  "changes",
  "resets",
  "count_over_time",
  "present_over_time",
  "sgn",
  "day_of_month",
  "day_of_week",
  "day_of_year",
  "days_in_month",
  "hour",
  "minute",
  "month",
  "year",
  "histogram_count",
  "ln",
  "log2",
  "log10",
  "exp",
  "stdvar",
  "stdvar_over_time",
  "pi",
  "scalar_bool",
]);
/** The argument that the result has the unit of, where it isn't the last. */
const FIRST = new Set([
  "label_replace",
  "label_join",
  "clamp",
  "clamp_min",
  "clamp_max",
  "round",
  "predict_linear",
  "double_exponential_smoothing",
]);
/** Functions whose result is of what a histogram observes. */
const OBSERVED = new Set(["histogram_quantile", "histogram_quantiles", "histogram_avg", "histogram_stddev"]);
const LEVELS = [
  ["or"],
  ["and", "unless"],
  ["==", "!=", "<", ">", "<=", ">="],
  ["+", "-"],
  ["*", "/", "%", "atan2"],
  ["^"],
];

/**
 * @param {string} text
 * @param {(metric: string) => string} [told] the unit of the metric's metadata
 * @returns {Unit}
 */
export function unitOfExpression(text, told = () => "") {
  const tokens = lex(text).filter((token) => token.kind !== "space" && token.kind !== "comment");
  let at = 0;
  /** The unit of the last metric, whatever was done to it since: what the buckets of a histogram are bounds of. */
  let bounds = PLAIN;
  const peek = () => tokens[at]?.text ?? "";
  const skipBracket = () => {
    let depth = 0;
    do {
      if (tokens[at]?.kind === "open") depth += 1;
      if (tokens[at]?.kind === "close") depth -= 1;
      at += 1;
    } while (depth > 0 && at < tokens.length);
  };
  const modifiers = () => {
    for (;;) {
      if (LISTS.has(peek())) {
        at += 1;
        if (peek() === "(") skipBracket();
      } else if (peek() === "bool") at += 1;
      else return;
    }
  };

  /** @param {number} level @returns {Unit | "number"} */
  const binary = (level) => {
    if (level === LEVELS.length) return unary();
    let left = binary(level + 1);
    while (LEVELS[level].includes(peek())) {
      const operator = peek();
      at += 1;
      const bool = peek() === "bool";
      modifiers();
      left = joined(operator, left, binary(level + 1), bool);
    }
    return left;
  };

  /** @returns {Unit | "number"} */
  const unary = () => {
    while (peek() === "-" || peek() === "+") at += 1;
    const unit = atom();
    for (;;) {
      if (peek() === "[") skipBracket();
      else if (peek() === "offset" || peek() === "@") {
        at += 1;
        while (peek() === "-") at += 1;
        at += 1;
        if (peek() === "(") skipBracket();
      } else return unit;
    }
  };

  /** @returns {Unit | "number"} */
  const atom = () => {
    const token = tokens[at];
    if (!token) return PLAIN;
    if (token.text === "(") {
      at += 1;
      const unit = binary(0);
      if (peek() === ")") at += 1;
      return unit;
    }
    if (token.kind === "number" || token.kind === "duration") {
      at += 1;
      return "number";
    }
    if (token.kind === "open") {
      skipBracket();
      return PLAIN;
    }
    at += 1;
    if (token.kind !== "name") return PLAIN;
    const word = WORDS.get(token.text);
    if (word && word.kind !== "keyword" && (peek() === "(" || LISTS.has(peek()))) return call(token.text, word.kind);
    if (peek() === "{") skipBracket();
    bounds = unitOf(token.text, told(token.text.replace(/_(total|sum|count|bucket)$/, "")) || told(token.text));
    return bounds;
  };

  /** @param {string} name @param {string} kind @returns {Unit | "number"} */
  const call = (name, kind) => {
    if (LISTS.has(peek())) modifiers();
    /** @type {(Unit | "number")[]} */
    const args = [];
    if (peek() === "(") {
      at += 1;
      while (at < tokens.length && peek() !== ")") {
        const before = at;
        args.push(binary(0));
        if (peek() === ",") at += 1;
        // Whatever it is, it ends.
        if (at === before) at += 1;
      }
      at += 1;
    }
    if (kind === "aggregation" && LISTS.has(peek())) modifiers();
    if (name === "time" || name.startsWith("timestamp") || name.startsWith("ts_of_")) return { kind: "timestamp" };
    if (name === "histogram_fraction") return { kind: "ratio" };
    if (NONE.has(name)) return PLAIN;
    if (OBSERVED.has(name)) return bounds;
    const unit = plain(FIRST.has(name) ? args[0] : args[args.length - 1]);
    if (!RATES.has(name)) return unit;
    // Seconds a second are a share of one.
    if (unit.kind === "seconds") return { kind: "ratio" };
    return unit.rate ? PLAIN : { kind: unit.kind === "timestamp" ? "" : unit.kind, rate: true };
  };
  return plain(binary(0));
}

/**
 * The unit of what a histogram observes: of its first metric, whatever is done to the counts.
 * @param {string} text
 * @param {(metric: string) => string} [told]
 */
export function unitOfBounds(text, told = () => "") {
  const first =
    selectors(text)
      .map((one) => /^[\w:]+/.exec(one.text)?.[0])
      .find(Boolean) ?? "";
  return unitOf(first, told(first.replace(/_bucket$/, "")));
}

/** @param {Unit | "number" | undefined} unit @returns {Unit} */
const plain = (unit) => (unit === undefined || unit === "number" ? PLAIN : unit);

/**
 * @param {string} operator
 * @param {Unit | "number"} left
 * @param {Unit | "number"} right
 * @param {boolean} bool
 * @returns {Unit | "number"}
 */
function joined(operator, left, right, bool) {
  if (left === "number" && right === "number") return "number";
  const [a, b] = [plain(left), plain(right)];
  if (bool) return PLAIN;
  const same = a.kind === b.kind && Boolean(a.rate) === Boolean(b.rate);
  if (operator === "/") {
    if (left === "number") return PLAIN;
    if (right === "number") return a;
    if (same && (a.kind || a.rate)) return a.kind === "ratio" ? PLAIN : { kind: "ratio" };
    if (b.kind === "ratio") return a;
    // A sum of seconds a second over a count a second is seconds.
    if (b.rate && !b.kind && a.kind === "ratio") return { kind: "seconds" };
    if (b.rate && !b.kind && a.rate) return { kind: a.kind };
    return !b.kind && !b.rate ? a : PLAIN;
  }
  if (operator === "*") {
    // Times a hundred, a share is a percentage.
    if (right === "number" || left === "number")
      return (right === "number" ? a : b).kind === "ratio" ? { kind: "percent" } : right === "number" ? a : b;
    if (a.kind === "ratio" || (!a.kind && !a.rate)) return b;
    return b.kind === "ratio" || (!b.kind && !b.rate) ? a : PLAIN;
  }
  if (operator === "-" && a.kind === "timestamp" && b.kind === "timestamp") return { kind: "seconds" };
  if (["+", "-", "or", "%"].includes(operator)) return same || left === "number" ? b : right === "number" ? a : PLAIN;
  return operator === "^" || operator === "atan2" ? PLAIN : left === "number" ? b : a;
}
