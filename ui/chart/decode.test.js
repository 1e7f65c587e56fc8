import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, Reader } from "./decode.js";

const bytes = (...parts) => Uint8Array.from(parts.flat());
const varint = (number) => {
  const out = [];
  let rest = BigInt.asUintN(64, BigInt(number));
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...out, Number(rest)];
};
const field = (number, content) => [...varint(number * 8 + 2), ...varint(content.length), ...content];
const text = (number, content) => field(number, [...new TextEncoder().encode(content)]);
const double = (value) => {
  const eight = new Uint8Array(8);
  new DataView(eight.buffer).setFloat64(0, value, true);
  return [...eight];
};
const sample = (value, time) => field(2, [9, ...double(value), 16, ...varint(time)]);

test("samples land on their steps and gaps stay NaN", () => {
  const series = field(1, [
    ...field(1, [...text(1, "__name__"), ...text(2, "up")]),
    ...sample(1, 1000),
    ...sample(3, 3000),
  ]);
  const frame = decode(bytes(text(2, "matrix"), text(4, "careful"), series), { start: 1000, end: 4000, step: 1000 });
  assert.deepEqual([...frame.series[0].values], [1, NaN, 3, NaN]);
  assert.equal(frame.series[0].labels.__name__, "up");
  assert.deepEqual(frame.warnings, ["careful"]);
});

test("times before 1970 and a label called __proto__ are taken as they are", () => {
  const series = field(1, [...field(1, [...text(1, "__proto__"), ...text(2, "x")]), ...sample(5, -2000)]);
  const frame = decode(bytes(series), { start: -2000, end: 0, step: 1000 });
  assert.equal(frame.series[0].values[0], 5);
  assert.deepEqual(Object.keys(frame.series[0].labels), ["__proto__"]);
});

test("a field of unknown kind is skipped", () => {
  const reader = new Reader(bytes(varint(300), varint(-1)));
  assert.equal(reader.varint(), 300);
  assert.equal(reader.signed(), -1);
  const frame = decode(bytes(field(15, [1, 2, 3]), text(5, "info")), { start: 0, end: 0, step: 1 });
  assert.deepEqual(frame.infos, ["info"]);
});
