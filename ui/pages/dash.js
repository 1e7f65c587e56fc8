// Boards to begin with: shown where their metrics are.

import { ApiError, aborted } from "../core/api.js";
import { vector } from "../core/ask.js";
import { trouble } from "../core/controls.js";
import { fill, h, href } from "../core/dom.js";
import { poll } from "../core/poll.js";
import { formatCount } from "../core/units.js";
import { formatDuration } from "../core/time.js";
import { quote } from "../chart/data.js";
import { board as node } from "../boards/node.js";
import { board as process } from "../boards/process.js";
import { board as prometheus } from "../boards/prometheus.js";
import { board as vctsdb } from "../boards/vctsdb.js";
import { ChartGrid } from "./chartgrid.js";
import { changed, timeChoice, settleRange, timeOfAddress } from "./timechoice.js";

/**
 * @typedef {object} Board
 * @property {string} name
 * @property {string} title
 * @property {string} test finds series exactly where the board has something to show
 * @property {string} by the label to choose by
 * @property {import("./chartgrid.js").Item[]} charts with `$filter` and `$window`
 */

export const title = "Boards";

const BOARDS = [node, process, prometheus, vctsdb];
const EVERY_MS = 15_000;

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export function mount(element, { go, signal }) {
  const list = h("nav", { class: "segments board-list", "aria-label": "Boards" });
  const time = timeChoice(go);
  const who = h("select", {
    class: "small",
    "aria-label": "Show only",
    onchange: () => go(changed({ only: who.value })),
  });
  const body = h("div", {});
  element.append(
    h("h1", { class: "offscreen" }, "Boards"),
    h("div", { class: "row board-bar" }, list, who, h("span", { class: "grow" }), time.element),
    body,
  );
  const grid = new ChartGrid(body, { zoom: time.zoom, back: () => history.back() });
  let shown = "";

  const look = async () => {
    try {
      await settleRange();
      const here = await Promise.all(
        BOARDS.map(async (board) => ({
          board,
          found: await vector(`count by (${board.by}) (${board.test})`, { signal }),
        })),
      );
      const there = here.filter(({ found }) => found.length > 0);
      const wanted = new URLSearchParams(location.search).get("d");
      const chosen = here.find(({ board }) => board.name === wanted) ?? there[0];
      fill(
        list,
        here.map(({ board, found }) =>
          h(
            "a",
            {
              href: href("dash", { d: board.name, range: formatDuration(timeOfAddress().range) }),
              class: found.length ? "" : "soft",
              "aria-current": chosen?.board === board ? "page" : undefined,
            },
            board.title,
          ),
        ),
      );
      time.show();
      if (!chosen || chosen.found.length === 0) {
        grid.show([]);
        shown = "";
        who.hidden = true;
        fill(
          body,
          h(
            "section",
            { class: "card" },
            h(
              "h2",
              {},
              chosen ? `Nobody sends the metrics of “${chosen.board.title}” yet` : "No board has its metrics yet",
            ),
            h(
              "p",
              { class: "soft" },
              "Boards appear by themselves where their metrics are. ",
              h("a", { href: "./" }, "How to send data"),
            ),
          ),
        );
        return;
      }
      const only = new URLSearchParams(location.search).get("only") ?? "";
      const values = chosen.found.map(({ labels }) => labels[chosen.board.by] ?? "").sort();
      fill(
        who,
        h("option", { value: "" }, `every ${chosen.board.by} (${formatCount(values.length)})`),
        values.map((value) => h("option", { value }, value)),
      );
      who.value = only;
      who.hidden = values.length < 2 && !only;
      const { range, end } = timeOfAddress();
      const now = JSON.stringify([chosen.board.name, only, range]);
      if (now !== shown) {
        shown = now;
        const filter = only ? `${chosen.board.by}=${quote(only)}` : "";
        const window = formatDuration(Math.max(60_000, Math.ceil(range / 200 / 15_000) * 15_000 * 4));
        fill(body, grid.element);
        grid.range = range;
        grid.end = end;
        grid.show(
          chosen.board.charts.map((chart) => ({
            ...chart,
            expr: chart.expr
              .replaceAll(", $filter", filter ? `, ${filter}` : "")
              .replaceAll("{$filter}", filter ? `{${filter}}` : "")
              .replaceAll("$window", window),
          })),
        );
      }
      await grid.at(range, end);
    } catch (error) {
      if (aborted(error)) return;
      if (error instanceof ApiError && !shown)
        fill(
          body,
          h(
            "section",
            { class: "card" },
            trouble(error, () => void look()),
          ),
        );
      throw error;
    }
  };
  let end = poll(look, EVERY_MS);
  return {
    update() {
      end();
      end = poll(look, EVERY_MS);
    },
    unmount() {
      end();
      grid.remove();
    },
  };
}
