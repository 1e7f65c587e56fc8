// A panel of the query page: an expression with its price, and its table, graph or plan.

import { ApiError, aborted } from "../core/api.js";
import { stepOf } from "../core/address.js";
import { menuButton } from "../core/dialog.js";
import { fill, h, icon } from "../core/dom.js";
import { copyButton } from "../core/copy.js";
import { remember, settings, used } from "../core/settings.js";
import { Editor, source } from "../editor/editor.js";
import { LIVE_SAMPLES, Price } from "../editor/price.js";
import { heaviest } from "../promql/advice.js";
import { selectors } from "../promql/edit.js";
import { faultAt, lettersOf, plainMessage } from "../promql/fault.js";
import { unitOfExpression } from "../promql/unit.js";
import { format, fromHistory, menuOf, paste } from "./panelmenu.js";
import { runGraph, runPlan, runTable } from "./run.js";

/** A run that nobody asked for takes no longer. */
const LIVE_TIMEOUT = "2s";

/** Expressions that every store answers: it stores its own metrics. */
const EXAMPLES = [
  "up",
  "rate(vctsdb_storage_samples_appended_total[5m])",
  'topk(10, count by (__name__) ({__name__=~".+"}))',
];

/** @typedef {import("../core/address.js").Panel} PanelState */

/**
 * @typedef {object} Page
 * @property {(change: Partial<PanelState>, push: boolean) => void} change
 * @property {() => void} removed
 * @property {(panels: PanelState[]) => void} pasted
 * @property {(start: number, end: number) => void} zoom
 * @property {() => void} back
 * @property {() => import("../core/address.js").PageState} state
 */

const TABS = /** @type {const} */ ([
  ["table", "Table"],
  ["graph", "Graph"],
  ["explain", "Plan"],
]);

export class Panel {
  /**
   * @param {HTMLElement} host
   * @param {PanelState} state
   * @param {number} number
   * @param {Page} page
   */
  constructor(host, state, number, page) {
    this.state = state;
    this.page = page;
    this.abort = new AbortController();
    /** What the last run asked, to see whether another is needed. */
    this.asked = "";
    this.ran = 0;
    /** @type {import("./graphview.js").GraphView | null} */
    this.graph = null;
    /** @type {import("../table/results.js").Results | null} */
    this.results = null;
    this.body = h("div", { class: "panel-body" });
    this.controls = h("div", { class: "panel-controls" });
    this.message = h("div", { class: "panel-message" });
    this.foot = h("div", { class: "panel-foot soft small" });
    this.notes = h("div", { class: "panel-notes" });
    this.tabs = h(
      "div",
      {
        class: "tabs",
        role: "tablist",
        "aria-label": "Show as",
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.tabKey(event),
      },
      TABS.map(([tab, label]) =>
        h("button", { type: "button", role: "tab", "data-tab": tab, onclick: () => this.set({ tab }, true) }, label),
      ),
    );
    this.runButton = h(
      "button",
      { type: "button", class: "primary run", onclick: () => this.submit() },
      icon("run"),
      "Run",
    );
    const editorPlace = h("div", { class: "grow" });
    const price = h("div", { class: "price small" });
    this.number = h("span", { class: "panel-number soft", "aria-hidden": "true" }, String(number + 1));
    const more = menuButton(icon("more"), () => menuOf(this), {
      class: "quiet square",
      "aria-label": "More",
      title: "Copy as, history, format …",
    });
    this.element = h(
      "section",
      { class: "card panel", "aria-label": `Expression ${number + 1}` },
      h("div", { class: "panel-top" }, this.number, editorPlace, more, this.runButton),
      h("div", { class: "panel-under" }, price),
      this.message,
      this.notes,
      h("div", { class: "panel-bar" }, this.tabs, this.controls),
      this.body,
      this.foot,
    );
    host.appendChild(this.element);
    this.editor = new Editor(
      editorPlace,
      {
        run: () => this.submit(),
        typed: () => this.typed(),
        format: () => void format(this),
        history: (by) => fromHistory(this, by),
        pasted: (text) => paste(this, text),
      },
      `Expression ${number + 1}`,
    );
    this.price = new Price(price, {
      priced: (plan) => this.priced(plan),
      wrong: (error) => this.unfinished(error) || this.wrong(error),
    });
    this.at = -1;
    this.editor.value = state.expr;
    this.dress();
  }

