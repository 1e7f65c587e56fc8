// Stories 4 to 13 and 31: addresses, the editor, running.

import assert from "node:assert/strict";
import { drawn, graph, series, stories, until } from "./harness.js";

const tell = stories({
  fill: async (server) => {
    const now = Date.now();
    const range = { from: now - 3_600_000, to: now, step: 15_000 };
    await server.write(
      series("node_load1", { job: "node", instance: "a" }, { ...range, value: (t) => 1 + Math.sin(t / 60_000) }),
    );
    await server.write(
      series("node_load1", { job: "node", instance: "b" }, { ...range, value: (t) => 2 + Math.sin(t / 60_000) }),
    );
    await server.write(
      series("node_cpu_seconds_total", { job: "node", cpu: "0" }, { ...range, value: (t) => t / 1000 - 1.7e9 }),
    );
    await server.write(`odd{path="C:\\\\dir",says="a \\"word\\""} 1 ${now}\n`);
  },
});

/** The parameters of the next request for a query. */
async function asked(page, run, path = "query_range") {
  const request = page.waitForRequest((one) => one.url().includes(`/api/v1/${path}`));
  await run();
  return new URLSearchParams((await request).postData() ?? new URL((await request).url()).search);
}

tell("4: links of Alertmanager, Grafana and Prometheus ask for what they name", async ({ page, go }) => {
  const table = await asked(page, () => go("/graph?g0.expr=up&g0.tab=1"), "query");
  assert.equal(table.get("query"), "up");
  assert.equal(await page.getAttribute('[data-tab="table"]', "aria-selected"), "true");
  const grafana = await asked(page, () =>
    go("/graph?g0.expr=up&g0.range_input=3600s&g0.end_input=2026-11-30%2012%3A00&g0.step_input=15&g0.tab=0"),
  );
  assert.deepEqual(
    ["start", "end", "step"].map((name) => Number(grafana.get(name))),
    [Date.UTC(2026, 10, 30, 11) / 1000, Date.UTC(2026, 10, 30, 12) / 1000, 15],
  );
  const prometheus = await asked(page, () =>
    go(
      "/query?g0.expr=up&g0.show_tree=0&g0.tab=graph&g0.range_input=2h&g0.end_input=2026-11-30%2012%3A00%3A05&g0.res_type=fixed&g0.res_step=30&g0.display_mode=lines&g0.show_exemplars=0",
    ),
  );
  assert.deepEqual(
    ["start", "end", "step"].map((name) => Number(prometheus.get(name))),
    [Date.UTC(2026, 10, 30, 10, 0, 5) / 1000, Date.UTC(2026, 10, 30, 12, 0, 5) / 1000, 30],
  );
  const auto = await asked(page, () => go("/query?g0.expr=up&g0.tab=graph&g0.range_input=1h"));
  assert.equal(auto.get("step"), "12", "Prometheus' step of an hour, 14, rounded to a part of it");
});

tell("5: vmui's address and a pasted one of Explore give their expressions", async ({ page, go, context, server }) => {
  const vmui = await asked(page, () => go("/vmui/#/?g0.expr=up&g0.relative_time=last_1_hour"));
  assert.equal(vmui.get("query"), "up");
  assert.equal(Number(vmui.get("end")) - Number(vmui.get("start")), 3600);
  const panes = JSON.stringify({
    a: { queries: [{ refId: "A", expr: "node_load1" }], range: { from: "now-6h", to: "now" } },
  });
  const link = `https://grafana.example/explore?schemaVersion=1&panes=${encodeURIComponent(panes)}`;
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.base });
  await go("/graph");
  await page.evaluate((text) => navigator.clipboard.writeText(text), link);
  await page.focus(".editor-text");
  const pasted = await asked(page, () => page.keyboard.press("Control+V"));
  assert.equal(pasted.get("query"), "node_load1");
  assert.equal(Number(pasted.get("end")) - Number(pasted.get("start")), 6 * 3600);
});

tell("6: a reload shows the same, Back undoes steps one by one, Forward redoes", async ({ page, go }) => {
  await go(graph("node_load1"));
  await drawn(page, 2);
  await page.click('[aria-label="Longer range"]');
  await page.waitForURL(/range_input=2h/);
  await page.click('[data-value="stacked"]');
  await page.waitForURL(/display_mode=stacked/);
  await page.click('[data-toggle="points"]');
  await page.waitForURL(/points=1/);
  await page.reload();
  await drawn(page, 2);
  assert.equal(await page.getAttribute('[data-value="stacked"]', "aria-pressed"), "true");
  await page.goBack();
  assert.equal(await page.getAttribute('[data-toggle="points"]', "aria-pressed"), "false");
  await page.goBack();
  await page.waitForSelector('[data-value="lines"][aria-pressed="true"]');
  await page.goBack();
  await page.waitForFunction(() => document.querySelector(".range-length").value === "1h");
  await page.goForward();
  await page.waitForFunction(() => document.querySelector(".range-length").value === "2h");
});

tell("7: a frozen link asks for the same times an hour later", async ({ page, go, context, server }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.base });
  const first = await asked(page, () => go(graph("node_load1")));
  await drawn(page, 2);
  await page.click('[aria-label="More"]');
  await page.click('.menu >> text="link, frozen in time"');
  await page.waitForSelector(".toast");
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await page.clock.install({ time: Date.now() + 3_600_000 });
  const later = await asked(page, () => page.goto(link));
  assert.deepEqual(
    [later.get("start"), later.get("end"), later.get("step")],
    [first.get("start"), first.get("end"), first.get("step")],
  );
});

const options = (page) => page.$$eval(".popup-text", (all) => all.map((one) => one.textContent));

