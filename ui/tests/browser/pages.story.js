// Stories 24, 25, 33 to 35 and 37: histograms, exemplars, cardinality, deleting, storage, running queries.

import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { board } from "../../boards/vctsdb.js";
import { exemplar, histogram, remoteWrite, sample } from "./remotewrite.js";
import { countInk, drawn, graph, series, startServer, stories, until, within } from "./harness.js";

const now = Math.floor(Date.now() / 60_000) * 60_000;
const end = new Date(now).toISOString().slice(0, 19).replace("T", " ");

const tell = stories({
  flags: ["--web.enable-admin-api"],
  fill: async (server) => {
    const range = { from: now - 3_600_000, to: now, step: 60_000 };
    let text = "# TYPE heavy counter\n# HELP heavy Many series.\n";
    for (let i = 0; i < 200; i += 1)
      text += `heavy{job="app",pod="old-${i}"} 1 ${now - 3_600_000}\nheavy{job="app",pod="new-${i}"} 1 ${now}\n`;
    for (let i = 0; i < 20; i += 1) text += `light{job="app",n="${i}"} 1 ${now}\n`;
    let counts = [0, 0, 0];
    for (let time = range.from; time <= range.to; time += range.step) {
      counts = counts.map((count, i) => count + [5, 30, 10][i]);
      const sums = counts.map((_, i) => counts.slice(0, i + 1).reduce((a, b) => a + b));
      ["0.1", "1", "+Inf"].forEach((le, i) => {
        text += `took_seconds_bucket{le="${le}"} ${sums[i]} ${time}\n`;
      });
    }
    text += series("up", { job: "app", instance: "a" }, { ...range, value: () => 1 });
    text += series("alone", { job: "app" }, { ...range, value: (t) => (t / 60_000) % 7 });
    for (const room of ["a", "b", "c"])
      text += series(
        "daylong",
        { room },
        { from: now - 2 * 86_400_000, to: now, step: 60_000, value: (t) => (t / 60_000) % 7 },
      );
    // 300 series of one machine that rest or waver, of which one jumps in the last ten minutes.
    const wavers = (/** @type {number} */ n) => (/** @type {number} */ t) =>
      50 + n + (((t / 60_000) * (n + 7919)) % 10) + (n === 137 && t > now - 300_000 ? 80 : 0);
    for (let n = 0; n < 300; n += 1)
      text += series("wavering", { instance: "m", n: String(n) }, { ...range, value: wavers(n) });
    text += series("watched", { instance: "m" }, { ...range, value: (t) => (t > now - 300_000 ? 9 : 1) });
    text += series("wavering", { instance: "elsewhere" }, { ...range, value: (t) => (t > now - 300_000 ? 9e9 : 1) });
    await server.write(text);
    const steps = Array.from({ length: 61 }, (_, i) => range.from + i * range.step);
    await remoteWrite(server.base, [
      [
        { __name__: "size_bytes", job: "app" },
        steps.map((time, i) => histogram({ time, sum: i, first: 3, counts: [2 * i, 8 * i, 0, 4 * i] })),
      ],
      [
        { __name__: "traced_seconds_bucket", job: "app", le: "+Inf" },
        [
          ...steps.map((time, i) => sample({ time, value: i })),
          exemplar({ time: now - 600_000, value: 0.4, labels: { trace_id: "5eed" } }),
        ],
      ],
    ]);
  },
});

tell("24: a classic histogram is a heatmap with a row a bucket; hover names bounds and count", async ({ page, go }) => {
  await go(graph("sum by (le) (rate(took_seconds_bucket[5m]))", { "g0.display_mode": "heatmap", "g0.end_input": end }));
  await page.waitForFunction(() => document.querySelector(".chart")?.dataset.took);
  assert.ok((await countInk(page)) > 20_000);
  const { x, y, width, height } = await page.locator(".chart").boundingBox();
  await page.mouse.move(x + width * 0.6, y + 10 + (height - 32) / 2);
  await page.waitForSelector(".tip:not([hidden]) .tip-row");
  assert.match(await page.textContent(".tip"), /100 ms to 1 s0\.5/);
  // What the colours mean, in numbers: nothing, a quarter, and the most of a cell.
  assert.deepEqual(await page.locator(".heat-scale-numbers span").allTextContents(), ["0", "0.13", "0.5"]);
  await page.mouse.move(x + width * 0.6, y + height - 32);
  await page.waitForFunction(() => document.querySelector(".tip")?.textContent.includes("0 s to 100 ms"));
});

