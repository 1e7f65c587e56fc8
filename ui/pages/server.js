// The server: build, runtime, flags, features, external labels; and the settings of this browser.

import { data, aborted } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { trouble } from "../core/controls.js";
import { change, sane, settings } from "../core/settings.js";
import { formatMoment, lasting } from "../core/time.js";
import { zone } from "../core/zone.js";
import { copyButton } from "../core/copy.js";
import { toast } from "../core/toast.js";
import { save } from "../chart/image.js";

export const title = "Server";

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export async function mount(element, { signal }) {
  const body = h("div", { class: "masonry" });
  element.append(h("h1", {}, "Server"), body);
  const load = async () => {
    try {
      const [build, runtime, flags, features, config] = await Promise.all(
        ["buildinfo", "runtimeinfo", "flags"]
          .map((name) => data(`api/v1/status/${name}`, {}, { signal }))
          .concat([data("api/v1/features", {}, { signal }), data("api/v1/status/config", {}, { signal })]),
      );
      fill(body, about(build, runtime), flagList(flags), featureList(features), configText(config.yaml), mine());
    } catch (error) {
      if (!aborted(error))
        fill(
          body,
          h(
            "section",
            { class: "card" },
            trouble(error, () => void load()),
          ),
        );
    }
  };
  void load();
  return { unmount() {} };
}

/** @param {string} title @param {...import("../core/dom.js").Child} content */
const card = (title, ...content) => h("section", { class: "card" }, h("h2", {}, title), ...content);

/** @param {any} build @param {any} runtime */
function about(build, runtime) {
  const started = Date.parse(runtime.startTime);
  const skew = Date.parse(runtime.serverTime) - Date.now();
  return card(
    "About",
    h(
      "dl",
      { class: "facts" },
      facts([
        ["version", build.revision.replace(/^vctsdb-/, "")],
        ["speaks the API of Prometheus", build.version],
        ["started", `${formatMoment(started, zone())}, ${lasting(Date.now() - started)} ago`],
        [
          "its clock",
          Math.abs(skew) < 2000
            ? "agrees with this browser's"
            : `${lasting(skew)} ${skew > 0 ? "ahead of" : "behind"} this browser's`,
        ],
        ["host", runtime.hostname],
        ["working directory", runtime.CWD],
        ["threads", String(runtime.GOMAXPROCS)],
        ["keeps samples", runtime.storageRetention === "0s" ? "for ever" : runtime.storageRetention],
      ]),
    ),
  );
}

/** @param {[string, string][]} pairs */
function facts(pairs) {
  return pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
}

/** @param {Record<string, string>} flags */
function flagList(flags) {
  const rows = Object.entries(flags).sort(([a], [b]) => (a < b ? -1 : 1));
  const list = h("div", { class: "wide" });
  const show = (/** @type {string} */ text) =>
    fill(
      list,
      h(
        "table",
        { class: "plain flags" },
        h(
          "tbody",
          {},
          rows
            .filter(([name, value]) => `${name} ${value}`.includes(text))
            .map(([name, value]) =>
              h(
                "tr",
                {},
                // A long name is broken behind dots, and not behind hyphens.
                h(
                  "td",
                  {},
                  h(
                    "code",
                    {},
                    `--${name}`.split(/(?<=\.)/).flatMap((part) => [h("span", { class: "nowrap" }, part), h("wbr")]),
                  ),
                ),
                h("td", {}, value ? h("code", {}, value) : h("span", { class: "soft" }, "not set")),
              ),
            ),
        ),
      ),
    );
  show("");
  const search = h("input", {
    type: "search",
    class: "small",
    placeholder: "filter flags",
    "aria-label": "Filter flags",
  });
  search.addEventListener("input", () => show(search.value.toLowerCase()));
  return h("section", { class: "card" }, h("div", { class: "card-head" }, h("h2", {}, "Flags"), search), list);
}

/** @param {Record<string, Record<string, boolean>>} features */
function featureList(features) {
  return card(
    "Features",
    Object.entries(features).map(([group, all]) => {
      const names = Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));
      const on = names.filter(([, is]) => is);
      const off = names.filter(([, is]) => !is);
      return h(
        "details",
        {},
        h(
          "summary",
          {},
          group.replaceAll("_", " "),
          h("span", { class: "soft" }, ` ${on.length} on${off.length ? `, ${off.length} off` : ""}`),
        ),
        h(
          "div",
          { class: "row", style: { padding: "8px 0" } },
          [...off, ...on].map(([name, is]) =>
            h("span", { class: `chip${is ? " on" : ""}` }, `${name}${is ? "" : ": off"}`),
          ),
        ),
      );
    }),
  );
}

/** @param {string} yaml */
function configText(yaml) {
  return card(
    "Configuration as others read it",
    h(
      "div",
      { class: "code" },
      h("pre", { tabindex: 0, "aria-label": "Configuration" }, yaml),
      copyButton(() => yaml),
    ),
  );
}

/** What this browser remembers. */
function mine() {
  const live = h("input", {
    type: "checkbox",
    checked: settings().live,
    onchange: () => change({ live: live.checked }),
  });
  const trace = h("input", {
    type: "text",
    value: settings().trace,
    placeholder: "https://traces.example/trace/{trace_id}",
    "aria-label": "Address of a trace",
    onchange: () => change({ trace: trace.value.trim() }),
  });
  const file = h("input", {
    type: "file",
    accept: "application/json",
    class: "offscreen",
    tabindex: -1,
    "aria-label": "Settings file",
    onchange: async () => {
      try {
        change(sane(JSON.parse(await /** @type {FileList} */ (file.files)[0].text())));
        toast("Settings taken over");
      } catch {
        toast("That file has no settings of these pages", "bad");
      }
      file.value = "";
    },
  });
  return card(
    "Settings of this browser",
    h("label", { class: "check" }, live, "run cheap expressions while they are typed"),
    h(
      "label",
      { class: "stack", style: { gap: "4px", "align-items": "stretch" } },
      h("span", {}, "Where a trace is shown; ", h("code", {}, "{trace_id}"), " stands for its id"),
      trace,
    ),
    h(
      "p",
      { class: "soft" },
      `${settings().history.length} expressions in the history, ${settings().favourites.length} favourites, kept in this browser.`,
    ),
    h(
      "div",
      { class: "row" },
      h(
        "button",
        {
          type: "button",
          onclick: () =>
            save(new Blob([JSON.stringify(settings(), null, 2)], { type: "application/json" }), "vctsdb-settings.json"),
        },
        "Save as a file",
      ),
      h("button", { type: "button", onclick: () => file.click() }, "Load a file"),
      file,
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            change({ history: [] });
            toast("History is empty");
          },
        },
        "Forget the history",
      ),
    ),
  );
}
