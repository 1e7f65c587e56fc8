// The store file by file: tables over time, memory by part, the disk, and what is damaged.

import { ApiError, aborted, data } from "../core/api.js";
import { copyButton } from "../core/copy.js";
import { plainTable, trouble } from "../core/controls.js";
import { fill, h } from "../core/dom.js";
import { poll } from "../core/poll.js";
import { counted, formatBytes, formatCount } from "../core/units.js";
import { formatMoment, lasting } from "../core/time.js";
import { zone } from "../core/zone.js";
import { vector } from "../core/ask.js";
import { showMap } from "./storemap.js";

export const title = "Storage";

const EVERY_MS = 5000;
/** Below this nothing can be said about growth. */
const DAY_MS = 86_400_000;

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export function mount(element, { signal }) {
  const trouble_ = h("div", {});
  const map = h("section", { class: "card" });
  const memory = h("section", { class: "card" });
  const disk = h("section", { class: "card" });
  const files = h("section", { class: "card" });
  // All of it appears at once: cards that fill themselves one by one would push each other down.
  const all = h("div", { class: "storage", hidden: true }, map, h("div", { class: "cards" }, memory, disk), files);
  element.append(h("h1", {}, "Storage"), trouble_, all);
  let directory = "./data";
  const end = poll(async () => {
    try {
      const [storage, flags, added] = await Promise.all([
        data("api/v1/status/storage", {}, { signal }),
        data("api/v1/status/flags", {}, { signal }),
        vector("sum(rate(vctsdb_storage_samples_appended_total[1h])) * 86400", { signal }).catch(() => []),
      ]);
      directory = flags["data-dir"] ?? directory;
      fill(trouble_, ...damage(storage, directory));
      showMap(map, storage);
      showMemory(memory, storage.memory);
      showDisk(disk, storage, added[0]?.value ?? NaN);
      showFiles(files, storage);
      all.hidden = false;
    } catch (error) {
      if (aborted(error)) return;
      if (error instanceof ApiError && !map.firstChild) fill(trouble_, trouble(error));
      throw error;
    }
  }, EVERY_MS);
  return { unmount: end };
}

/** @param {any} storage @param {string} directory */
function damage({ damage: lost, writesRefused }, directory) {
  const repair = `vctsdb repair --dry-run ${directory}`;
  return [
    writesRefused &&
      h(
        "div",
        { class: "note bad" },
        h("strong", {}, "Writes are refused"),
        h("div", {}, String(writesRefused)),
        h(
          "div",
          { class: "soft" },
          "Reading goes on. Writing goes on by itself when there is space; senders keep what they have until then.",
        ),
      ),
    lost.length > 0 &&
      h(
        "section",
        { class: "card damage" },
        h(
          "div",
          { class: "card-head" },
          h("h2", { class: "bad" }, `${formatCount(lost.length)} damaged ${lost.length === 1 ? "place" : "places"}`),
        ),
        h(
          "ul",
          {},
          lost.slice(0, 100).map((/** @type {string} */ text) => h("li", {}, text)),
        ),
        lost.length > 100 && h("p", { class: "soft" }, `and ${formatCount(lost.length - 100)} more`),
        h(
          "p",
          { class: "soft" },
          "What is damaged is left out of answers, and the rest is served. With the server stopped, this says what would be set aside and what would be lost:",
        ),
        h(
          "div",
          { class: "code" },
          h("pre", {}, repair),
          copyButton(() => repair),
        ),
      ),
  ];
}

/** @param {HTMLElement} host @param {any} memory */
function showMemory(host, { budgetBytes, parts }) {
  const used = parts.reduce((/** @type {number} */ sum, /** @type {any} */ part) => sum + part.usedBytes, 0);
  fill(
    host,
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, "Memory"),
      h("span", { class: "soft" }, `${formatBytes(used)} of a budget of ${formatBytes(budgetBytes)}`),
    ),
    plainTable(
      [{ name: "part" }, { name: "" }, { name: "used", number: true }, { name: "limit", number: true }],
      parts.map((/** @type {any} */ part) => {
        const share = part.limitBytes > 0 ? part.usedBytes / part.limitBytes : 0;
        const meter = h("span", { style: { width: `${Math.min(100, share * 100)}%` } });
        return [
          part.name,
          h("div", { class: `meter${share > 0.9 ? " mind" : ""}` }, meter),
          formatBytes(part.usedBytes),
          formatBytes(part.limitBytes),
        ];
      }),
      "Memory by part",
      "parts",
    ),
  );
}