  remove() {
    this.abort.abort();
    this.price.stop();
    this.editor.remove();
    this.clear();
    this.element.remove();
  }

  /** @param {KeyboardEvent} event */
  tabKey(event) {
    const at = TABS.findIndex(([tab]) => tab === this.state.tab);
    const to = { ArrowRight: (at + 1) % 3, ArrowLeft: (at + 2) % 3 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.set({ tab: TABS[to][0] }, true);
    /** @type {HTMLElement | null} */ (this.tabs.querySelector('[aria-selected="true"]'))?.focus();
  }

  /**
   * Takes over a state, of the address or of a change here, and runs what it needs.
   * @param {PanelState} state
   * @param {boolean} [again] whether to run although nothing has changed
   */
  apply(state, again = false) {
    const other = state.tab !== this.state.tab;
    this.state = state;
    if (this.editor.value !== state.expr && (document.activeElement !== this.editor.area || !again))
      this.editor.value = state.expr;
    if (other) this.clear();
    this.dress();
    const asks = this.question();
    if (again || asks !== this.asked || other) void this.run();
    else if (this.graph) this.graph.dress(state);
  }

  /** What makes two runs different. */
  question() {
    const { expr, tab, range, end, moment, step, vs, exemplars: diamonds } = this.state;
    return JSON.stringify([
      expr,
      tab,
      tab === "table" ? [moment, end] : [range, end, step, tab === "graph" && [vs, diamonds]],
    ]);
  }

  dress() {
    for (const button of this.tabs.querySelectorAll("button")) {
      const on = button.dataset.tab === this.state.tab;
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
    }
  }

  clear() {
    this.graph?.remove();
    this.graph = null;
    this.results?.table.remove();
    this.results = null;
    fill(this.body);
    fill(this.controls);
    fill(this.foot);
    this.asked = "";
  }

  /** @param {Partial<PanelState>} change @param {boolean} push */
  set(change, push) {
    this.page.change(change, push);
  }

  submit() {
    const expr = this.editor.value;
    if (expr.trim() === "") return this.editor.focus();
    remember(expr);
    used(
      selectors(expr)
        .map(({ text }) => /^[\w:]+/.exec(text)?.[0] ?? "")
        .filter(Boolean),
    );
    this.at = -1;
    this.asked = "";
    // What is hidden belongs to the answer before.
    const other = expr !== this.state.expr ? { hide: [], only: [] } : {};
    this.set({ expr, ...other }, true);
  }

  typed() {
    fill(this.message);
    const panel = { ...this.state, expr: this.editor.value };
    this.price.soon(panel);
    this.page.change({ expr: panel.expr }, false);
  }

  /** @param {import("../promql/advice.js").Plan} plan */
  priced(plan) {
    const cheap = plan.estimate.samplesRead < LIVE_SAMPLES && plan.estimate.peakSamples < LIVE_SAMPLES * 4;
    if (
      settings().live &&
      cheap &&
      this.state.tab !== "explain" &&
      this.question() !== this.asked &&
      this.editor.value === this.state.expr
    )
      void this.run(LIVE_TIMEOUT);
  }

  /**
   * Whether an error is only that the text isn't at its end yet: who types needn't be told.
   * @param {ApiError} error
   */
  unfinished(error) {
    const text = this.editor.value.trimEnd();
    const place = faultAt(error.message, this.editor.value);
    return document.activeElement === this.editor.area && place !== null && place.from >= text.length;
  }

  /** @param {ApiError} error */
  wrong(error) {
    const text = this.editor.value;
    const place = faultAt(error.message, text);
    if (place) this.editor.mark(place);
    fill(this.message, h("div", { class: "note bad", role: "status" }, h("div", {}, plainMessage(error.message))));
  }

  /**
   * Asks the server for what the tab shows. A run that fails leaves the last good picture.
   * @param {string} [timeout]
   * @param {boolean} [again] whether it is one of many, by itself: then it ends at a whole step, so that steps which the server
   * has kept fit again
   */
  async run(timeout, again = false) {
    const panel = this.state;
    if (panel.expr.trim() === "") {
      this.clear();
      fill(this.body, this.examples());
      return;
    }
    this.abort.abort();
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.asked = this.question();
    const step = again ? stepOf(panel) : 1;
    this.ran = Math.floor(Date.now() / step) * step;
    this.element.classList.add("is-running");
    if (!this.price.plan) this.price.soon(panel, 0);
    try {
      if (panel.tab === "graph") await runGraph(this, panel, signal, timeout);
      else if (panel.tab === "table") await runTable(this, panel, signal, timeout);
      else await runPlan(this, panel, signal, false);
      if (!signal.aborted) fill(this.message, ...this.message.querySelectorAll(".why-empty"));
    } catch (error) {
      if (aborted(error) || signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (timeout && error.status !== 400) fill(this.foot, "Not run while typing: it takes long. Enter runs it.");
      else this.failed(error);
    } finally {
      if (!signal.aborted) this.element.classList.remove("is-running");
    }
  }

  /** @param {ApiError} error */
  failed(error) {
    this.asked = "";
    this.wrong(error);
    const note = this.message.firstElementChild;
    if (!note) return;
    if (error.status === 422 || error.type === "timeout") {
      const most = this.price.plan && heaviest(this.price.plan.plan);
      if (most)
        note.append(
          h(
            "div",
            {},
            "Most of it comes from ",
            h("code", {}, most.expr),
            ": more matchers there, fewer labels or a longer step make it cheaper.",
          ),
        );
      if (error.status === 503)
        note.append(h("div", {}, h("a", { class: "inline", href: "queries" }, "See what else is running")));
    }
    if (error.requestId)
      note.append(
        h(
          "div",
          { class: "soft small row" },
          `request ${error.requestId}`,
          copyButton(() => error.requestId, "Copy the request id"),
        ),
      );
  }

  /** What to begin with, where there is nothing yet. */
  examples() {
    return h(
      "p",
      { class: "soft examples" },
      "Type an expression: Enter runs it, and cheap ones run while they are typed. To begin with: ",
      EXAMPLES.map((expr) => [
        h("button", { type: "button", class: "link mono", onclick: () => this.use(expr) }, expr),
        " ",
      ]).flat(),
    );
  }

  /** @param {string} expr */
  unit(expr) {
    return unitOfExpression(expr, (name) => source.metadata[name]?.[0]?.unit ?? "");
  }

  /**
   * Marks an operator's text in the editor: where the server says that it stands, else where its text does.
   * @param {import("../promql/advice.js").Step | null} step
   */
  point(step) {
    this.editor.fault = null;
    this.editor.paintNow();
    if (step === null) return;
    const text = this.editor.value;
    const from = text.indexOf(step.expr);
    const place = step.position
      ? lettersOf(text, step.position)
      : from >= 0
        ? { from, to: from + step.expr.length }
        : null;
    if (place && place.to - place.from < text.trim().length) this.editor.point(place);
  }

  /**
   * Takes an expression over and runs it.
   * @param {string} expr
   */
  use(expr) {
    this.editor.value = expr;
    this.submit();
  }

  /** @param {string} what @param {number} took @param {string} requestId */
  tellFoot(what, took, requestId) {
    fill(
      this.foot,
      h("span", {}, `${what} · ${took < 1000 ? `${Math.round(took)} ms` : `${(took / 1000).toFixed(1)} s`}`),
      requestId &&
        h(
          "span",
          { class: "row foot-request" },
          `request ${requestId}`,
          copyButton(() => requestId, "Copy the request id"),
        ),
    );
  }

  /** @param {string[]} warnings @param {string[]} infos */
  tellNotes(warnings, infos) {
    const note = (/** @type {string} */ text, /** @type {string} */ kind) => {
      const place = faultAt(text, this.state.expr);
      return h(
        "div",
        { class: `note ${kind}` },
        h(
          "div",
          {},
          text,
          place && [
            " ",
            h(
              "button",
              {
                type: "button",
                class: "link",
                onclick: () => {
                  this.editor.focus();
                  this.editor.area.setSelectionRange(place.from, place.to);
                },
              },
              "show",
            ),
          ],
        ),
      );
    };
    fill(this.notes, ...warnings.map((text) => note(text, "mind")), ...infos.map((text) => note(text, "")));
  }
}
