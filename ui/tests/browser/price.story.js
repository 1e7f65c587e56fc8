// Stories 14 to 17: the price while typing, why it is empty, the plan.

import assert from "node:assert/strict";
import { drawn, graph, series, stories } from "./harness.js";

const now = Date.now();
const tell = stories({
  flags: ["--query.max-samples", "20000"],
  fill: async (server) => {
    const range = { from: now - 3_600_000, to: now, step: 15_000 };
    let text = "";
    for (const instance of ["a", "b", "c"])
      text += series("up", { job: "node", instance }, { ...range, value: () => 1 });
    for (const instance of ["a", "b", "c"]) text += series("have", { instance }, { ...range, value: () => 1 });
    text +=
      series("info", { instance: "a" }, { ...range, value: () => 1 }) +
      series("info", { instance: "x" }, { ...range, value: () => 1 });
    for (let i = 0; i < 300; i += 1)
      text += series("wide", { n: String(i) }, { ...range, step: 60_000, value: () => i });
    text += series("gone", {}, { from: now - 12 * 3_600_000, to: now - 11 * 3_600_000, step: 15_000, value: () => 1 });
    await server.write(text);
  },
});

const prices = (page) => {
  const seen = [];
  page.on("request", (request) => {
    if (request.url().includes("/api/v1/explain")) seen.push(request);
  });
  return seen;
};

tell(
  "14: the price stands there before the run, is red over the limit, and a cheap one runs by itself",
  async ({ page, go }) => {
    await go("/graph");
    await page.click(".editor-text");
    await page.keyboard.type("wide");
    await page.waitForSelector('.price[data-kind="bad"]');
    assert.match(
      await page.textContent(".price"),
      /reads about .* samples of 300 series.*more than a query may.*Narrow wide/,
    );
    await page.fill(".editor-text", "");
    await page.keyboard.type('up{instance="a"}');
    await drawn(page, 1);
    assert.match(await page.textContent(".price"), /of 1 series/);
  },
);

tell("15: typing twenty characters asks for few prices, none of which is listed as a query", async ({ page, go, server }) => {
  const seen = prices(page);
  await page.clock.install();
  await go("/graph");
  await page.click(".editor-text");
  // The page's clock goes on as far as a quick typist's would, and no further however slow this machine is.
  await page.clock.pauseAt(Date.now() + 60_000);
  for (const key of "sum(rate(up[5m])) + 1") {
    await page.keyboard.type(key);
    await page.clock.runFor(30);
  }
  await page.clock.runFor(1000);
  await page.waitForFunction(() => document.querySelector(".price").textContent !== "");
  assert.ok(seen.length >= 1 && seen.length <= 3, `${seen.length}`);
  assert.ok(seen.every((request) => new URLSearchParams(request.postData()).get("quiet") === "1"));
  const { data } = await (await fetch(`${server.base}/api/v1/status/queries`)).json();
  const listed = [...data.running, ...data.slowest].map(({ query }) => query);
  // What runs by itself once it is whole is a query as any other; what was on the way there isn't.
  assert.deepEqual(
    listed.filter((query) => query !== "sum(rate(up[5m])) + 1" && query.startsWith("sum(")),
    [],
  );
});

tell("the plan says what would make it better, in words with code", async ({ page, go }) => {
  await go(graph("rate(up[20s])", { "g0.tab": "explain" }));
  await page.waitForSelector(".plan-advice");
  assert.match(
    await page.textContent(".plan-advice"),
    /^\[20s\] is shorter than two times the 15s between samples.*take \[1m\] or longer/,
  );
  assert.equal(await page.textContent(".plan-advice code"), "[20s]");
  await go(graph("rate(up[1m])", { "g0.tab": "explain" }));
  await page.waitForSelector(".plan tbody tr");
  assert.equal(await page.isVisible(".plan-advice"), false);
});

tell("16: a matcher that finds nothing proposes what was meant, and the click runs it", async ({ page, go }) => {
  await go(graph('up{job="nod"}'));
  await page.waitForSelector(".why-empty");
  assert.match(
    await page.textContent(".why-empty"),
    /job="nod".*matches no series.*did you mean.*job="node".*3 series/s,
  );
  await page.click("text=use it");
  await drawn(page, 3);
  assert.equal(await page.inputValue(".editor-text"), 'up{job="node"}');
});

tell("an empty range says how old the last sample is, and goes there", async ({ page, go }) => {
  await go(graph("gone"));
  await page.waitForSelector(".why-empty button");
  assert.match(await page.textContent(".why-empty"), /last sample of this is from 1[01] h/);
  await page.click("text=go there");
  await drawn(page, 1);
});

tell(
  "17: the plan of a join that loses series shows some of both sides; Analyze fills what really was",
  async ({ page, go }) => {
    await go(graph("have * on (instance) info", { "g0.tab": "explain" }));
    await page.waitForSelector(".plan tbody tr");
    assert.equal(await page.locator(".plan tbody tr").count(), 3);
    await page.click("text=Analyze: run it and measure");
    await page.waitForSelector(".plan .meter");
    await page.waitForSelector("text=some series have no partner");
    const said = await page.textContent(".plan-place");
    assert.match(said, /2 of 3 at the left, such as have\{instance="b"\}/);
    assert.match(said, /1 of 2 at the right, such as info\{instance="x"\}/);
    const total = Number(/read ([\d,]+) samples/.exec(said)[1].replace(",", ""));
    const reads = await page.$$eval(".plan tbody tr td:last-child", (all) =>
      all.map((one) => Number(one.textContent.replace(",", "")) || 0),
    );
    assert.equal(
      reads.reduce((a, b) => a + b, 0),
      total,
    );
  },
);

tell("too much of it: the message names the selector that costs most", async ({ page, go }) => {
  await go(graph("wide"));
  await page.waitForSelector(".panel-message .note.bad");
  assert.match(await page.textContent(".panel-message"), /wide/);
  assert.match(await page.textContent(".panel-message"), /request [0-9a-f]{16}/);
});