tell("24: a native histogram has as many cells in a column as buckets", async ({ page, go }) => {
  await go(graph("rate(size_bytes[5m])", { "g0.end_input": end }));
  await page.waitForFunction(() => document.querySelector(".chart")?.dataset.took);
  // Four buckets, of which one is empty: three cells in a column.
  const cells = await page.$eval(".chart-base", (canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(Math.round(width * 0.6), 0, 1, height);
    let found = 0;
    let inside = false;
    for (let i = 0; i < data.length; i += 4) {
      const ink = data[i + 2] - data[i] > 12;
      if (ink && !inside) found += 1;
      inside = ink;
    }
    return found;
  });
  assert.equal(cells, 3);
  const { x, y, width, height } = await page.locator(".chart").boundingBox();
  await page.mouse.move(x + width * 0.6, y + 10 + (height - 32) * 0.6);
  await page.waitForSelector(".tip:not([hidden]) .tip-row");
  assert.match(await page.textContent(".tip"), /8 B to 16 B0\.13/);
});

tell(
  "25: an exemplar is a diamond; a click shows its trace with a link by the settings' template",
  async ({ page, go }) => {
    await go("/server");
    await page.fill('[aria-label="Address of a trace"]', "https://traces.example/t/{trace_id}");
    await page.keyboard.press("Tab");
    await go(
      graph("rate(traced_seconds_bucket[5m])", { "g0.end_input": end, "g0.show_exemplars": "1", "g0.y_axis_min": "0" }),
    );
    await drawn(page, 1);
    const { x, y, width, height } = await page.locator(".chart").boundingBox();
    const ticks = await page.$eval(".chart", (one) => one.dataset.top);
    const at = {
      x: x + (width - 14) - ((width - 60) * 600) / 3600,
      y: y + 10 + (height - 32) * (1 - 0.4 / Number(ticks)),
    };
    await page.mouse.click(at.x, at.y);
    await page.waitForSelector("dialog");
    assert.match(await page.textContent("dialog"), /5eed/);
    assert.equal(await page.getAttribute("dialog a.primary", "href"), "https://traces.example/t/5eed");
  },
);

tell(
  "33: the first metric is the one with most series; a click narrows; churn names the label",
  async ({ page, go }) => {
    await go("/cardinality");
    await page.waitForSelector(".shares li");
    const first = page.locator(".shares").first().locator("li").first();
    assert.match(await first.textContent(), /^heavy.*400/);
    await first.locator("button").click();
    await page.waitForURL(/f=__name__/);
    await page.waitForSelector(".churn-label");
    assert.match(await page.textContent(".cardinality-head"), /400 series of/);
    assert.match(await page.textContent(".churn-label"), /^pod has 200 new values: they are in 100 % of the new series/);
    assert.match(await page.textContent("#page"), /200 of 200 series are new, 200 of the 1h before are gone/);
    await page.goBack();
    await page.waitForFunction(() => !document.querySelector(".cardinality-head").textContent.includes(" of"));
  },
);

tell(
  "34: the trial's numbers are in the button; Cancel deletes nothing; Delete deletes",
  async ({ page, go, server }) => {
    const count = async () =>
      (await (await fetch(`${server.base}/api/v1/query?query=count(light)&time=${now / 1000}`)).json()).data.result[0]
        ?.value[1];
    await go("/cardinality");
    await page.fill('[aria-label="Selector"]', 'light{n=~"1.*"}');
    await page.click("text=Try: how much is it?");
    await page.waitForSelector("text=Delete 11 samples of 11 series");
    await page.click("text=Cancel");
    assert.equal(await count(), "20");
    await page.click("text=Try: how much is it?");
    await page.click("text=Delete 11 samples of 11 series");
    await page.waitForSelector(".toast");
    assert.equal(await count(), "9");
  },
);

