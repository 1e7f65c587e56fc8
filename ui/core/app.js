// The shell: which page an address shows, going from one to another, the line at the top, and what is said when the server
// is away.

import { connection, data, watchConnection } from "./api.js";
import { base } from "./base.js";
import { fill, h, icon } from "./dom.js";
import { help, listen } from "./keys.js";
import { menuButton } from "./dialog.js";
import { change, settings, watch } from "./settings.js";
import { lasting } from "./time.js";
import { poll } from "./poll.js";
import { choose } from "./zone.js";

/**
 * What every page module gives: `mount` draws the page and answers what ends it and what a changed address does.
 * @typedef {{mount(element: HTMLElement, page: Context): Mounted | Promise<Mounted>, title: string}} Page
 * @typedef {{unmount(): void, update?(): void}} Mounted
 * @typedef {{go(address: string, replace?: boolean): void, signal: AbortSignal}} Context
 */

/** @type {Record<string, () => Promise<Page>>} */
const PAGES = {
  home: () => import("../pages/home.js"),
  graph: () => import("../pages/graph.js"),
  explore: () => import("../pages/explore.js"),
  dash: () => import("../pages/dash.js"),
  cardinality: () => import("../pages/cardinality.js"),
  storage: () => import("../pages/storage.js"),
  queries: () => import("../pages/queries.js"),
  targets: () => import("../pages/targets.js"),
  alerts: () => import("../pages/alerts.js"),
  server: () => import("../pages/server.js"),
};

/** Addresses that other servers have for the same. */
const ALIASES = /** @type {Record<string, string>} */ ({
  "": "home",
  query: "graph",
  vmui: "graph",
  rules: "alerts",
  "alertmanager-discovery": "alerts",
  "metrics-explorer": "explore",
  "tsdb-status": "cardinality",
  "service-discovery": "targets",
  status: "server",
  flags: "server",
  config: "server",
  features: "server",
});

const place = /** @type {HTMLElement} */ (document.getElementById("page"));
/** @type {{name: string, mounted: Mounted | null, abort: AbortController}} */
let shown = { name: "", mounted: null, abort: new AbortController() };
let turn = 0;

/** @param {string} url */
function nameOf(url) {
  const last = new URL(url).pathname.split("/").pop() ?? "";
  return ALIASES[last] ?? (PAGES[last] ? last : "");
}

/** Shows the page of the current address, or tells the one that is shown that its address is another. */
async function show() {
  const name = nameOf(location.href) || "home";
  if (name === shown.name && shown.mounted) {
    shown.mounted.update?.();
    return;
  }
  turn += 1;
  const mine = turn;
  shown.abort.abort();
  shown.mounted?.unmount();
  shown = { name, mounted: null, abort: new AbortController() };
  for (const link of document.querySelectorAll("[data-page]")) {
    if (link.getAttribute("data-page") === name) {
      link.setAttribute("aria-current", "page");
      // On a small screen the places are a line that scrolls sideways.
      const line = link.parentElement;
      if (line instanceof HTMLElement && link instanceof HTMLElement)
        line.scrollLeft = link.offsetLeft - line.offsetLeft - (line.clientWidth - link.offsetWidth) / 2;
    } else link.removeAttribute("aria-current");
  }
  let page;
  try {
    page = await PAGES[name]();
  } catch (error) {
    if (mine === turn) unloaded(error);
    return;
  }
  if (mine !== turn) return;
  document.title = `${page.title} · vctsdb`;
  place.textContent = "";
  place.dataset.shown = name;
  shown.mounted = await page.mount(place, { go, signal: shown.abort.signal });
  if (mine !== turn) shown.mounted.unmount();
}

/**
 * Says that a page's scripts didn't come: the server is away, or is another version that doesn't have them.
 * @param {unknown} error
 */
function unloaded(error) {
  const again = h("button", { onclick: () => location.reload() }, "Reload");
  if (connection.answers)
    fill(
      place,
      h("h1", {}, "This page couldn't be loaded"),
      h("p", {}, `${error}. The server may have been replaced by another version. `, again),
    );
  else {
    fill(place, h("h1", {}, "The server doesn't answer"), h("p", {}, "This page opens as soon as it does. ", again));
    const { signal } = shown.abort;
    const unwatch = watchConnection(({ answers }) => {
      if (answers && !signal.aborted) location.reload();
      if (answers) unwatch();
    });
  }
}

