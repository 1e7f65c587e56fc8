// A walk through all pages.

import assert from "node:assert/strict";
import { drawn } from "./harness.js";

const PLACES = [
  "",
  "graph?g0.expr=up&g0.tab=graph",
  "explore",
  "cardinality",
  "storage",
  "queries",
  "targets",
  "alerts",
  "server",
  "dash",
];

/** Opens all pages below `base`; nothing outside of it may be asked for. */
export async function visit(page, base) {
  const foreign = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(`${base}/`) && !request.url().startsWith("blob:")) foreign.push(request.url());
  });
  page.on("response", (response) => {
    if (response.status() >= 400) foreign.push(`${response.status()} ${response.url()}`);
  });
  for (const path of PLACES) {
    await page.goto(`${base}/${path}`);
    await page.waitForSelector("#page > *");
    await page.waitForLoadState("networkidle");
  }
  await page.goto(`${base}/`);
  await drawn(page, 1);
  assert.ok((await page.textContent(".code")).includes(`${base}/api/v1/write`));
  await page.click('nav >> text="Query"');
  await page.waitForURL(`${base}/graph*`);
  assert.deepEqual(foreign, []);
}
