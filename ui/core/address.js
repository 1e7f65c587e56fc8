// The state of the query page in its address: Prometheus' own parameters, read and written unchanged, and a few of ours
// beside them that Prometheus ignores. Also read: older links, Alertmanager's, Grafana's, vmui's.

import { formatDuration, formatMoment, knownZone, parseDuration, parseMoment } from "./time.js";

/**
 * @typedef {object} Step how far points are apart
 * @property {"auto" | "fixed"} type
 * @property {"low" | "medium" | "high"} density of `auto`
 * @property {number} ms of `fixed`
 */

/**
 * @typedef {object} Panel an expression and how it is shown
 * @property {string} expr
 * @property {"graph" | "table" | "explain"} tab
 * @property {number} range in ms
 * @property {number | null} end in ms, null is now
 * @property {number | null} moment of the table, likewise
 * @property {Step} step
 * @property {"lines" | "stacked" | "heatmap"} mode
 * @property {boolean} zero whether the axis begins at zero
 * @property {boolean} exemplars
 * @property {boolean} tree
 * @property {boolean} log
 * @property {boolean} points
 * @property {number} vs how much earlier the ghost is, in ms; 0 for none
 * @property {string[]} hide label sets as selectors
 * @property {string[]} only likewise
 * @property {string[] | null} cols labels that have a column; null: all in one
 * @property {boolean} pin whether the panel keeps a range of its own
 */

/**
 * @typedef {object} PageState
 * @property {Panel[]} panels
 * @property {number} refresh in ms, 0 for never
 * @property {string} zone "" for the one of the settings
 * @property {string[]} left what couldn't be read
 */

/** The least points of a range, as Prometheus counts them for each density. */
const DENSITY = { low: 100, medium: 250, high: 1000 };
/** More steps than this no server answers. */
const MOST_STEPS = 11_000;

/** @param {Partial<Panel>} [change] @returns {Panel} */
export function newPanel(change = {}) {
  return {
    expr: "",
    tab: "graph",
    range: 3_600_000,
    end: null,
    moment: null,
    step: { type: "auto", density: "medium", ms: 15_000 },
    mode: "lines",
    zero: false,
    exemplars: false,
    tree: false,
    log: false,
    points: false,
    vs: 0,
    hide: [],
    only: [],
    cols: null,
    pin: false,
    ...change,
  };
}

/**
 * The distance of points in ms that a panel asks for.
 * @param {Panel} panel
 */
export function stepOf({ step, range }) {
  const least = Math.ceil(range / MOST_STEPS / 1000) * 1000;
  if (step.type === "fixed") return Math.max(step.ms, range / step.ms > MOST_STEPS ? least : 1);
  const seconds = Math.max(Math.floor(range / 1000 / DENSITY[step.density]), 1);
  // The nearest shorter step that the range is a multiple of: then the last point is the newest moment, not one up to a step
  // before it, and steps are round numbers.
  for (let some = seconds; some >= Math.max(1, seconds * 0.7); some -= 1)
    if (range % (some * 1000) === 0) return some * 1000;
  return seconds * 1000;
}

/** @typedef {(panel: Panel, value: string) => boolean} Reader whether the value could be read */

/** @param {"range" | "vs"} name @returns {Reader} */
const duration = (name) => (panel, value) => {
  const ms = parseDuration(value);
  if (ms !== null) panel[name] = ms;
  return ms !== null;
};

/** @param {"end" | "moment"} name @returns {Reader} */
const moment = (name) => (panel, value) => {
  if (value === "" || value === "now") return true;
  const ms = parseMoment(value);
  if (ms !== null) panel[name] = ms;
  return ms !== null;
};

/** @param {"zero" | "exemplars" | "tree" | "log" | "points" | "pin"} name @returns {Reader} */
const flag = (name) => (panel, value) => {
  panel[name] = value === "1" || value === "true";
  return ["", "0", "1", "true", "false"].includes(value);
};

/** @type {Reader} */
const fixedStep = (panel, value) => {
  if (value === "") return true;
  const ms = parseDuration(value);
  if (ms !== null) panel.step = { ...panel.step, type: "fixed", ms };
  return ms !== null;
};