tell("34: without the admin API there is no form", async ({ page }) => {
  const other = await startServer();
  try {
    await page.goto(`${other.base}/cardinality`);
    await page.waitForSelector(".shares");
    await page.waitForLoadState("networkidle");
    assert.equal(await page.isVisible("text=Delete series"), false);
  } finally {
    await other.close();
  }
});

tell(
  "alerts: without rules the page says how to have some; alerts that senders store are shown",
  async ({ page, go, server }) => {
    await go("/alerts");
    await page.waitForSelector("text=No rules run in this server");
    await server.write('ALERTS{alertname="DiskFull",alertstate="firing",instance="a"} 1\n');
    await page.reload();
    await page.waitForSelector(".vt-row");
    assert.match(await page.textContent(".vt-row"), /firing.*DiskFull.*instance="a"/);
  },
);

tell("35: a flipped byte is told with its file, and the health at the top turns", async ({ page }) => {
  const first = await startServer({ flags: ["--self-scrape.interval", "off", "--web.enable-admin-api"] });
  await first.write(
    series("kept", { a: "b" }, { from: now - 3_600_000, to: now, step: 1000, value: (t) => Math.sin(t) }),
  );
  // A table is written by the flush of a snapshot.
  // A snapshot writes what is in memory as a table.
  const made = await fetch(`${first.base}/api/v1/admin/tsdb/snapshot`, { method: "POST" });
  assert.ok(made.ok, await made.text());
  const tables = join(first.dir, "data", "tables");
  const names = await readdir(tables);
  assert.ok(names.length > 0);
  await first.stop();
  const path = join(tables, names[0]);
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length / 3)] ^= 0xff;
  await writeFile(path, bytes);
  await first.start();
  await fetch(`${first.base}/api/v1/query?query=count_over_time(kept[2h])&time=${now / 1000}`);
  await page.goto(`${first.base}/storage`);
  await page.waitForSelector(".damage li");
  assert.match(await page.textContent(".damage"), new RegExp(names[0].slice(0, 8)));
  await page.waitForSelector('.health[data-state="bad"]');
  await page.goto(first.base + graph("kept or kept", { "g0.end_input": end }));
  await page.waitForSelector(".panel-notes .note");
  assert.match(await page.textContent(".panel-notes"), /samples are missing/);
  // The hours are hatched: marks of one grey, in columns where there would be only grid lines.
  const hatched = await page.$eval(".chart-base", (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(60, 12, canvas.width - 80, canvas.height - 40);
    let marks = 0;
    for (let i = 0; i < data.length; i += 4)
      if (data[i] > 200 && data[i] < 220 && Math.abs(data[i] - data[i + 2]) < 4) marks += 1;
    return marks;
  });
  assert.ok(hatched > 500, `${hatched} pixels`);
  await first.close();
});

tell("the map of the store has lanes by size, one of memory with the log, and one of the index", async ({ page }) => {
  const other = await startServer({ flags: ["--web.enable-admin-api", "--self-scrape.interval", "off"] });
  try {
    const hour = { from: now - 3_600_000, to: now, step: 1000, value: (/** @type {number} */ t) => t };
    await other.write(series("written", {}, hour));
    await fetch(`${other.base}/api/v1/admin/tsdb/snapshot`, { method: "POST" });
    await other.write(series("held", {}, { ...hour, from: now - 60_000 }));
    await page.goto(`${other.base}/storage`);
    await page.waitForSelector(".store-part.is-table");
    assert.deepEqual(await page.locator(".store-lane > :first-child").allTextContents(), [
      "tables below 4 MiB",
      "memory and log",
      "index, by size",
    ]);
    const { data } = await (await fetch(`${other.base}/api/v1/status/storage`)).json();
    for (const [kind, parts] of [
      ["table", data.tables],
      ["memory", data.memtables.filter(({ samples }) => samples > 0)],
      ["index", data.indexSegments],
    ])
      assert.equal(await page.locator(`.store-part.is-${kind}`).count(), parts.length, kind);
    // What is held reaches over the last minute of the hour that is written.
    const [table, held] = await Promise.all(
      ["table", "memory"].map((kind) => page.locator(`.store-part.is-${kind}`).first().boundingBox()),
    );
    assert.ok(Math.abs(held.width / table.width - 1 / 60) < 0.005, `${held.width} of ${table.width}`);
    assert.ok(held.y > table.y && Math.abs(held.x + held.width - table.x - table.width) < 2);
  } finally {
    await other.close();
  }
});

