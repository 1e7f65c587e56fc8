// What this browser remembers: theme, time zone, live mode, history and favourites. Without storage it works and forgets.

const KEY = "vctsdb";
/** Expressions that the history keeps. */
const HISTORY = 200;

/**
 * @typedef {object} Settings
 * @property {"auto" | "light" | "dark"} theme
 * @property {string} zone a name that `Intl` knows, `UTC`, or `local`
 * @property {boolean} live cheap expressions run while they are typed
 * @property {string} trace template of the address that shows a trace, with `{trace_id}`
 * @property {string[]} history newest first
 * @property {string[]} favourites
 * @property {string[]} recent names of metrics used lately, newest first
 */

/** @type {Settings} */
const DEFAULTS = { theme: "auto", zone: "UTC", live: true, trace: "", history: [], favourites: [], recent: [] };

/** @type {Settings} */
let current = { ...DEFAULTS, ...read() };
/** @type {Set<(settings: Settings) => void>} */
const watchers = new Set();

/** @returns {Partial<Settings>} */
function read() {
  try {
    return sane(JSON.parse(localStorage.getItem(KEY) ?? "{}"));
  } catch {
    return {};
  }
}

/**
 * Keeps of something stored or imported what has the type that it should have.
 * @param {unknown} from
 * @returns {Partial<Settings>}
 */
export function sane(from) {
  /** @type {Record<string, unknown>} */
  const kept = {};
  if (typeof from !== "object" || from === null) return {};
  for (const [name, value] of Object.entries(from)) {
    const like = Reflect.get(DEFAULTS, name);
    if (like === undefined || typeof value !== typeof like || Array.isArray(value) !== Array.isArray(like)) continue;
    kept[name] = Array.isArray(value) ? value.filter((item) => typeof item === "string") : value;
  }
  if (kept.theme !== undefined && !["auto", "light", "dark"].includes(String(kept.theme))) delete kept.theme;
  return /** @type {Partial<Settings>} */ (kept);
}

/** @returns {Settings} */
export function settings() {
  return current;
}

/**
 * Changes settings, stores them and tells who watches.
 * @param {Partial<Settings>} change
 */
export function change(change) {
  current = { ...current, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // A full or forbidden storage costs the memory of it, nothing else.
  }
  for (const watcher of watchers) watcher(current);
}

/**
 * @param {(settings: Settings) => void} watcher
 * @returns {() => void} ends it
 */
export function watch(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** @param {string} expr */
export function remember(expr) {
  const history = [expr, ...current.history.filter((other) => other !== expr)].slice(0, HISTORY);
  change({ history });
}

/** @param {string[]} names */
export function used(names) {
  if (names.length === 0) return;
  change({ recent: [...new Set([...names, ...current.recent])].slice(0, 100) });
}
