import assert from "node:assert/strict";
import { test } from "node:test";
import { slowness } from "./slow.js";

const HOUR = 3600;

/** A selection of a plan: `series` of `ofSeries`, each matcher with how many series it finds. */
function select(matchers, { series = 10, ofSeries = 2000, window = "", samples = 1000, path = "scan of all values" } = {}) {
  const index = Object.entries(matchers).map(([matcher, found]) => ({
    matcher,
    path: matcher.includes("~") ? path : "postings of one value",
    series: found,
  }));
  return {
    operator: window ? `select windows of ${window}` : "select",
    expr: Object.keys(matchers).join(),
    steps: 241,
    estimate: { series, samples, samplesRead: samples },
    selector: { index, start: 0, end: HOUR, series, ofSeries, samples },
  };
}

/** An operator over others. */
function over(operator, series, ...inputs) {
  const samplesRead = Math.max(...inputs.map((input) => input.estimate.samplesRead));
  return { operator, expr: operator, steps: 241, estimate: { series, samples: 0, samplesRead }, inputs };
}

const said = (plan, step = 15_000, interval = 15_000) =>
  slowness({ plan, estimate: plan.estimate }, step, interval).map(({ text }) => text);
const cpu = { '__name__="cpu"': 10 };

test("a plan with nothing to mend gets no advice", () => {
  assert.deepEqual(said(over("sum by (job)", 2, over("rate()", 10, select(cpu, { window: "1m" })))), []);
});

test("a window shorter than two samples is told, only where a function needs two", () => {
  const plan = (name, window) => over(`${name}()`, 10, select(cpu, { window }));
  const [text, ...others] = said(plan("rate", "20s"));
  assert.match(text, /`\[20s\]` is shorter than two times the 15s between samples.*`\[1m\]`/);
  assert.deepEqual(others, []);
  for (const fine of [plan("rate", "30s"), plan("max_over_time", "20s")]) assert.deepEqual(said(fine), []);
  assert.deepEqual(said(plan("rate", "20s"), 15_000, 0), [], "the distance isn't known");
});

test("a selection of most of what is stored, or of no metric, is told", () => {
  assert.match(said(select({ '__name__="cpu"': 1500 }, { series: 1500 }))[0], /1,500 of 2,000 series, most of/);
  const unnamed = select({ 'job="a"': 1200 }, { series: 1200, ofSeries: 90_000 });
  assert.match(said(unnamed)[0], /names no metric and so reads 1,200 of 90,000 series/);
  assert.match(said(select({ '__name__=~"a.*"': 1200 }, { series: 1200, ofSeries: 90_000 }))[0], /names no metric/);
  assert.deepEqual(said(select({ '__name__="cpu"': 900 }, { series: 900, ofSeries: 1000 })), []);
  assert.deepEqual(said(select({ '__name__="cpu"': 1200 }, { series: 1200, ofSeries: 90_000 })), []);
});

test("a long subquery is one for a recording rule", () => {
  const plan = (samples) =>
    over("max_over_time()", 8, over("subquery over 1d every 1m", 8, select(cpu, { window: "5m", samples })));
  assert.match(said(plan(60_000))[0], /each 1m, 1,440 times.*recording rule.*`\[1d\]`/);
  assert.deepEqual(said(plan(1000)), []);
});

test("labels of many series are better written after an aggregation", () => {
  assert.match(said(over("label_replace()", 5000, select(cpu)))[0], /^label_replace writes the labels of 5,000 series/);
  assert.deepEqual(said(over("label_join()", 10, select(cpu))), []);
});

test("a regular expression that leaves nothing out, or that is compared with every value, is told", () => {
  const all = select({ ...cpu, 'mode=~".*"': 2000 });
  assert.match(said(all)[0], /`mode=~"\.\*"` leaves nothing out/);
  const scan = (options) => select({ ...cpu, 'path=~"/api|.*x"': 10 }, { ofSeries: 50_000, ...options });
  assert.match(said(scan())[0], /`path=~"\/api\|\.\*x"` is compared with every value of path/);
  assert.deepEqual(said(scan({ path: "postings of 2 values" })), [], "alternatives are looked up");
  assert.deepEqual(said(scan({ ofSeries: 500 })), [], "a small index is quick");
  assert.deepEqual(said(select({ 'mode=~".*"': 2000 })), [], "alone it can't be left out");
});

test("steps much finer than samples or windows are told", () => {
  const many = select(cpu, { window: "1h", samples: 80_000 });
  assert.match(said(over("max_over_time()", 10, many), 60_000)[0], /60 windows overlap.*step of 1h computes 60 times/);
  const lines = select(cpu, { series: 500 });
  assert.match(said(lines, 5000)[0], /every 15s and steps every 5s: a step of 15s/);
  assert.deepEqual(said(lines, 15_000), []);
  assert.deepEqual(said({ ...lines, steps: 1 }, 5000), [], "one time has no step");
});

test("an aggregation that keeps nearly all apart is told", () => {
  const input = select({ '__name__="cpu"': 8000 }, { series: 8000, ofSeries: 90_000 });
  assert.match(said(over("sum by (pod)", 7000, input))[0], /`sum by \(pod\)` leaves 7,000 of 8,000 series/);
  assert.deepEqual(said(over("sum by (job)", 20, input)), []);
  assert.deepEqual(said(over("sort()", 8000, input)), []);
});

test("topk over a range says that it chooses at each step", () => {
  const plan = over("topk", 500, over("number 3", 0, select(cpu)), select(cpu, { series: 500 }));
  assert.match(said(plan)[0], /^topk chooses anew at each of 241 steps.*@ end/);
  assert.deepEqual(said({ ...plan, steps: 1 }), []);
});

test("three rules are enough, and what is said twice is said once", () => {
  const heavy = select({ 'job=~".*"': 1900, 'a=~".*"': 1900 }, { series: 1900, window: "1h", samples: 90_000 });
  const both = over("+", 10, over("rate()", 1900, heavy), over("rate()", 1900, heavy));
  const texts = said(both, 5000, 15_000);
  assert.equal(texts.length, 3);
  assert.equal(new Set(texts).size, 3);
});
