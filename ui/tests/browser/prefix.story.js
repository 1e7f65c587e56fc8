// Story 44: behind a prefix everything works, because every address is relative: where the server knows of it, and where only a
// proxy does.

import { createServer, request as ask } from "node:http";
import { stories } from "./harness.js";
import { visit } from "./visit.js";

const PREFIX = "/metrics-store";
const behind = stories({ flags: ["--self-scrape.interval", "1s", "--web.route-prefix", PREFIX], prefix: PREFIX });
const plain = stories({ flags: ["--self-scrape.interval", "1s"] });

behind("44: pages, assets and requests work where the server has a prefix", ({ page, server }) =>
  visit(page, server.base),
);

plain("44: and where a proxy takes it away", async ({ page, server }) => {
  const proxy = createServer((from, to) => {
    const { method, headers, url } = from;
    if (!url.startsWith(`${PREFIX}/`)) {
      to.writeHead(404).end();
      return;
    }
    const on = ask({ port: server.port, method, headers, path: url.slice(PREFIX.length) }, (answer) => {
      to.writeHead(answer.statusCode, answer.headers);
      answer.pipe(to);
    });
    on.on("error", () => to.destroy());
    from.pipe(on);
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  try {
    await visit(page, `http://127.0.0.1:${proxy.address().port}${PREFIX}`);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});
