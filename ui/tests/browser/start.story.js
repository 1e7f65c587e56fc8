// Stories 1 to 3, 32 and 39 to 43: the first minute, hostile values, a full disk, a server that goes away, themes, small screens.

import assert from "node:assert/strict";
import { open, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { countInk, drawn, graph, MAY_MOUNT, SLACK, startServer, stories, until, within } from "./harness.js";

const tell = stories({ flags: ["--self-scrape.interval", "1s"] });
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const PAGES = [
  "/",
  "/graph?g0.expr=up&g0.tab=graph",
  "/graph?g0.expr=up&g0.tab=table",
  "/graph?g0.expr=up&g0.tab=explain",
  "/explore",
  "/explore?metric=up",
  "/dash",
  "/dash?d=vctsdb",
  "/cardinality",
  "/storage",
  "/queries",
  "/targets",
  "/alerts",
  "/server",
];

tell("1: a fresh server shows a chart with a drawn line within a second", async ({ page, go }) => {
  await within(1000, async () => {
    await go("/server");
    const begun = Date.now();
    await go("/");
    await drawn(page, 1);
    return Date.now() - begun;
  });
  await until(async () => (await countInk(page)) > 5, "a line is drawn");
});

tell("1: and so does one that has only just begun, with what it scrapes of itself by default", async ({ page }) => {
  await within(1000, async () => {
    const first = await startServer();
    try {
      const begun = Date.now();
      await page.goto(`${first.base}/`);
      await drawn(page, 1);
      return Date.now() - begun;
    } finally {
      await first.close();
    }
  });
});

tell("1: a chart of a beginning store that found no sample is asked for again by itself", async ({ page }) => {
  const first = await startServer();
  try {
    const answer = () => fetch(`${first.base}/api/v1/query?query=vctsdb_series`).then((response) => response.json());
    await until(async () => (await answer()).data.result.length > 0, "the server has a sample of itself");
    const asked = [];
    const when = [];
    await page.route("**/api/v1/query_range", async (route) => {
      const expr = new URLSearchParams(route.request().postData()).get("query");
      asked.push(expr);
      if (expr.startsWith("process_resident")) when.push(Date.now());
      // As though its first sample came a moment later.
      const early = expr.startsWith("process_resident") && asked.filter((one) => one === expr).length === 1;
      await (early ? route.fulfill({ body: "", contentType: "application/x-protobuf" }) : route.continue());
    });
    await page.goto(`${first.base}/`);
    await drawn(page, 1);
    await until(() => when.length > 1, `it is asked for again: ${asked}`);
    // All charts are, each five seconds.
    assert.ok(when[1] - when[0] < 4500, `${when}`);
  } finally {
    await first.close();
  }
});

tell(
  "2: the copy button copies the snippet, also where there is no clipboard, and only then says so",
  async ({ page, go, context, server }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.base });
    await go("/");
    await page.click('[aria-label="Copy the configuration"]');
    await page.waitForSelector(".toast");
    const want = `url: ${server.base}/api/v1/write`;
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), new RegExp(want));
    await page.reload();
    // Elsewhere than on this machine plain HTTP has no clipboard.
    await page.evaluate(() => {
      navigator.clipboard.writeText("");
      Object.defineProperty(window, "isSecureContext", { value: false });
    });
    await page.click('[aria-label="Copy the configuration"]');
    await page.waitForSelector(".toast:not(.bad)");
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), new RegExp(want));
    await page.reload();
    await page.evaluate(() => {
      Object.defineProperty(window, "isSecureContext", { value: false });
      document.execCommand = () => false;
    });
    await page.click('[aria-label="Copy the configuration"]');
    await page.waitForSelector(".toast.bad");
  },
);

tell("2: Telegraf is told where to write, in its own words", async ({ page, go, server }) => {
  await go("/");
  await page.click("text=Telegraf");
  const text = await page.textContent('[aria-label="Configuration"]');
  assert.match(text, /\[\[outputs\.influxdb\]\]/);
  assert.ok(text.includes(`urls = ["${server.base}"]`), text);
});

tell("3: home waits for a sender and then names it", async ({ page, go, server }) => {
  await go("/");
  await page.waitForSelector("text=waiting for the first sample");
  await server.write('up{job="node",instance="a:9100"} 1\n');
  await page.waitForSelector(".home-waiting a");
  assert.match(await page.textContent(".home-waiting"), /1 target of node/);
  assert.match(await page.getAttribute(".home-waiting a", "href"), /explore\?job=node/);
});

