// Completion: what there is, ranked, and never asked for whole.
//
// Up to KEPT metric names are kept in the page; beyond, the server is asked with a pattern and a limit. Labels and values are
// asked for the selector as it stands, only while the caret is in its braces.

import { aborted, ApiError, envelope } from "../core/api.js";
import { settings } from "../core/settings.js";
import { quote } from "../chart/data.js";
import { BEHIND, DURATIONS, WORDS } from "./words.js";

/** More names than these aren't kept. */
export const KEPT = 20_000;
/** No list has more hits. */
export const MOST = 500;
/** What the server is asked for at once. */
const ASKED = 200;
/** How long a kept list is taken for fresh. */
const FRESH_MS = 60_000;

/** @typedef {{text: string, kind: string, help?: string}} Option */
/** @typedef {{options: Option[], cut: string}} Found `cut` says in words what isn't there */

/**
 * How well a name fits what is typed: less is better, null not at all. Begins with, begins a word of the name, contains,
 * has all words of it.
 * @param {string} name in lower case
 * @param {string} typed in lower case
 */
export function rank(name, typed) {
  const at = name.indexOf(typed);
  if (at === 0) return 0;
  if (at > 0) return /[_:.]/.test(name[at - 1]) ? 1 : words(name, typed) ? 2 : 3;
  return words(name, typed) ? 2 : null;
}

/**
 * Whether words of the name begin with the words typed, in order: `cpu_sec` finds `node_cpu_seconds_total`.
 * @param {string} name
 * @param {string} typed
 */
function words(name, typed) {
  const parts = typed.split("_").filter(Boolean);
  if (parts.length < 2) return false;
  let at = 0;
  for (const part of parts) {
    for (;;) {
      at = name.indexOf(part, at);
      if (at < 0) return false;
      if (at === 0 || /[_:.]/.test(name[at - 1])) break;
      at += 1;
    }
    at += part.length;
  }
  return true;
}

/**
 * The options that fit, best first: by rank, then those used lately, then short ones.
 * @param {Option[]} options
 * @param {string} typed
 * @param {string[]} [recent]
 * @returns {Found}
 */
export function fitting(options, typed, recent = []) {
  const lower = typed.toLowerCase();
  /** @type {[Option[], Option[], Option[], Option[]]} */
  const ranks = [[], [], [], []];
  let hits = 0;
  for (const option of options) {
    const place = lower === "" ? 0 : rank(option.text.toLowerCase(), lower);
    if (place === null) continue;
    hits += 1;
    if (ranks[place].length < MOST) ranks[place].push(option);
  }
  const lately = new Map(recent.map((name, i) => [name, i]));
  const order = (/** @type {Option} */ { text }) => lately.get(text) ?? 1000;
  for (const list of ranks)
    list.sort(
      (a, b) => order(a) - order(b) || (lower ? a.text.length - b.text.length : 0) || (a.text < b.text ? -1 : 1),
    );
  const found = ranks.flat().slice(0, MOST);
  return { options: found, cut: hits > found.length ? `the first ${found.length} of ${hits}` : "" };
}

/** What the server told, for a while. */
export class Source {
  constructor() {
    /** @type {Map<string, {at: number, values: string[], whole: boolean}>} */
    this.lists = new Map();
    /** Help and type of metrics. @type {Record<string, {type: string, help: string, unit: string}[]>} */
    this.metadata = {};
    this.metadataAt = 0;
  }

  /**
   * A list of the server, kept for a while.
   * @param {string} path
   * @param {Record<string, string | number | string[]>} params
   * @param {AbortSignal} signal
   */
  async list(path, params, signal) {
    const key = path + JSON.stringify(params);
    const known = this.lists.get(key);
    if (known && Date.now() - known.at < FRESH_MS) return known;
    const { data, warnings } = await envelope(path, params, { signal });
    const fresh = {
      at: Date.now(),
      values: /** @type {string[]} */ (data),
      whole: !warnings.some((text) => text.includes("truncated")),
    };
    if (this.lists.size > 50) this.lists.clear();
    this.lists.set(key, fresh);
    return fresh;
  }

  /** @param {AbortSignal} signal */
  async help(signal) {
    if (Date.now() - this.metadataAt < FRESH_MS * 5) return;
    this.metadataAt = Date.now();
    try {
      this.metadata = (await envelope("api/v1/metadata", { limit: KEPT, limit_per_metric: 1 }, { signal })).data;
    } catch (error) {
      this.metadataAt = 0;
      if (!aborted(error) && !(error instanceof ApiError)) throw error;
    }
  }

