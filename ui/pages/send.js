// How to send data here, for each sender people have, with the address that the browser used.

import { address } from "../core/base.js";
import { copyButton } from "../core/copy.js";
import { fill, h } from "../core/dom.js";
import { segments } from "../core/controls.js";

const WRITE = `${address}/api/v1/write`;

const SNIPPETS = /** @type {Record<string, string>} */ ({
  Prometheus: `remote_write:
  - url: ${WRITE}
    send_exemplars: true
    send_native_histograms: true`,
  Alloy: `prometheus.remote_write "vctsdb" {
  endpoint {
    url = "${WRITE}"
    send_exemplars         = true
    send_native_histograms = true
  }
}`,
  vmagent: `vmagent -promscrape.config=prometheus.yml \\
  -remoteWrite.url=${WRITE}`,
  OTel: `exporters:
  prometheusremotewrite:
    endpoint: ${WRITE}`,
  Telegraf: `[[outputs.influxdb]]
  urls = ["${address}"]
  database = "telegraf"`,
  curl: `echo 'room_temperature{room="attic"} 21.5' |
  curl --data-binary @- ${address}/api/v1/import/prometheus`,
});

/** The snippets, one at a time. */
export function snippets() {
  let now = "Prometheus";
  const text = h("pre", { tabindex: 0, "aria-label": "Configuration" });
  const show = (/** @type {string} */ name) => {
    now = name;
    fill(text, SNIPPETS[name]);
  };
  show(now);
  return h(
    "div",
    { class: "stack", style: { "align-items": "stretch" } },
    h(
      "div",
      { class: "wide" },
      segments(
        "Sender",
        Object.keys(SNIPPETS).map((name) => ({ value: name, label: name })),
        now,
        show,
      ),
    ),
    h(
      "div",
      { class: "code" },
      text,
      copyButton(() => SNIPPETS[now], "Copy the configuration"),
    ),
  );
}