tell(
  "32: what a sender writes is text: no markup, no request, shortened but copied whole",
  async ({ page, go, server, context }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.base });
    const values = [
      '<img src=x onerror=\\"alert(1)\\">',
      "\u202Egnp.exe",
      "x".repeat(60_000),
      "</script><script>alert(1)</script>",
    ];
    await server.write(values.map((value, i) => `hostile{n="${i}",v="${value}"} ${i}\n`).join(""));
    const foreign = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(server.base)) foreign.push(request.url());
    });
    page.on("dialog", () => foreign.push("a dialog"));
    for (const tab of ["table", "graph", "explain"]) {
      await go(graph("hostile", { "g0.tab": tab }));
      await page.waitForSelector(
        tab === "table" ? ".results .vt-row" : tab === "graph" ? ".legend .vt-row" : ".plan tbody tr",
      );
      assert.equal(await page.locator("#page img, #page script").count(), 0);
      assert.ok((await page.textContent("#page")).length < 20_000, "shortened");
    }
    await go(graph("hostile", { "g0.tab": "table" }));
    await page.click('.results .vt-row[data-row="2"] [data-label="v"]');
    await page.click("text=Copy the value");
    await page.waitForSelector(".toast");
    assert.equal((await page.evaluate(() => navigator.clipboard.readText())).length, 60_000);
    assert.deepEqual(
      foreign.filter((url) => !url.startsWith("blob:")),
      [],
    );
  },
);

tell(
  "40: a server that goes away is told, and the page goes on by itself with nothing lost",
  async ({ page, go, server }) => {
    await go(`${graph("up")}&refresh=1s`);
    await drawn(page, 1);
    await page.fill(".editor-text", "sum(up) + 1");
    await server.stop();
    await page.click('[aria-label="Run all again"]');
    await page.waitForSelector("#connection:not([hidden])");
    assert.match(await page.textContent("#connection"), /No answer for/);
    assert.equal(await page.inputValue(".editor-text"), "sum(up) + 1");
    await server.start();
    await page.waitForSelector("#connection", { state: "hidden" });
    assert.equal(await page.inputValue(".editor-text"), "sum(up) + 1");
  },
);

tell("40: a page that is opened while the server is away fills itself once it answers", async ({ page, go, server }) => {
  await go(`${graph("up")}&refresh=1s`);
  await drawn(page, 1);
  await server.stop();
  await page.waitForSelector("#connection:not([hidden])");
  await page.click('nav >> text="Storage"');
  await page.waitForSelector('#page[data-shown="storage"]');
  await server.start();
  await page.waitForSelector("text=Files over time");
});

tell("40: and where modules come one by one it opens then", async ({ page }) => {
  const server = await startServer({
    flags: ["--self-scrape.interval", "1s", "--web.ui", fileURLToPath(new URL("../..", import.meta.url))],
  });
  try {
    // Its scripts aren't here yet.
    await page.route("**/pages/storage.js", (route) => route.abort());
    await page.goto(`${server.base}${graph("up")}&refresh=1s`);
    await drawn(page, 1);
    await server.stop();
    await page.waitForSelector("#connection:not([hidden])");
    await page.click('nav >> text="Storage"');
    await page.waitForSelector("text=This page opens as soon as it does");
    await page.unroute("**/pages/storage.js");
    await server.start();
    await page.waitForSelector("text=Files over time");
  } finally {
    await server.close();
  }
});

