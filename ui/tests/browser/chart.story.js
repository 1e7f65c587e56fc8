// Stories 18 to 23 and 26 to 29: charts, legend, zoom, tables, files.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { countInk, drawn, graph, series, stories, within } from "./harness.js";

const HOUR = 3_600_000;
const now = Math.floor(Date.now() / 60_000) * 60_000;
const end = new Date(now).toISOString().slice(0, 19).replace("T", " ");
const fixed = { "g0.end_input": end };

const tell = stories({
  fill: async (server) => {
    const range = { from: now - HOUR, to: now, step: 15_000 };
    let text = "";
    for (let i = 0; i < 100; i += 1)
      text += series("many", { n: String(i) }, { ...range, step: 60_000, value: () => i * 10 });
    for (const host of ["a", "b", "c"])
      text += series(
        "load",
        { host, env: "prod" },
        { ...range, value: (t) => (host === "a" ? 5 : 2) + Math.sin(t / 300_000) },
      );
    text += series(
      "load",
      { host: "d", env: "prod" },
      { from: now - HOUR, to: now - HOUR / 2, step: 15_000, value: () => 1 },
    );
    // A hole of ten minutes, a lone point, and values that no axis has.
    text += series("holey", { part: "one" }, { from: now - HOUR, to: now - 2_400_000, step: 15_000, value: () => 10 });
    text += series("holey", { part: "one" }, { from: now - 1_800_000, to: now, step: 15_000, value: () => 10 });
    text += `lone{} 10 ${now - HOUR / 2}\n`;
    text += series(
      "strange",
      {},
      { ...range, value: (t) => (t % 120_000 === 0 ? "NaN" : t % 180_000 === 0 ? "+Inf" : 3) },
    );
    text += series("yesterday", {}, { from: now - 25 * HOUR, to: now - 24 * HOUR, step: 60_000, value: () => 7 });
    text += series("yesterday", {}, { from: now - HOUR, to: now, step: 60_000, value: () => 3 });
    await server.write(text);
    let lines = "";
    for (let i = 0; i < 1200; i += 1)
      for (let t = now - 600_000; t <= now; t += 60_000) lines += `crowd{n="${i}"} ${i + 1} ${t}\n`;
    await server.write(lines);
    lines = "";
    for (let i = 0; i < 10_000; i += 1)
      lines += `rows{id="${String(i).padStart(5, "0")}",kind="k${i % 7}"} ${(i * 7919) % 10_000} ${now}\n`;
    await server.write(lines);
  },
});

const asked = async (page, run) => {
  const request = page.waitForRequest((one) => one.url().includes("/api/v1/query_range"));
  await run();
  return new URLSearchParams((await request).postData());
};
const box = (page) => page.locator(".chart").first().boundingBox();

tell("18: a drag zooms to a finer step, a double click goes back, wheel and keys zoom", async ({ page, go }) => {
  const first = await asked(page, () => go(graph("load", { ...fixed, "g0.range_input": "1h" })));
  await drawn(page, 4);
  const { x, y, width } = await box(page);
  await page.mouse.move(x + width * 0.3, y + 100);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.5, y + 120, { steps: 4 });
  const zoomed = await asked(page, () => page.mouse.up());
  const length = (params) => Number(params.get("end")) - Number(params.get("start"));
  assert.ok(length(zoomed) > 600 && length(zoomed) < 900, `${length(zoomed)}`);
  assert.ok(Number(zoomed.get("step")) < Number(first.get("step")));
  await drawn(page, 4);
  await page.mouse.dblclick(x + width * 0.5, y + 100);
  await page.waitForFunction(() => document.querySelector(".range-length").value === "1h");
  await page.mouse.move(x + width * 0.5, y + 100);
  await page.keyboard.down("Control");
  const wheel = await asked(page, () => page.mouse.wheel(0, -100));
  await page.keyboard.up("Control");
  assert.ok(Math.abs(length(wheel) - 2880) < 60, `${length(wheel)}`);
  const middle = (Number(wheel.get("start")) + Number(wheel.get("end"))) / 2;
  assert.ok(Math.abs(middle - (now / 1000 - 1800)) < 120, "about the pointer");
  await page.evaluate(() => document.activeElement.blur());
  assert.equal(length(await asked(page, () => page.keyboard.press("+"))), 1800);
  assert.equal(length(await asked(page, () => page.keyboard.press("-"))), 3600);
  const earlier = await asked(page, () => page.keyboard.press("["));
  const later = await asked(page, () => page.keyboard.press("]"));
  assert.equal(Number(later.get("end")) - Number(earlier.get("end")), 1800);
});

tell("19: arrow keys move the crosshair and read out, t shows the numbers", async ({ page, go }) => {
  await go(graph("load", fixed));
  await drawn(page, 4);
  await page.focus(".chart");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  const said = await page.textContent(".chart [aria-live]");
  assert.match(said, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \{host="a"\}: \d/);
  await page.keyboard.press("ArrowDown");
  assert.match(await page.textContent(".chart [aria-live]"), /host="b"/);
  await page.keyboard.press("t");
  await page.waitForSelector(".results .vt-row");
  assert.equal(await page.getAttribute('[data-tab="table"]', "aria-selected"), "true");
});