tell("a board of four weeks ends now, not at its last whole step hours ago", async ({ page, go }) => {
  /** @type {number[]} */
  const ends = [];
  page.on("request", (request) => {
    if (request.url().includes("query_range")) ends.push(Number(new URLSearchParams(request.postData() ?? "").get("end")));
  });
  await go("/dash?d=vctsdb&range=4w");
  await page.waitForFunction(() => [...document.querySelectorAll(".chart")].filter((one) => one.dataset.took).length > 3);
  const asked = Date.now() / 1000;
  assert.ok(ends.length > 3 && ends.every((end) => asked - end < 60), `${ends.map((end) => asked - end)}`);
});

tell("37: a slow query is seen running, and ends when its page is closed", async ({ page, context, go, server }) => {
  await go("/queries");
  await page.waitForSelector("text=Nothing runs at the moment");
  const other = await context.newPage();
  const slow = "quantile_over_time(0.5, (daylong + 0)[1d:5s])";
  await other.goto(server.base + graph(slow, { "g0.range_input": "6h", "g0.res_type": "fixed", "g0.res_step": "3" }));
  await page.waitForFunction(
    (expr) => [...document.querySelectorAll("section")][0].textContent.includes(expr.slice(0, 30)),
    slow,
  );
  assert.match(await page.textContent("section"), /runs for/);
  await other.close();
  await page.waitForSelector("text=Nothing runs at the moment");
});

tell("30: of 300 series the one that jumps in the time that is shown is the first of what else moved", async ({ page, go }) => {
  await go(graph("watched", { "g0.range_input": "10m", "g0.end_input": end }));
  await drawn(page, 1);
  await page.click("text=what else moved?");
  await page.waitForSelector(".moved-one");
  assert.match(await page.textContent(".moved p"), /1 of 300 series with instance="m" left in these 10m/);
  assert.equal(await page.textContent(".moved-one a"), 'wavering{instance="m", n="137"}');
  await page.waitForFunction(() => document.querySelector(".moved-one .chart")?.dataset.lines === "1");
  await page.click(".moved-one a");
  await page.waitForURL(/wavering/);
  await page.waitForSelector("dialog", { state: "detached" });
});

tell("what pages ask by themselves isn't among the slowest queries, unless it is wanted", async ({ page, go }) => {
  await go("/dash?d=vctsdb");
  await page.waitForSelector(".chart-cell .chart[data-took]");
  const typed = "vector(20261130)";
  await go(graph(typed));
  await drawn(page, 1);
  await go("/queries");
  const slowest = page.locator('[aria-label="Slowest since the start"]');
  await slowest.waitFor();
  assert.match(await slowest.textContent(), /20261130/);
  assert.doesNotMatch(await slowest.textContent(), /vctsdb_build_info|vctsdb_series/);
  // Which of them are the slowest is the machine's business; that there are some is not.
  const length = (await slowest.textContent()).length;
  await page.click("text=with those that pages ask by themselves");
  await page.waitForFunction(
    (length) => document.querySelector('[aria-label="Slowest since the start"]').textContent.length > length,
    length,
  );
  assert.match(await slowest.textContent(), /20261130/);
});

tell("a metric's page chooses its charts, and a click on a value filters", async ({ page, go }) => {
  await go(`/explore?metric=took_seconds_bucket`);
  await page.waitForSelector("text=Observations by size");
  await drawn(page, 0);
  await go("/explore?metric=heavy");
  await page.waitForSelector("text=Rate of all");
  await page.click("summary:has-text('job')");
  await page.click("summary:has-text('job')");
  await page.click(".label-pick >> text=app");
  await page.waitForURL(/f=job%3D%22app%22/);
  await page.waitForSelector('button:has-text("job=\\"app\\" ×")');
});