tell("8: completion lists functions and metrics, inserts, and one undo takes it back", async ({ page, go }) => {
  await go("/graph");
  await page.click(".editor-text");
  await page.keyboard.type("rat");
  await page.waitForSelector(".popup:not([hidden])");
  assert.ok((await options(page)).includes("rate"));
  await page.keyboard.press("Tab");
  assert.equal(await page.inputValue(".editor-text"), "rate()");
  await page.keyboard.type("node_l");
  await page.waitForFunction(() =>
    [...document.querySelectorAll(".popup-text")].some((one) => one.textContent === "node_load1"),
  );
  await page.keyboard.press("Tab");
  assert.equal(await page.inputValue(".editor-text"), "rate(node_load1)");
  await page.keyboard.press("Control+Z");
  assert.equal(await page.inputValue(".editor-text"), "rate(node_l)");
  await page.keyboard.press("Escape");
  await page.fill(".editor-text", "");
  await page.keyboard.type("cpu_sec");
  await page.waitForFunction(() =>
    [...document.querySelectorAll(".popup-text")].some((one) => one.textContent === "node_cpu_seconds_total"),
  );
});

tell("9: labels complete in braces, values in quotes with their end, escaped", async ({ page, go }) => {
  await go("/graph");
  await page.click(".editor-text");
  await page.keyboard.type("odd{pa");
  await page.waitForSelector(".popup:not([hidden])");
  assert.deepEqual(await options(page), ["path"]);
  await page.keyboard.press("Tab");
  assert.equal(await page.inputValue(".editor-text"), "odd{path=");
  await page.keyboard.type('"');
  await page.waitForFunction(() => document.querySelector(".popup-text")?.textContent === "C:\\dir");
  await page.keyboard.press("Tab");
  assert.equal(await page.inputValue(".editor-text"), 'odd{path="C:\\\\dir"');
  await page.keyboard.type(',says="');
  await page.waitForFunction(() => document.querySelector(".popup-text")?.textContent === 'a "word"');
  await page.keyboard.press("Tab");
  assert.equal(await page.inputValue(".editor-text"), 'odd{path="C:\\\\dir",says="a \\"word\\""');
});

tell(
  "10: Enter runs after the list was closed, Shift+Enter breaks the line, composing runs nothing",
  async ({ page, go }) => {
    await go("/graph");
    await page.click(".editor-text");
    await page.keyboard.type("node_load1");
    await page.keyboard.press("Control+Space");
    await page.waitForSelector(".popup:not([hidden])");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Shift+Enter");
    assert.equal(await page.inputValue(".editor-text"), "node_load1\n");
    const query = await asked(page, () => page.keyboard.press("Enter"));
    assert.equal(query.get("query"), "node_load1\n");
    await page.keyboard.press("Control+Space");
    let ran = false;
    page.on("request", (request) => {
      if (request.url().includes("query_range")) ran = true;
    });
    await page.$eval(".editor-text", (area) => {
      area.dispatchEvent(new CompositionEvent("compositionstart"));
      area.dispatchEvent(
        new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true }),
      );
      area.dispatchEvent(new CompositionEvent("compositionend"));
    });
    await page.waitForTimeout(300);
    assert.equal(ran, false);
  },
);

tell("12: the colours lie under the letters at every width", async ({ page, go }) => {
  for (const width of [320, 640, 1100]) {
    await page.setViewportSize({ width: width + 40, height: 700 });
    await go(
      graph(
        `sum by (instance) (rate(node_cpu_seconds_total{job="node",cpu=~"0|1|2|3|4|5|6"}[5m])) / ${"on (instance) group_left () sum(node_load1) + ".repeat(6)}1`,
      ),
    );
    await page.waitForSelector(".editor-text");
    const [area, under] = await page.evaluate(() =>
      [document.querySelector(".editor-text"), document.querySelector(".editor-under")].map((one) => [
        one.clientWidth,
        one.scrollHeight,
      ]),
    );
    assert.deepEqual(area, under, `at ${width} px`);
  }
});

tell(
  "13: an error is underlined at its place in the server's words, and the last picture stays",
  async ({ page, go }) => {
    await go(graph("node_load1"));
    await drawn(page, 2);
    await page.fill(".editor-text", "rate(foo{)");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".p-fault");
    assert.equal(await page.textContent(".p-fault"), ")");
    assert.match(await page.textContent(".panel-message"), /unexpected character inside braces: '\)'/);
    assert.ok(await page.isVisible(".chart-base"));
    assert.equal(await page.getAttribute(".chart", "data-lines"), "2");
  },
);

tell("31: a refresh keeps its distance, rests while the page is hidden, and leaves the caret", async ({ page, go }) => {
  const times = [];
  page.on("request", (request) => {
    if (request.url().includes("query_range")) times.push(Date.now());
  });
  await go(`${graph("node_load1")}&refresh=1s`);
  await drawn(page, 2);
  await page.focus(".editor-text");
  await page.$eval(".editor-text", (area) => area.setSelectionRange(3, 3));
  await until(() => times.length >= 5, "five requests");
  const gaps = times.slice(2).map((time, i) => time - times[i + 1]);
  // A slow machine asks later. What it must not do is ask more often.
  assert.ok(gaps.every((gap) => gap > 700), `${gaps}`);
  assert.equal(await page.$eval(".editor-text", (area) => area.selectionStart), 3);
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { get: () => globalThis.hiddenNow ?? true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  // That something doesn't happen takes time to see: here twice the refresh.
  await page.waitForTimeout(1000);
  const before = times.length;
  await page.waitForTimeout(2200);
  assert.equal(times.length, before, "hidden");
  await page.evaluate(() => {
    globalThis.hiddenNow = false;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await until(() => times.length > before, "a request once the page is shown again");
});