/** @param {HTMLElement} host @param {any} storage @param {number} perDay samples */
function showDisk(host, { tables, indexSegments, walBytes, diskFreeBytes }, perDay) {
  const sum = (/** @type {any[]} */ all) => all.reduce((total, one) => total + one.bytes, 0);
  const samples = tables.reduce((/** @type {number} */ total, /** @type {any} */ one) => total + one.samples, 0);
  const cost = samples > 0 ? (sum(tables) + sum(indexSegments)) / samples : NaN;
  const daily = Number.isFinite(cost) && Number.isFinite(perDay) ? cost * perDay : NaN;
  const days = daily > 0 && diskFreeBytes !== null ? diskFreeBytes / daily : NaN;
  const rows = /** @type {[string, import("../core/dom.js").Child][]} */ ([
    ["tables", `${formatBytes(sum(tables))} in ${counted(tables.length, "file")}`],
    ["index", `${formatBytes(sum(indexSegments))} in ${counted(indexSegments.length, "file")}`],
    ["log", formatBytes(walBytes)],
    ["bytes a sample", Number.isFinite(cost) ? cost.toFixed(2) : "not known before the first table is written"],
    ["free", diskFreeBytes === null ? "the file system doesn't say" : formatBytes(diskFreeBytes)],
    ["grows by", Number.isFinite(daily) ? `about ${formatBytes(daily)} a day` : "not known yet"],
    [
      "full in",
      Number.isFinite(days) ? (days > 3650 ? "more than ten years" : lasting(days * DAY_MS)) : "not known yet",
    ],
  ]);
  fill(
    host,
    h("h2", {}, "Disk"),
    h(
      "dl",
      { class: "facts" },
      rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    ),
  );
}

/** @param {HTMLElement} host @param {any} storage */
function showFiles(host, { tables, indexSegments, memtables }) {
  const open = host.querySelector("details")?.open ?? false;
  const time = (/** @type {number | null} */ ms) => (ms === null ? "" : formatMoment(ms, zone(), "minute"));
  const row = (/** @type {string} */ name, /** @type {any} */ one) => [
    one.damagedBlocks > 0
      ? h("span", { class: "bad" }, `${name}, ${counted(one.damagedBlocks, "damaged block")}`)
      : name,
    h("span", { class: "num nowrap" }, time(one.minTime ?? null)),
    h("span", { class: "num nowrap" }, time(one.maxTime ?? null)),
    formatCount(one.series),
    one.samples === undefined ? "" : formatCount(one.samples),
    formatBytes(one.bytes),
    one.samples > 0 ? (one.bytes / one.samples).toFixed(2) : "",
  ];
  const number = (/** @type {number} */ n) => String(n).padStart(8, "0");
  fill(
    host,
    h(
      "details",
      { open: open || undefined },
      h(
        "summary",
        {},
        h("h2", { class: "inline-head" }, "Files"),
        h(
          "span",
          { class: "soft" },
          ` ${counted(tables.length, "table")}, ${counted(indexSegments.length, "index segment")}`,
        ),
      ),
      plainTable(
        [
          ...["file", "from", "to"].map((name) => ({ name })),
          ...["series", "samples", "bytes", "a sample"].map((name) => ({ name, number: true })),
        ],
        [
          ...memtables.map((/** @type {any} */ one) => row(one.sealed ? "memtable, being written" : "memtable", one)),
          ...[...tables]
            .reverse()
            .slice(0, 300)
            .map((one) => row(`${number(one.number)}.table`, one)),
          ...indexSegments.map((/** @type {any} */ one) => row(`${number(one.number)}.index`, one)),
        ],
        "Files",
      ),
    ),
  );
}
