// Story 45: pages of other origins change nothing, whatever they try; our own pages and programs do as before.

import assert from "node:assert/strict";
import { request } from "node:http";
import { stories } from "./harness.js";

const tell = stories({ flags: ["--web.enable-admin-api"] });
const IMPORT = "/api/v1/import/prometheus";
const DELETE = "/api/v1/admin/tsdb/delete_series?match[]=up&dry_run=1";

/** The status of a request with these headers, which `fetch` doesn't let one set. */
function post(server, path, headers) {
  return new Promise((done, failed) => {
    const on = request({ host: "127.0.0.1", port: server.port, path, method: "POST", headers }, (answer) => {
      answer.resume();
      answer.on("end", () => done(answer.statusCode));
    });
    on.on("error", failed);
    on.end(path === IMPORT ? "sent 1\n" : "");
  });
}

const found = async (server, name) =>
  (await (await fetch(`${server.base}/api/v1/query?query=count(${name})`)).json()).data.result.length > 0;

tell("45: a foreign origin or host is refused, the same origin and curl are not", async ({ server }) => {
  for (const path of [IMPORT, DELETE]) {
    assert.equal(await post(server, path, { origin: "http://elsewhere.example" }), 403, path);
    assert.equal(await post(server, path, { origin: "null" }), 403, path);
    assert.equal(await post(server, path, { host: "rebound.example" }), 403, path);
  }
  assert.equal(await found(server, "sent"), false);
  for (const path of [IMPORT, DELETE]) {
    for (const headers of [{}, { origin: server.base }, { host: `localhost:${server.port}` }]) {
      const status = await post(server, path, headers);
      assert.ok(status === 200 || status === 204, `${path}: ${status}`);
    }
  }
});

const elsewhere = async ({ page, server }) => {
  await page.route("http://elsewhere.example/", (route) =>
    route.fulfill({ contentType: "text/html", body: "<p>a page</p>" }),
  );
  await page.goto("http://elsewhere.example/");
  // Whether or not the browser itself forbids it, as newer ones do, nothing may be stored.
  await page.evaluate(
    (url) => fetch(url, { method: "POST", mode: "no-cors", body: "stolen 1\n" }).catch(() => {}),
    `${server.base}${IMPORT}`,
  );
  assert.equal(await found(server, "stolen"), false);
  await page.goto(`${server.base}/`);
  await page.evaluate((path) => fetch(path, { method: "POST", body: "own 1\n" }), IMPORT);
  assert.equal(await found(server, "own"), true);
};

tell("45: a page elsewhere can't write through the visitor's browser, our own can", elsewhere, {
  expected: /blocked by CORS policy/,
});