tell(
  "20: hover finds the nearest of a hundred lines, thickens it, and its box stays in the window",
  async ({ page, go }) => {
    await go(graph("many", fixed));
    await drawn(page, 100);
    const { x, y, width, height } = await box(page);
    // Values go from 0 to 1000 on an axis that ends there.
    for (const [index, at] of [
      [50, 0.5],
      [99, 0.98],
    ]) {
      await page.mouse.move(x + width * at, y + 10 + (height - 32) * (1 - index / 100));
      await page.waitForSelector(".tip:not([hidden]) .tip-row");
      assert.match(await page.textContent(".tip"), new RegExp(`n="${index}"`));
      const thick = await page.$eval(".chart-over", (canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let inked = 0;
        for (let i = 3; i < data.length; i += 4) if (data[i] > 200) inked += 1;
        return inked;
      });
      assert.ok(thick > width * 1.5, `${thick} pixels`);
      const tip = await page.locator(".tip").first().boundingBox();
      assert.ok(
        tip.x >= 0 && tip.x + tip.width <= 1300 && tip.y >= 0 && tip.y + tip.height <= 900,
        JSON.stringify(tip),
      );
    }
  },
);

const legend = (page) =>
  page.$$eval(".legend .vt-row", (rows) =>
    rows
      .map((row) => ({
        text: row.querySelector(".legend-text").textContent,
        hidden: row.classList.contains("is-hidden"),
        top: parseInt(row.style.top, 10),
      }))
      .sort((a, b) => a.top - b.top)
      .map(({ text, hidden }) => (hidden ? `-${text}` : text)),
  );

tell(
  "21: the legend isolates, hides, searches, sorts, names shared labels once; colours stay",
  async ({ page, go }) => {
    await go(graph("load", fixed));
    await drawn(page, 4);
    assert.match(await page.textContent(".legend-common"), /all have load\{env="prod"\}/);
    assert.deepEqual(await legend(page), ['{host="a"}', '{host="b"}', '{host="c"}', '{host="d"}']);
    const colour = () => page.$eval(".legend .swatch", (one) => one.style.getPropertyValue("--ink"));
    const before = await colour();
    await page.click('.legend-text >> text={host="b"}');
    await drawn(page, 1);
    assert.deepEqual(await legend(page), ['-{host="a"}', '{host="b"}', '-{host="c"}', '-{host="d"}']);
    await page.click('.legend-text >> text={host="b"}');
    await page.click('.legend-text >> text={host="c"}', { modifiers: ["Control"] });
    assert.deepEqual(await legend(page), ['{host="a"}', '{host="b"}', '-{host="c"}', '{host="d"}']);
    await page.click("text=show all");
    await page.click('.legend .vt-head >> text="max"');
    assert.equal((await legend(page))[0], '{host="a"}');
    await page.click(".legend .vt-head >> text=max");
    assert.equal((await legend(page))[0], '{host="d"}');
    await Promise.all([
      page.waitForResponse((one) => one.url().includes("query_range")),
      page.click('[aria-label="Run all again"]'),
    ]);
    await page.click(".legend .vt-head >> text=max");
    assert.equal(await colour(), before);
    await go(graph("many", fixed));
    await drawn(page, 100);
    await page.fill('[aria-label="Filter series"]', 'n="77"');
    assert.deepEqual(await legend(page), ['{n="77"}']);
  },
);

tell("22: of 1,200 series 1,000 are drawn, words count the rest, and all can be had", async ({ page, go }) => {
  await go(graph("crowd", fixed));
  await drawn(page, 1000);
  assert.equal(await page.getAttribute(".chart", "data-lines"), "1000");
  assert.match(await page.textContent(".graph-cut"), /1,000 series with the highest values are drawn, 200 are not/);
  await page.click("text=Draw all");
  await drawn(page, 1200);
  await page.click(".editor-text");
  await page.keyboard.type(" ");
  assert.ok(Number(await page.getAttribute(".chart", "data-took")) < 500);
});

tell("23: a stack's top is the sum, and gaps are told", async ({ page, go }) => {
  await go(graph("load", { ...fixed, "g0.display_mode": "stacked" }));
  await drawn(page, 4);
  assert.match(await page.textContent(".graph-notes"), /the stack takes it as zero/);
  const sum = await page.evaluate(
    async (end) =>
      (await (await fetch(`api/v1/query?query=max_over_time(sum(load)[1h:14s])&time=${end}`)).json()).data.result[0]
        .value[1],
    now / 1000,
  );
  // The axis has room for the highest sum, and nothing is drawn above it.
  await page.focus(".chart");
  await page.keyboard.press("ArrowLeft");
  assert.ok(Number(sum) > 9);
  assert.ok((await countInk(page)) > 300);
});

