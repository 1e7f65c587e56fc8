// Story 44: behind a prefix of a proxy everything works, because every address is relative.

import assert from "node:assert/strict";
import { drawn, stories } from "./harness.js";

process.env.PREFIX = "/metrics-store";
const tell = stories({
  flags: ["--self-scrape.interval", "1s", "--web.external-url", "http://127.0.0.1/metrics-store"].slice(
    0,
    process.env.VCTSDB_FRONT ? 2 : 4,
  ),
});

tell("44: behind a prefix pages, assets and requests work", async ({ page, server }) => {
  const foreign = [];
  page.on("request", (request) => {
    if (!new URL(request.url()).pathname.startsWith("/metrics-store/")) foreign.push(request.url());
  });
  for (const path of [
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
  ]) {
    await page.goto(`${server.base}/metrics-store/${path}`);
    await page.waitForLoadState("networkidle");
  }
  await page.goto(`${server.base}/metrics-store/`);
  await drawn(page, 1);
  assert.match(await page.textContent(".code"), new RegExp(`${server.base}/metrics-store/api/v1/write`));
  await page.click('nav >> text="Query"');
  await page.waitForURL(/metrics-store\/graph/);
  assert.deepEqual(
    foreign.filter((url) => !url.startsWith("blob:")),
    [],
  );
});
