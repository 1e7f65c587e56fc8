import assert from "node:assert/strict";
import { test } from "node:test";
import { alike, edits, matcherOf } from "./advice.js";
import { fitting, insertion, rank } from "./complete.js";
import { groupedBy, selectors, withMatcher, withValue } from "./edit.js";
import { faultAt, lettersOf } from "./fault.js";
import { colours, lex, partners } from "./lex.js";
import { matchersOf } from "./matchers.js";
import { placeAt } from "./place.js";
import { unitOfBounds, unitOfExpression } from "./unit.js";

const at = (text) => placeAt(text.replace("|", ""), text.indexOf("|"));

test("tokens cover the text, whatever it is", () => {
  for (const text of [
    'sum by (a) (rate(x{b=~"c\\""}[5m] offset -1h)) > bool 1e-3 # end',
    '"open',
    "ü§$ {",
    "`a\nb` 0x1F Inf nan 1h30m",
  ]) {
    assert.equal(
      lex(text)
        .map((token) => token.text)
        .join(""),
      text,
    );
  }
});

test("words have the look of what they are", () => {
  const looks = (text) => Object.fromEntries(colours(text).map(({ from, to, look }) => [text.slice(from, to), look]));
  const seen = looks('sum by (job) (rate(up{code="5"}[5m]))');
  assert.deepEqual(seen, {
    sum: "function",
    by: "keyword",
    job: "label",
    rate: "function",
    code: "label",
    '"5"': "string",
    "5m": "number",
  });
  assert.deepEqual(partners("a(b)", 2), [1, 3]);
});

test("the caret's place says what can stand there", () => {
  assert.equal(at("ra|").kind, "expression");
  assert.equal(at("rate(node_l|)").kind, "expression");
  assert.deepEqual([at('up{jo|="a"}').kind, at('up{jo|="a"}').typed], ["label", "jo"]);
  const value = at('up{job="a", instance="b|"}');
  assert.deepEqual([value.kind, value.label, value.selector, value.typed], ["value", "instance", 'up{job="a"}', "b"]);
  assert.equal(at('up{a="b|", c="d"}').selector, 'up{c="d"}');
  assert.equal(at("rate(x[|])").kind, "duration");
  assert.deepEqual([at("sum by (|) (x)").kind, at("sum by (|) (x)").selector], ["group", "x"]);
  assert.equal(at("up |").kind, "behind");
  assert.equal(at('"text|"').kind, "nothing");
  assert.equal(at("# com|").kind, "nothing");
});

test("names are ranked: begins with, begins a word, contains", () => {
  assert.ok(rank("rate", "rat") < rank("node_rate", "rat"));
  assert.equal(rank("node_cpu_seconds_total", "cpu_sec"), 1);
  assert.equal(rank("node_cpu_guest_seconds_total", "cpu_sec"), 2);
  assert.equal(rank("abc", "x"), null);
  const many = Array.from({ length: 2000 }, (_, i) => ({ text: `a${i}`, kind: "metric" }));
  assert.equal(fitting(many, "a").options.length, 500);
  assert.match(fitting(many, "a").cut, /500 of 2000/);
});

test("what is inserted is closed and escaped", () => {
  const place = { kind: "value", from: 0, to: 0, typed: "", quote: '"' };
  assert.equal(insertion(place, { text: 'a"\\', kind: "value" }, "").text, '"a\\"\\\\"');
  assert.equal(insertion({ ...place, quote: "'" }, { text: "it's", kind: "value" }, "").text, "'it\\'s'");
  assert.deepEqual(insertion({ ...place, kind: "expression" }, { text: "rate", kind: "function" }, ""), {
    text: "rate()",
    caret: 5,
  });
  assert.equal(insertion({ ...place, kind: "expression" }, { text: "rate", kind: "function" }, "(x)").text, "rate");
  assert.equal(insertion({ ...place, kind: "expression" }, { text: "a.b", kind: "metric" }, "").text, '{"a.b"}');
});

test("matchers go into every selector", () => {
  assert.deepEqual(
    selectors('sum by (a) (x{b="c"}) / on (d) y[5m]').map((one) => one.text),
    ['x{b="c"}', "y"],
  );
  assert.equal(withMatcher('rate(x{b="c"}[5m]) / y', "job", "=", "z"), 'rate(x{b="c", job="z"}[5m]) / y{job="z"}');
  assert.equal(withMatcher('x{job="a"}', "job", "=", "b"), 'x{job="b"}');
  assert.equal(withMatcher('x{job="a"}', "job", "!=", "a"), 'x{job!="a"}');
  assert.equal(withValue('x{job="nod", b="nod"}', "job", "nod", "node"), 'x{job="node", b="nod"}');
  assert.equal(groupedBy("sum by (a) (x)", "b"), "sum by (a, b) (x)");
  assert.equal(groupedBy("x", "b"), "sum by (b) (x)");
});

test("faults are found by line and byte", () => {
  assert.deepEqual(faultAt("1:10: parse error: x", "rate(foo{)"), { from: 9, to: 10 });
  assert.deepEqual(faultAt("2:2: parse error", "a +\n bar"), { from: 5, to: 8 });
  assert.deepEqual(faultAt("1:5: parse error", '"ü" x'), { from: 3, to: 4 });
  assert.equal(faultAt("no place", "x"), null);
  assert.deepEqual(lettersOf('"ü" + x', { start: 7, end: 8 }), { from: 6, to: 7 });
});

test("units are carried through an expression", () => {
  const unit = (text) => {
    const { kind, rate } = unitOfExpression(text);
    return kind + (rate ? "/s" : "");
  };
  assert.equal(unit("rate(node_network_receive_bytes_total[5m])"), "bytes/s");
  assert.equal(unit("rate(node_cpu_seconds_total[5m])"), "ratio");
  assert.equal(unit("100 * a_bytes / b_bytes"), "ratio");
  assert.equal(unit("a_bytes / b_bytes * 100"), "percent");
  assert.equal(unit("histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[5m])))"), "seconds");
  assert.equal(unit("count(a_bytes)"), "");
  assert.equal(unit('sum by (job) (a_bytes{b="c"})'), "bytes");
  assert.equal(unit("time() - process_start_time_seconds"), "seconds");
  assert.equal(unitOfBounds("sum by (le) (rate(x_seconds_bucket[5m]))").kind, "seconds");
});

test("advice knows what was likely meant", () => {
  assert.deepEqual(alike("nod", ["node", "prometheus", "vctsdb"]), ["node"]);
  assert.deepEqual(alike("Up", ["up", "down"]), ["up"]);
  assert.equal(edits("kitten", "sitting", 5), 3);
  assert.deepEqual(matcherOf('job=~"a|\\"b"'), { label: "job", operator: "=~", value: 'a|"b' });
  assert.deepEqual(matchersOf('up{job="a", b!~"c.*"}'), [
    { label: "__name__", operator: "=", value: "up" },
    { label: "job", operator: "=", value: "a" },
    { label: "b", operator: "!~", value: "c.*" },
  ]);
});