const TABS = /** @type {Record<string, Panel["tab"]>} */ ({
  graph: "graph",
  table: "table",
  explain: "explain",
  0: "graph",
  1: "table",
  chart: "graph",
  code: "table",
});

/** @type {Record<string, Reader>} */
const READERS = {
  expr: (panel, value) => ((panel.expr = value), true),
  tab: (panel, value) => {
    if (TABS[value]) panel.tab = TABS[value];
    return value in TABS;
  },
  range_input: duration("range"),
  end_input: moment("end"),
  moment_input: moment("moment"),
  step_input: fixedStep,
  res_type: (panel, value) => {
    if (value === "auto") panel.step = { ...panel.step, type: "auto" };
    if (value === "fixed" || value === "custom") panel.step = { ...panel.step, type: "fixed" };
    return ["auto", "fixed", "custom"].includes(value);
  },
  res_density: (panel, value) => {
    if (value !== "low" && value !== "medium" && value !== "high") return false;
    panel.step = { ...panel.step, density: value };
    return true;
  },
  res_step: (panel, value) => {
    const ms = parseDuration(value);
    if (ms !== null) panel.step = { ...panel.step, ms };
    return ms !== null;
  },
  display_mode: (panel, value) => {
    if (value !== "lines" && value !== "stacked" && value !== "heatmap") return false;
    panel.mode = value;
    return true;
  },
  stacked: (panel, value) => {
    if (value === "1") panel.mode = "stacked";
    return value === "0" || value === "1";
  },
  y_axis_min: (panel, value) => {
    panel.zero = value !== "" && Number(value) === 0;
    return value === "" || panel.zero;
  },
  show_exemplars: flag("exemplars"),
  show_tree: flag("tree"),
  log: flag("log"),
  points: flag("points"),
  pin: flag("pin"),
  vs: duration("vs"),
  hide: (panel, value) => (panel.hide.push(value), true),
  only: (panel, value) => (panel.only.push(value), true),
  cols: (panel, value) => ((panel.cols = value ? value.split(",") : []), true),
  relative_time: (panel, value) => {
    const ms = relative(value);
    if (ms !== null) [panel.range, panel.end] = [ms, null];
    return ms !== null || value === "none";
  },
};

/**
 * vmui's names of ranges: `last_30_minutes`, `last_1_hour`.
 * @param {string} name
 */
function relative(name) {
  const parts = /^last_(\d+)_(minute|hour|day|week|month|year)s?$/.exec(name);
  if (!parts) return null;
  const unit = { minute: "m", hour: "h", day: "d", week: "w", month: "d", year: "y" }[parts[2]] ?? "h";
  return parseDuration(`${Number(parts[1]) * (parts[2] === "month" ? 30 : 1)}${unit}`);
}

/**
 * Reads an address: its query, and the fragment that vmui has.
 * @param {string} search
 * @param {string} [hash]
 * @returns {PageState}
 */
export function read(search, hash = "") {
  const params = new URLSearchParams(search);
  const fragment = hash.includes("?") ? new URLSearchParams(hash.slice(hash.indexOf("?") + 1)) : null;
  if (fragment) for (const [name, value] of fragment) params.append(name, value);
  /** @type {Map<number, Panel>} */
  const panels = new Map();
  /** @type {PageState} */
  const state = { panels: [], refresh: 0, zone: "", left: [] };
  for (const [name, value] of params) {
    const parts = /^g(\d{1,3})\.(\w+)$/.exec(name);
    if (!parts) {
      if (!page(state, name, value)) state.left.push(`${name}=${value}`);
      continue;
    }
    const number = Number(parts[1]);
    // Links of Prometheus without a tab are tables, those of vmui graphs.
    if (!panels.has(number)) panels.set(number, newPanel({ tab: fragment ? "graph" : "table" }));
    const panel = /** @type {Panel} */ (panels.get(number));
    // What later versions of these pages and of others write is none of our business.
    const reader = READERS[parts[2]];
    if (reader && !reader(panel, value)) state.left.push(`${name}=${value}`);
  }
  state.panels = [...panels.keys()].sort((a, b) => a - b).map((number) => /** @type {Panel} */ (panels.get(number)));
  return state;
}

/**
 * @param {PageState} state
 * @param {string} name
 * @param {string} value
 */
