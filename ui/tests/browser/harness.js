// What the stories share: a server on a fresh directory, a browser, and pages that fail on whatever a browser reports.
//
// VCTSDB_BIN names the program; it is started on a free port with a fresh directory for each file of stories. VCTSDB_UI names a folder
// to read the page from instead of the program. CHROMIUM names the browser. Stories wait for what they need, for as long as a slow machine may take; budgets are multiplied by SLACK.

import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

/** The program. */
export const BIN = process.env.VCTSDB_BIN ?? new URL("../../../target/release/vctsdb", import.meta.url).pathname;
/** Flags for a page that is read from a folder, so that a story sees an edit without a new build. */
const FOLDER = process.env.VCTSDB_UI ? ["--web.ui", process.env.VCTSDB_UI] : [];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Goals are those of a machine that does nothing else; a busy one of two cores may take so many times as long. */
export const SLACK = Number(process.env.SLACK ?? 4);

/** How long what a story waits for may take, in ms. */
const PATIENCE_MS = 30_000;

/** A port that nobody listens on. */
export function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Whether this machine lets a test mount a file system of its own. */
export const MAY_MOUNT = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

/**
 * Starts a server, whose paths begin with `prefix`. With `disk` its data is on a file system of so many bytes, which only the server
 * sees: `server.seen` is where it is to be found from here.
 */
export async function startServer({ flags = [], data, prefix = "", disk = 0 } = {}) {
  const dir = data ?? (await mkdtemp(join(tmpdir(), "vctsdb-ui-")));
  const port = await freePort();
  const args = ["--listen", `127.0.0.1:${port}`, "--data-dir", join(dir, "data"), "--memory", "128MiB", ...FOLDER, ...flags];
  const mounted = ["-rm", "sh", "-c", `mount -t tmpfs -o size=${disk} tmpfs "$0" && exec "$@"`, dir, BIN, ...args];
  const program = () =>
    disk > 0 ? spawn("unshare", mounted, { stdio: "ignore" }) : spawn(BIN, args, { stdio: "ignore" });
  let running = program();
  const base = `http://127.0.0.1:${port}${prefix}`;
  const stop = () =>
    new Promise((done) => {
      if (running.exitCode !== null || running.signalCode !== null) {
        done();
        return;
      }
      running.once("exit", done);
      running.kill("SIGTERM");
    });
  const server = {
    base,
    port,
    dir,
    stop,
    /** A path of the server's own file system as this process sees it. */
    seen: (path) => `/proc/${running.pid}/root${path}`,
    start: async () => {
      running = program();
      await ready(server);
    },
    async close() {
      await stop();
      if (!data) await rm(dir, { recursive: true, force: true });
    },
    /** Stores samples in the text format. */
    async write(text, query = "") {
      const response = await fetch(`${server.base}/api/v1/import/prometheus${query}`, { method: "POST", body: text });
      if (!response.ok) throw new Error(await response.text());
    },
  };
  try {
    await ready(server);
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

/** Asks until `found` answers something true, and answers that. */
export async function until(found, what) {
  const begun = Date.now();
  while (Date.now() - begun < PATIENCE_MS) {
    const answer = await found();
    if (answer) return answer;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${what} not within ${PATIENCE_MS} ms`);
}

/** Does something that says how many ms it took, until it is once within its budget: a machine that was busy for a moment is no slow page. */
export async function within(budget, attempt, tries = 5) {
  const times = [];
  while (times.length < tries) {
    times.push(await attempt());
    if (times.at(-1) < budget * SLACK) return;
  }
  throw new Error(`each of ${tries} tries took longer than ${budget * SLACK} ms: ${times}`);
}

function ready({ base }) {
  const answers = () =>
    fetch(`${base}/-/ready`).then(
      (response) => response.ok,
      () => false,
    );
  return until(answers, "the server is ready");
}

/**
 * Declares the stories of a file: `tell(name, async ({ page, server }) => …)`.
 * @param {object} [options] of `startServer`; `fill` stores data before the first story
 */
export function stories({ fill, ...options } = {}) {
  let browser;
  let server;
  before(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
    server = await startServer(options);
    await fill?.(server);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
  return (name, story, { context: settings = {}, expected = /^$/, skip = false } = {}) =>
    test(name, { timeout: 180_000, skip }, async () => {
      const context = await browser.newContext({ viewport: { width: 1300, height: 900 }, ...settings });
      const page = await context.newPage();
      const reported = [];
      page.on("console", (message) => {
        // A refused request is reported by the browser even where a page takes it well; stories name those they cause.
        if (
          ["error", "warning"].includes(message.type()) &&
          !/Failed to load resource|willReadFrequently/.test(message.text()) &&
          !expected.test(message.text())
        )
          reported.push(message.text());
      });
      page.on("pageerror", (error) => reported.push(error.stack ?? String(error)));
      page.setDefaultTimeout(PATIENCE_MS);
      try {
        await story({ page, context, server, go: (path) => page.goto(server.base + path) });
      } catch (error) {
        if (process.env.SHOTS)
          await page
            .screenshot({ path: `${process.env.SHOTS}/${name.replace(/\W+/g, "-").slice(0, 60)}.png` })
            .catch(() => {});
        if (reported.length) error.message += `\n${reported.join("\n")}`;
        throw error;
      } finally {
        await context.close();
      }
      if (reported.length > 0) throw new Error(reported.join("\n"));
    });
}

/** How many pixels of a chart are neither card nor grid nor text, but of a series: those are grey. */
export function countInk(page, selector = ".chart-base") {
  return page.$eval(selector, (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4)
      if (Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 40) count += 1;
    return count;
  });
}

/** The address of the query page for some expression. */
export function graph(expr, more = {}) {
  return `/graph?${new URLSearchParams({ "g0.expr": expr, "g0.tab": "graph", "g0.range_input": "1h", ...more })}`;
}

/** Waits for the first chart to have lines. */
export async function drawn(page, least = 1) {
  await page.waitForFunction((least) => Number(document.querySelector(".chart")?.dataset.lines ?? -1) >= least, least);
}

/** Samples of a family, one a step. */
export function series(name, labels, { from, to, step, value }) {
  const lines = [];
  const set = Object.entries(labels)
    .map(([label, text]) => `${label}="${text}"`)
    .join(",");
  for (let time = from; time <= to; time += step) lines.push(`${name}{${set}} ${value(time)} ${time}`);
  return `${lines.join("\n")}\n`;
}