tell(
  "26: no line crosses a hole, a lone point is a dot, NaN and infinity leave the scale alone",
  async ({ page, go }) => {
    await go(graph("holey", { ...fixed, "g0.step_input": "15" }));
    await drawn(page, 1);
    // Prometheus looks back five minutes, so a hole of ten is one of five.
    const columns = await page.$eval(".chart-base", (canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const inked = new Set();
      for (let i = 0; i < data.length; i += 4) if (data[i + 2] - data[i] > 40) inked.add((i / 4) % canvas.width);
      return [...inked].sort((a, b) => a - b);
    });
    const widest = Math.max(...columns.slice(1).map((x, i) => x - columns[i]));
    const { width } = await box(page);
    assert.ok(widest > width / 15 && widest < width / 8, `a gap of ${widest} of ${width} pixels`);
    await go(graph("lone", { ...fixed, "g0.step_input": "600" }));
    await drawn(page, 1);
    assert.ok((await countInk(page)) > 10, "a dot");
    await go(graph("strange", fixed));
    await drawn(page, 1);
    assert.ok((await countInk(page)) > 200);
    assert.match(await page.textContent(".graph-notes"), /infinite values/);
  },
);

tell(
  "27: of 10,000 rows few are in the document; End, sorting, filtering and columns are quick",
  async ({ page, go }) => {
    await go(`/graph?${new URLSearchParams({ "g0.expr": "rows", "g0.tab": "table", "g0.moment_input": end })}`);
    await page.waitForSelector(".results .vt-row");
    assert.ok((await page.locator(".results .vt-row").count()) < 100);
    await page.focus(".results .vt-scroll");
    await page.keyboard.press("End");
    await page.waitForSelector('.results .vt-row[data-row="9999"]');
    const sort = () => {
      const begun = performance.now();
      document.querySelector(".results .vt-head [role=columnheader]:last-child button").click();
      return performance.now() - begun;
    };
    await within(100, () => page.evaluate(sort));
    while ((await page.textContent('.results .vt-row[data-row="0"] .over-bar')) !== "9999") await page.evaluate(sort);
    const filter = () => {
      const field = document.querySelector('[aria-label="Filter rows"]');
      const begun = performance.now();
      field.value = "00042";
      field.dispatchEvent(new Event("input"));
      return performance.now() - begun;
    };
    await within(100, () => page.evaluate(filter));
    assert.match(await page.textContent(".results-bar"), /1 of 10,000 rows/);
    await page.fill('[aria-label="Filter rows"]', "");
    await page.click('button:has-text("columns")');
    await page.click('.menu >> text="a column for each label"');
    assert.deepEqual(
      await page.$$eval(".results .vt-head [role=columnheader]", (all) =>
        all.map((one) => one.textContent.replace(/[ ↑↓]/g, "")),
      ),
      ["__name__", "id", "kind", "value"],
    );
  },
);

tell("28: the CSV is the server's, byte by byte; the PNG has the chart's pixels", async ({ page, go, server }) => {
  const request = page.waitForRequest((one) => one.url().includes("query_range"));
  await go(graph("load", fixed));
  const body = (await request).postData();
  await drawn(page, 4);
  const download = async (text) => {
    await page.click('[aria-label="More"]');
    const started = page.waitForEvent("download");
    await page.click(`.menu >> text="${text}"`);
    return readFile(await (await started).path());
  };
  const params = new URLSearchParams(body);
  params.delete("timeout");
  const want = await (
    await fetch(`${server.base}/api/v1/query_range`, { method: "POST", body: params, headers: { Accept: "text/csv" } })
  ).text();
  assert.equal((await download("save as CSV")).toString(), want);
  const png = await download("save as PNG");
  const { width, height } = await box(page);
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [Math.round(width), Math.round(height)]);
});

tell("29: a ghost of a day ago is drawn dashed and named; the strip moves the range", async ({ page, go }) => {
  const requests = [];
  page.on("request", (one) => {
    if (one.url().includes("query_range")) requests.push(new URLSearchParams(one.postData()));
  });
  await go(graph("yesterday", { ...fixed, "g0.vs": "1d" }));
  await drawn(page, 2);
  const ends = requests.map((one) => Number(one.get("end"))).sort();
  assert.equal(ends[1] - ends[0], 86_400);
  assert.ok((await legend(page)).includes("yesterday earlier"));
  assert.ok((await countInk(page)) > 100);
  await page.focus(".strip");
  await page.keyboard.press("ArrowLeft");
  await page.waitForURL((url) => !url.search.includes(encodeURIComponent(end.slice(11))));
  const strip = await page.locator(".strip").boundingBox();
  await page.mouse.move(strip.x + strip.width * 0.5, strip.y + 8);
  await page.mouse.down();
  await page.mouse.move(strip.x + strip.width * 0.3, strip.y + 8, { steps: 3 });
  const moved = await asked(page, () => page.mouse.up());
  const middle = Number(moved.get("end")) - 1800;
  assert.ok(
    middle < now / 1000 - 14 * 3600 && middle > now / 1000 - 21 * 3600,
    `${(now / 1000 - middle) / 3600} h ago`,
  );
});