/**
 * Goes to an address relative to the pages' folder.
 * @param {string} address
 * @param {boolean} [replace] without a step that Back undoes
 */
export function go(address, replace = false) {
  const url = new URL(address, base).href;
  if (url === location.href) return;
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  if (!replace || nameOf(url) !== shown.name) {
    void show();
    if (!replace) window.scrollTo(0, 0);
  }
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
    return;
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  const ours =
    link.href.startsWith(base) &&
    !link.hash &&
    (nameOf(link.href) || new URL(link.href).pathname === new URL(base).pathname);
  if (!ours) return;
  event.preventDefault();
  go(link.href);
});
window.addEventListener("popstate", () => void show());

const THEMES = /** @type {const} */ ({ auto: "As the system", light: "Light", dark: "Dark" });

/** The end of the top line: health, zone, theme, keys. */
function top() {
  const end = document.getElementById("top-end");
  if (!end) return;
  const dot = h(
    "a",
    { class: "health", href: "storage" },
    h("span", { class: "dot" }),
    h("span", { class: "health-word" }, "…"),
  );
  const zone = menuButton(settings().zone, choose, { class: "quiet", title: "Time zone" });
  const theme = menuButton(
    icon("auto"),
    () =>
      Object.entries(THEMES).map(([name, label]) => ({
        label,
        checked: settings().theme === name,
        run: () => change({ theme: /** @type {keyof typeof THEMES} */ (name) }),
      })),
    { class: "quiet square", "aria-label": "Theme", title: "Theme" },
  );
  const keys = h(
    "button",
    { class: "quiet square", type: "button", "aria-label": "Keys", title: "Keys", onclick: help },
    "?",
  );
  fill(end, dot, zone, theme, keys);
  const dress = () => {
    const { theme: chosen, zone: name } = settings();
    if (chosen === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    fill(theme, icon(chosen === "dark" ? "moon" : chosen === "light" ? "sun" : "auto"));
    fill(zone, name === "local" ? "Local" : name.replace(/^.*\//, "").replaceAll("_", " "));
  };
  dress();
  watch(dress);
  const say = (/** @type {string} */ state, /** @type {string} */ word, /** @type {string} */ why) => {
    dot.dataset.state = state;
    dot.title = why;
    const place = dot.querySelector(".health-word");
    if (place) place.textContent = word;
  };
  poll(async () => {
    try {
      const storage = await data("api/v1/status/storage");
      const low = storage.diskFreeBytes !== null && storage.diskFreeBytes < 1 << 30;
      if (storage.writesRefused) say("bad", "writes refused", String(storage.writesRefused));
      else if (storage.damage.length > 0)
        say("bad", "damage", `${storage.damage.length} damaged places: see what was lost`);
      else if (low) say("mind", "disk nearly full", "less than 1 GiB is free");
      else say("good", "healthy", "takes writes, no damage known");
    } catch (error) {
      if (connection.opening) say("mind", "opening", "the log is being replayed");
      else say("bad", "no answer", String(error));
      throw error;
    }
  }, 10_000);
}

/** The line under the top one while the server is away or opening. */
function away() {
  const bar = document.getElementById("connection");
  if (!bar) return;
  let timer = 0;
  let replayed = "";
  const tell = () => {
    if (connection.opening) void replay();
    bar.hidden = connection.answers && !connection.opening;
    document.documentElement.classList.toggle("away", !connection.answers);
    bar.textContent = connection.opening
      ? `The store is opening: its log is being replayed${replayed}. This page goes on by itself.`
      : `No answer for ${lasting(Date.now() - connection.since)}. What is shown is from before; this page goes on by itself.`;
  };
  // How far the log is read answers before the store does.
  const replay = async () => {
    const told = await data("api/v1/status/walreplay").catch(() => null);
    if (told?.max > told?.min) replayed = `, segment ${told.current} of ${told.min} to ${told.max}`;
  };
  watchConnection(() => {
    clearInterval(timer);
    tell();
    if (!bar.hidden) timer = window.setInterval(tell, 1000);
  });
}

/** What the document doesn't have: health and menus, keys, the page itself. */
function begin() {
  top();
  away();
  listen((page) => go(page));
  void show();
}

// The document's own line at the top is painted first; where nobody looks, nothing is painted.
if (document.hidden) begin();
else requestAnimationFrame(() => setTimeout(begin));