tell("the catalogue searches names and help, and opens a metric", async ({ page, go }) => {
  await go("/explore");
  await page.waitForSelector(".vt-row");
  await page.fill('[aria-label="Search metrics"]', "many series");
  await page.waitForFunction(() => document.querySelectorAll(".vt-row").length === 1);
  await page.click(".vt-row a");
  await page.waitForURL(/metric=heavy/);
});

tell("senders: the programs that wrote are told with what was refused of them", async ({ page, go, server }) => {
  const refused = await fetch(`${server.base}/api/v1/import/prometheus`, {
    method: "POST",
    headers: { "user-agent": "thermometer/2" },
    body: "room 1\nno sample here {\n",
  });
  assert.equal(refused.status, 400);
  await go("/targets");
  const row = page.locator('[aria-label="Writers"] tr:has-text("thermometer/2")');
  await row.waitFor();
  assert.match(await row.textContent(), /at 127\.0\.0\.1.*import\/prometheus.*never.*400: /);
});

tell("the board of this store asks for metrics that it has", async ({ server }) => {
  const text = await (await fetch(`${server.base}/metrics`)).text();
  const asked = board.charts.flatMap(({ expr }) => expr.match(/\b(?:vctsdb|process)_\w+/g));
  assert.ok(asked.length >= board.charts.length);
  for (const name of asked) assert.match(text, new RegExp(`^${name}[{ ]`, "m"));
});

tell("boards are there where their metrics are", async ({ page, go }) => {
  await go("/dash?d=vctsdb");
  await page.waitForSelector(".chart-cell");
  // A rate needs two samples of the store itself; gauges are there at once.
  await page.waitForFunction(() =>
    [...document.querySelectorAll(".chart")].some((one) => Number(one.dataset.lines) > 0),
  );
  await go("/dash?d=node");
  await page.waitForSelector("text=Nobody sends the metrics of");
});

tell("34: 5,000 rules are searched under 50 ms, with few of them in the document", async ({ page, server }) => {
  const rules = Array.from({ length: 5000 }, (_, i) => ({
    name: `Rule${i}`,
    type: "alerting",
    query: `app_${i}_errors > 0`,
    health: "ok",
    duration: 60,
    lastEvaluation: new Date().toISOString(),
    evaluationTime: 0.001,
  }));
  await page.route("**/api/v1/rules", (route) =>
    route.fulfill({ json: { status: "success", data: { groups: [{ name: "all", rules }] } } }),
  );
  await page.goto(`${server.base}/rules`);
  await page.waitForSelector("text=5,000 rules");
  assert.ok((await page.locator(".vt-row").count()) < 100);
  const search = () => {
    const field = document.querySelector('[aria-label="Filter rules"]');
    field.value = "rule4999";
    const begun = performance.now();
    field.dispatchEvent(new Event("input"));
    return performance.now() - begun;
  };
  await within(50, () => page.evaluate(search));
  assert.match(await page.textContent('[aria-label="Rules"] .vt-row'), /Rule4999/);
});

tell("where the server can, a running query is ended from the list", async ({ page, context, go, server }) => {
  await go("/queries");
  await page.waitForSelector("text=Nothing runs at the moment");
  const other = await context.newPage();
  const slow = "quantile_over_time(0.4, (daylong + 0)[1d:5s])";
  await other.goto(server.base + graph(slow, { "g0.range_input": "6h", "g0.res_type": "fixed", "g0.res_step": "3" }));
  // While it runs, what is asked again each second doesn't take the button from under the finger.
  const button = await page.waitForSelector("text=End it");
  const took = () => page.textContent(".queries .query-time");
  const first = await took();
  await until(async () => (await took()) !== first, "the time it has taken is told again");
  assert.ok(await button.evaluate((element) => element.isConnected));
  await button.click();
  await page.waitForSelector("text=Told it to end");
  await page.waitForSelector("text=Nothing runs at the moment");
  await other.waitForSelector(".panel-message .note.bad");
});
