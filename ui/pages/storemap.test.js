import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf } from "./storemap.js";

test("parts that overlap are kept apart in as few rows as that takes", () => {
  const part = (minTime, maxTime) => ({ minTime, maxTime });
  const rows = (...parts) => rowsOf(parts).map((row) => row.map(({ minTime, maxTime }) => `${minTime}-${maxTime}`));
  assert.deepEqual(rows(part(0, 9), part(10, 19), part(20, 29)), [["0-9", "10-19", "20-29"]]);
  assert.deepEqual(rows(part(5, 7), part(0, 9), part(6, 14)), [["0-9"], ["6-14"], ["5-7"]]);
  assert.deepEqual(rows(part(0, 5), part(5, 8)), [["0-5"], ["5-8"]], "both have the moment where they meet");
  assert.deepEqual(rows(), []);
});