for (const scheme of ["light", "dark"]) {
  tell(
    `41: ${scheme} by the system, the other by setting, from the first paint on`,
    async ({ page, go }) => {
      await go("/");
      const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      const [light, dark] = ["rgb(247, 247, 245)", "rgb(19, 21, 23)"];
      assert.equal(await ground(), scheme === "light" ? light : dark);
      await page.click('[aria-label="Theme"]');
      await page.click(`.menu >> text="${scheme === "light" ? "Dark" : "Light"}"`);
      assert.equal(await ground(), scheme === "light" ? dark : light);
      await page.goto(page.url(), { waitUntil: "commit" });
      await page.waitForSelector("header");
      assert.equal(await ground(), scheme === "light" ? dark : light);
    },
    { context: { colorScheme: scheme } },
  );

  tell(
    `42: axe finds nothing, ${scheme}`,
    async ({ page, go, server }) => {
      await server.write('up{job="node",instance="a:9100"} 1\n');
      const found = [];
      for (const path of PAGES) {
        await go(path);
        await page.waitForLoadState("networkidle");
        await page.addScriptTag({ path: axe }).catch(() => {});
        if (!(await page.evaluate(() => "axe" in globalThis)))
          await page.evaluate(await (await import("node:fs/promises")).readFile(axe, "utf8"));
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        for (const { id, nodes } of violations)
          found.push(
            `${path}: ${id}: ${nodes
              .slice(0, 3)
              .map((node) => `${node.target} ${node.any[0]?.message ?? ""}`)
              .join("; ")}`,
          );
      }
      assert.deepEqual(found, []);
    },
    { context: { colorScheme: scheme, bypassCSP: true } },
  );
}

tell("41: without motion nothing moves, with forced colours the editor is readable", async ({ page, go }) => {
  await page.emulateMedia({ reducedMotion: "reduce", forcedColors: "active" });
  await go(graph("up"));
  await page.waitForSelector(".run");
  assert.equal(await page.$eval(".run", (one) => getComputedStyle(one).transitionDuration), "0s");
  assert.equal(await page.$eval(".editor-under", (one) => getComputedStyle(one).visibility), "hidden");
  assert.notEqual(await page.$eval(".editor-text", (one) => getComputedStyle(one).color), "rgba(0, 0, 0, 0)");
});

tell("42: Tab reaches everything in order, visibly; Escape closes the topmost thing", async ({ page, go }) => {
  await go(graph("up"));
  await drawn(page, 1);
  await page.evaluate(() => document.activeElement.blur());
  const seen = new Set();
  for (let i = 0; i < 60; i += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const style = getComputedStyle(element);
      const editor = element.closest(".editor");
      return {
        name: element.getAttribute("aria-label") || element.textContent.trim().slice(0, 20),
        visible: style.outlineStyle !== "none" || (editor && getComputedStyle(editor).boxShadow !== "none"),
      };
    });
    if (!at) break;
    assert.ok(at.visible, at.name);
    seen.add(at.name);
  }
  for (const name of ["Home", "Range", "Expression 1", "Run", "Graph", "add expression"])
    assert.ok(
      [...seen].some((one) => one.startsWith(name)),
      `${name} of ${[...seen].join(", ")}`,
    );
  await page.keyboard.press("?");
  await page.waitForSelector("dialog");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
});

tell(
  "43: at 360 px no page scrolls sideways, and the query page works by touch",
  async ({ page, go }) => {
    for (const path of PAGES) {
      await go(path);
      await page.waitForLoadState("networkidle");
      const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(over <= 0, `${path} is ${over} px too wide`);
    }
    await go(graph("up"));
    await drawn(page, 1);
    await page.tap(".editor-text");
    await page.tap(".run");
    await drawn(page, 1);
    await page.locator(".chart").scrollIntoViewIfNeeded();
    const { x, y, width } = await page.locator(".chart").boundingBox();
    await page.touchscreen.tap(x + width * 0.8, y + 80);
    await page.waitForSelector(".tip:not([hidden])");
    const before = await page.inputValue(".range-length");
    await page.$eval(".chart", (chart) => {
      const box = chart.getBoundingClientRect();
      const fire = (type, id, at) =>
        chart.dispatchEvent(
          new PointerEvent(type, {
            pointerId: id,
            pointerType: "touch",
            clientX: box.left + at,
            clientY: box.top + 80,
            bubbles: true,
            isPrimary: id === 1,
          }),
        );
      chart.setPointerCapture = () => {};
      fire("pointerdown", 1, 150);
      fire("pointerdown", 2, 200);
      fire("pointermove", 1, 100);
      fire("pointermove", 2, 250);
      fire("pointerup", 1, 100);
      fire("pointerup", 2, 250);
    });
    await page.waitForFunction((before) => document.querySelector(".range-length").value !== before, before);
  },
  { context: { viewport: { width: 360, height: 740 }, hasTouch: true } },
);

