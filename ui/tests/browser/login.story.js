// Story 44: behind a login all pages and requests work for who may read, and nobody else sees any of them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BIN, stories } from "./harness.js";
import { visit } from "./visit.js";

/** A file with the user "reader", whose password is "secret" and who may read. */
function webConfig() {
  const { stdout } = spawnSync(BIN, ["password", "reader"], { input: "secret\n", encoding: "utf8" });
  const file = join(mkdtempSync(join(tmpdir(), "vctsdb-web-")), "web.yml");
  writeFileSync(file, `basic_auth_users:\n${stdout}vctsdb: {roles: {reader: read}}\n`);
  return file;
}

const story = stories({ flags: ["--self-scrape.interval", "1s", "--web.config.file", webConfig()] });

const LOGIN = { httpCredentials: { username: "reader", password: "secret", send: "always" } };

story("44: all pages work behind a login", ({ page, server }) => visit(page, server.base), { context: LOGIN });

story(
  "44: where InfluxDB's clients ask, they are answered and no page is",
  async ({ page, server }) => {
    const answer = await page.goto(`${server.base}/query?q=SHOW+DATABASES`);
    assert.equal(answer.status(), 200);
    assert.match(await answer.text(), /"databases"/);
  },
  { context: LOGIN },
);

story("44: without a login there is no page and no answer", async ({ page, server }) => {
  const asked = [];
  page.on("response", (response) => asked.push(`${response.status()} ${response.url()}`));
  for (const path of ["/", "/graph", "/api/v1/query?query=up"]) {
    const answer = await page.goto(server.base + path).catch(() => undefined);
    assert.ok(answer === undefined || answer.status() === 401, path);
  }
  assert.ok(
    asked.every((response) => response.startsWith("401 ")),
    asked.join(", "),
  );
});