function page(state, name, value) {
  if (name === "refresh") {
    state.refresh = value === "0" ? 0 : Math.max(parseDuration(value) ?? 0, 1000);
    return value === "0" || parseDuration(value) !== null;
  }
  if (name === "tz") {
    if (knownZone(value)) state.zone = value;
    return knownZone(value);
  }
  return !["expr", "q"].includes(name);
}

/**
 * Writes an address' query.
 * @param {PageState} state
 * @returns {string} with the question mark, or ""
 */
export function write(state) {
  const params = new URLSearchParams();
  state.panels.forEach((panel, i) => {
    const set = (/** @type {string} */ name, /** @type {string} */ value) => params.append(`g${i}.${name}`, value);
    set("expr", panel.expr);
    set("tab", panel.tab);
    set("range_input", formatDuration(panel.range));
    if (panel.end !== null) set("end_input", formatMoment(panel.end, "UTC", "ms"));
    if (panel.moment !== null) set("moment_input", formatMoment(panel.moment, "UTC", "ms"));
    if (panel.step.type === "fixed") {
      set("res_type", "fixed");
      set("res_step", String(panel.step.ms / 1000));
    } else if (panel.step.density !== "medium") {
      set("res_type", "auto");
      set("res_density", panel.step.density);
    }
    set("display_mode", panel.mode);
    if (panel.zero) set("y_axis_min", "0");
    set("show_exemplars", panel.exemplars ? "1" : "0");
    for (const name of /** @type {const} */ (["log", "points", "pin"])) if (panel[name]) set(name, "1");
    if (panel.tree) set("show_tree", "1");
    if (panel.vs) set("vs", formatDuration(panel.vs));
    for (const one of panel.hide) set("hide", one);
    for (const one of panel.only) set("only", one);
    if (panel.cols) set("cols", panel.cols.join(","));
  });
  if (state.refresh) params.append("refresh", formatDuration(state.refresh));
  if (state.zone) params.append("tz", state.zone);
  const text = params.toString();
  return text ? `?${text}` : "";
}

/**
 * Expressions and range of a pasted address of Grafana Explore, or of any address that `read` knows; null for other texts.
 * @param {string} text
 * @param {number} now
 * @returns {Panel[] | null}
 */
export function pasted(text, now) {
  const trimmed = text.trim();
  if (!/^https?:\/\/\S+$/.test(trimmed)) return null;
  let url;
  try {
    url = new URL(trimmed);
  } catch {
    return null;
  }
  const panels = explore(url.searchParams, now) ?? read(url.search, url.hash).panels;
  return panels.some((panel) => panel.expr) ? panels : null;
}

/**
 * @param {URLSearchParams} params
 * @param {number} now
 * @returns {Panel[] | null}
 */
function explore(params, now) {
  /** @type {any[]} */
  let panes;
  try {
    if (params.has("panes")) panes = Object.values(JSON.parse(params.get("panes") ?? "{}"));
    else if (params.has("left"))
      panes = ["left", "right"].filter((side) => params.has(side)).map((side) => JSON.parse(params.get(side) ?? ""));
    else return null;
  } catch {
    return null;
  }
  return panes.flatMap((pane) => {
    // The oldest form is a list: from, to, data source, queries.
    const [from, to, queries] = Array.isArray(pane)
      ? [pane[0], pane[1], pane.slice(2).filter((part) => part?.expr)]
      : [pane?.range?.from, pane?.range?.to, pane?.queries ?? []];
    const [start, end] = [grafanaTime(from, now), grafanaTime(to, now)];
    const range = start !== null && (end ?? now) > start ? (end ?? now) - start : 3_600_000;
    return queries
      .filter((/** @type {any} */ query) => typeof query?.expr === "string" && query.expr)
      .map((/** @type {any} */ query) => newPanel({ expr: query.expr, range, end: to === "now" ? null : end }));
  });
}

/** @param {unknown} text @param {number} now */
function grafanaTime(text, now) {
  if (typeof text !== "string") return null;
  if (text === "now") return now;
  const back = /^now-(\d+[smhdwy])(?:\/\w)?$/.exec(text);
  return back ? now - (parseDuration(back[1]) ?? 0) : parseMoment(text);
}