tell("the store is opening: the page says so and fills itself", async ({ page, server }) => {
  let opening = true;
  await page.route("**/api/v1/**", (route) =>
    opening
      ? route.fulfill({ status: 503, headers: { "x-prometheus-stopping": "false" }, body: "Service Unavailable" })
      : route.continue(),
  );
  await page.goto(`${server.base}/`);
  await page.waitForSelector("text=The store is opening");
  opening = false;
  await drawn(page, 1);
  await page.waitForSelector("#connection", { state: "hidden" });
});

tell(
  "39: a full disk is said at the top and on the storage page, and gone when there is space",
  async ({ page }) => {
    const small = await startServer({ disk: 96 << 20 });
    try {
      await page.goto(`${small.base}/storage`);
      await page.waitForSelector('.health[data-state="mind"]');
      assert.match(await page.textContent(".health"), /disk nearly full/, "all of it is less than 1 GiB");
      // Something else fills the disk, to its last byte.
      const filler = await open(small.seen(join(small.dir, "filler")), "w");
      await assert.rejects(async () => {
        for (;;) await filler.appendFile(Buffer.alloc(1 << 20));
      }, /ENOSPC/);
      await filler.close();
      await assert.rejects(small.write("refused 1\n"), /the disk is full/);
      await page.waitForSelector('.health[data-state="bad"]', { timeout: 15_000 * SLACK });
      assert.match(await page.textContent(".health"), /writes refused/);
      await page.waitForSelector("text=Writes are refused");
      assert.match(await page.textContent("#page"), /Writes are refused.*the disk is full: 0 MiB are free.*Reading goes on/s);
      await rm(small.seen(join(small.dir, "filler")));
      await page.waitForSelector('.health[data-state="mind"]', { timeout: 15_000 * SLACK });
      await page.waitForSelector("text=Writes are refused", { state: "detached" });
      await small.write("taken 1\n");
    } finally {
      await small.close();
    }
  },
  { skip: !MAY_MOUNT && "this machine lets no test mount a file system (unshare -rm), which a full disk needs" },
);

for (const width of [1300, 360])
  tell(
    `no page jumps while it fills, ${width} pixels wide`,
    async ({ page, server }) => {
      await page.addInitScript(() => {
        window.jumped = 0;
        new PerformanceObserver((list) => {
          for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.jumped += shift.value;
        }).observe({ type: "layout-shift", buffered: true });
      });
      for (const path of PAGES) {
        await page.goto(server.base + path);
        await page.waitForLoadState("networkidle");
        const jumped = await page.evaluate(() => window.jumped);
        // So much browsers call good.
        assert.ok(jumped < 0.1, `${path}: ${jumped}`);
      }
    },
    { context: { viewport: { width, height: 760 } } },
  );

tell("without storage and with an address that can't be read the pages work and say so", async ({ page, server }) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get: () => {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  await page.goto(`${server.base}/graph?g0.expr=up&g0.tab=graph&g0.range_input=soon`);
  await drawn(page, 1);
  await page.waitForSelector("text=Left out of the address");
  await page.click(".run");
  await drawn(page, 1);
});

tell(
  "without scripts the page says what can be asked",
  async ({ page, server }) => {
    await page.goto(`${server.base}/`);
    assert.match(await page.textContent("noscript"), /need JavaScript.*api\/v1\/query/s);
  },
  { context: { javaScriptEnabled: false } },
);

tell("several expressions share their time, one can be removed, favourites are kept", async ({ page, go }) => {
  await go(graph("up"));
  await drawn(page, 1);
  await page.click("text=add expression");
  await page.keyboard.type("vctsdb_series");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".chart[data-lines]").length === 2);
  await page.click('[aria-label="Longer range"]');
  await page.waitForURL(/g0.range_input=2h.*g1.range_input=2h/);
  await page.locator('[aria-label="More"]').nth(1).click();
  await page.click('.menu >> text="keep as favourite"');
  await page.locator('[aria-label="More"]').nth(1).click();
  await page.click('.menu >> text="remove this expression"');
  await page.waitForFunction(() => document.querySelectorAll(".panel").length === 1);
  await page.reload();
  await drawn(page, 1);
  await page.click('[aria-label="More"]');
  await page.click('.menu >> text="history and favourites …"');
  await page.click('dialog .history-expr >> text="vctsdb_series"');
  await page.waitForURL(/g0.expr=vctsdb_series/);
});