  /**
   * What can stand at a place.
   * @param {import("./place.js").Place} place
   * @param {AbortSignal} signal
   * @returns {Promise<Found>}
   */
  async complete(place, signal) {
    const { kind, typed, selector = "" } = place;
    if (kind === "expression") return this.names(typed, signal);
    if (kind === "behind") return fitting(keywords(), typed);
    if (kind === "duration")
      return fitting(
        DURATIONS.map((text) => ({ text, kind: "duration" })),
        typed,
      );
    /** @type {Record<string, string>} */
    const match = selector ? { "match[]": selector } : {};
    if (kind === "label" || kind === "group") {
      const { values, whole } = await this.list("api/v1/labels", { ...match, limit: 1000 }, signal);
      const options = values
        .filter((name) => !place.taken?.includes(name) && (name !== "__name__" || !selector))
        .map((text) => ({ text, kind: "label" }));
      return whole
        ? fitting(options, typed)
        : { ...fitting(options, typed), cut: `only the first ${values.length} labels` };
    }
    if (kind === "value") {
      const path = `api/v1/label/${encodeURIComponent(place.label ?? "")}/values`;
      let { values, whole } = await this.list(path, { ...match, limit: KEPT }, signal);
      if (!whole && typed) {
        const pattern = `${place.label}=~${quote(`.*${escaped(plainOf(typed))}.*`)}`;
        ({ values, whole } = await this.list(
          path,
          {
            "match[]": selector.includes("{") ? selector.replace(/\}$/, `,${pattern}}`) : `${selector}{${pattern}}`,
            limit: ASKED,
          },
          signal,
        ));
      }
      const found = fitting(
        values.map((text) => ({ text, kind: "value" })),
        plainOf(typed),
      );
      return whole ? found : { ...found, cut: `only ${values.length} of more values: type on` };
    }
    return { options: [], cut: "" };
  }

  /**
   * Functions and metric names.
   * @param {string} typed
   * @param {AbortSignal} signal
   */
  async names(typed, signal) {
    const helping = this.help(signal);
    const path = "api/v1/label/__name__/values";
    let { values, whole } = await this.list(path, { limit: KEPT }, signal);
    let cut = "";
    if (!whole && typed) {
      // Words of a name may have others between them.
      const pattern = typed
        .split("_")
        .map((part) => escaped(part))
        .join(".*_?");
      const asked = await this.list(
        path,
        { "match[]": `{__name__=~${quote(`(?i:.*${pattern}.*)`)}}`, limit: ASKED },
        signal,
      );
      values = asked.values;
      if (!asked.whole) cut = `only ${values.length} of more names: type on`;
    } else if (!whole) cut = `more than ${KEPT} names: type some letters`;
    await helping;
    const options = values.map((text) => ({ text, kind: "metric", help: this.describe(text) }));
    const functions = typed
      ? [...WORDS]
          .filter(([, word]) => word.kind !== "keyword")
          .map(([text, word]) => ({ text, kind: word.kind, help: word.help }))
      : [];
    const found = fitting([...functions, ...options], typed, settings().recent);
    return { options: found.options, cut: cut || found.cut };
  }

  /** @param {string} name */
  describe(name) {
    const family = this.metadata[name] ?? this.metadata[name.replace(/_(total|sum|count|bucket)$/, "")];
    const told = family?.[0];
    return told ? [told.type !== "unknown" && told.type, told.help].filter(Boolean).join(": ") : "";
  }
}

/** @returns {Option[]} */
function keywords() {
  return [...BEHIND].map((text) => ({ text, kind: "keyword", help: WORDS.get(text)?.help }));
}

/** @param {string} text */
export const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/**
 * What a beginning of a string literal means.
 * @param {string} typed
 */
const plainOf = (typed) => typed.replace(/\\(.)/g, "$1");

/**
 * What is put into the text for an option.
 * @param {import("./place.js").Place} place
 * @param {Option} option
 * @param {string} rest the text behind the place
 * @returns {{text: string, caret: number}} the caret counts from the beginning of it
 */
export function insertion(place, option, rest) {
  if (place.kind === "value") {
    const sign = place.quote === "`" && option.text.includes("`") ? '"' : (place.quote ?? '"');
    const body =
      sign === "`"
        ? option.text
        : sign === "'"
          ? quote(option.text).slice(1, -1).replace(/\\"/g, '"').replace(/'/g, "\\'")
          : quote(option.text).slice(1, -1);
    const text = sign + body + sign;
    return { text, caret: text.length };
  }
  if (option.kind === "function" || option.kind === "aggregation") {
    const text = rest.startsWith("(") ? option.text : `${option.text}()`;
    // The caret goes into the parentheses, unless there is nothing to go there.
    return { text, caret: option.text.length + (WORDS.get(option.text)?.signature.endsWith("()") ? 2 : 1) };
  }
  if (option.kind === "metric" && !/^[a-zA-Z_:][\w:]*$/.test(option.text)) {
    const text = `{${quote(option.text)}}`;
    return { text, caret: text.length };
  }
  const text =
    (option.kind === "label" && !/^[a-zA-Z_]\w*$/.test(option.text) ? quote(option.text) : option.text) +
    (place.kind === "label" && !/^\s*(=|!)/.test(rest) ? "=" : "");
  return { text, caret: text.length };
}
