// A panel of the query page: an expression with its price, and its table, graph or plan.

import { ApiError, aborted, data, instant } from "../core/api.js";
import { range as askRange } from "../core/ask.js";
import { stepOf } from "../core/address.js";
import { menuButton } from "../core/dialog.js";
import { fill, h, icon } from "../core/dom.js";
import { copyButton } from "../core/copy.js";
import { change as changeSettings, remember, settings, used } from "../core/settings.js";
import { toast } from "../core/toast.js";
import { formatCount } from "../core/units.js";
import { Editor, source } from "../editor/editor.js";
import { gridOf, LIVE_SAMPLES, Price, rangeOf } from "../editor/price.js";
import { heaviest } from "../promql/advice.js";
import { groupedBy, selectors, withMatcher } from "../promql/edit.js";
import { faultAt, plainMessage } from "../promql/fault.js";
import { unitOfExpression } from "../promql/unit.js";
import { Results } from "../table/results.js";
import { exemplars, showTrace } from "./exemplars.js";
import { whyEmpty } from "./empty.js";
import { GraphView } from "./graphview.js";
import { leftover } from "./joins.js";
import { showPlan } from "./plan.js";
import { shareItems } from "./share.js";

/** A run that nobody asked for takes no longer. */
const LIVE_TIMEOUT = "2s";

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

const TABS = /** @type {const} */ ([["table", "Table"], ["graph", "Graph"], ["explain", "Plan"]]);

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
    /** @type {GraphView | null} */
    this.graph = null;
    /** @type {Results | null} */
    this.results = null;
    this.body = h("div", { class: "panel-body" });
    this.controls = h("div", { class: "panel-controls" });
    this.message = h("div", { class: "panel-message" });
    this.foot = h("div", { class: "panel-foot soft small" });
    this.notes = h("div", { class: "panel-notes" });
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Show as", onkeydown: (/** @type {KeyboardEvent} */ event) => this.tabKey(event) },
      TABS.map(([tab, label]) => h("button", { type: "button", role: "tab", "data-tab": tab, onclick: () => this.set({ tab }, true) }, label)));
    this.runButton = h("button", { type: "button", class: "primary run", onclick: () => this.submit() }, icon("run"), "Run");
    const editorPlace = h("div", { class: "grow" });
    const price = h("div", { class: "price small" });
    this.number = h("span", { class: "panel-number soft", "aria-hidden": "true" }, String(number + 1));
    const more = menuButton(icon("more"), () => this.menu(), { class: "quiet square", "aria-label": "More", title: "Copy as, history, format …" });
    this.element = h("section", { class: "card panel", "aria-label": `Expression ${number + 1}` },
      h("div", { class: "panel-top" }, this.number, editorPlace, more, this.runButton),
      h("div", { class: "panel-under" }, price), this.message, this.notes,
      h("div", { class: "panel-bar" }, this.tabs, this.controls), this.body, this.foot);
    host.appendChild(this.element);
    this.editor = new Editor(editorPlace, {
      run: () => this.submit(), typed: () => this.typed(), format: () => void this.format(), history: (by) => this.fromHistory(by),
      pasted: (text) => this.paste(text),
    }, `Expression ${number + 1}`);
    this.price = new Price(price, { priced: (plan) => this.priced(plan), wrong: (error) => this.wrong(error) });
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
    if (this.editor.value !== state.expr && (document.activeElement !== this.editor.area || !again)) this.editor.value = state.expr;
    if (other) this.clear();
    this.dress();
    const asks = this.question();
    if (again || asks !== this.asked || other) void this.run();
    else if (this.graph) this.graph.dress(state);
  }

  /** What makes two runs different. */
  question() {
    const { expr, tab, range, end, moment, step, vs, exemplars: diamonds } = this.state;
    return JSON.stringify([expr, tab, tab === "table" ? [moment, end] : [range, end, step, tab === "graph" && [vs, diamonds]]]);
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
    used(selectors(expr).map(({ text }) => /^[\w:]+/.exec(text)?.[0] ?? "").filter(Boolean));
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
    if (settings().live && cheap && this.state.tab !== "explain" && this.question() !== this.asked && this.editor.value === this.state.expr) void this.run(LIVE_TIMEOUT);
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
      if (panel.tab === "graph") await this.runGraph(panel, signal, timeout);
      else if (panel.tab === "table") await this.runTable(panel, signal, timeout);
      else await this.runPlan(panel, signal, false);
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
      if (most) note.append(h("div", {}, "Most of it comes from ", h("code", {}, most.expr), ": more matchers there, fewer labels or a longer step make it cheaper."));
      if (error.status === 503) note.append(h("div", {}, h("a", { class: "inline", href: "queries" }, "See what else is running")));
    }
    if (error.requestId) note.append(h("div", { class: "soft small row" }, `request ${error.requestId}`, copyButton(() => error.requestId, "Copy the request id")));
  }

  /** @param {string} expr */
  unit(expr) {
    return unitOfExpression(expr, (name) => source.metadata[name]?.[0]?.unit ?? "");
  }

  /** @param {PanelState} panel @param {AbortSignal} signal @param {string} [timeout] */
  async runGraph(panel, signal, timeout) {
    const grid = gridOf(panel, this.ran);
    const { vs } = panel;
    const [answer, ghost, marks] = await Promise.all([
      askRange(panel.expr, { ...grid, timeout: timeout ?? "2m", signal }),
      vs ? askRange(panel.expr, { ...grid, start: grid.start - vs, end: grid.end - vs, timeout: timeout ?? "2m", signal }) : null,
      panel.exemplars ? exemplars(panel.expr, grid, signal) : [],
      source.help(signal),
    ]);
    if (signal.aborted) return;
    const { frame } = answer;
    if (!this.graph) {
      fill(this.body);
      fill(this.controls);
      this.graph = new GraphView(this.body, this.controls, {
        change: (change, run) => { if (run) this.asked = ""; this.set(change, true); }, zoom: this.page.zoom, back: this.page.back,
        use: (expr) => this.use(expr), table: () => this.set({ tab: "table" }, true), mark: (mark) => showTrace(mark),
      });
    }
    this.graph.show(panel, frame, this.unit(panel.expr), { ghost: ghost?.frame ?? null, marks });
    const points = frame.series.reduce((sum, { values, histograms }) => {
      let count = 0;
      for (let i = 0; i < values.length; i += 1) if (values[i] === values[i] || histograms?.[i]) count += 1;
      return sum + count;
    }, 0);
    this.tellFoot(`${formatCount(frame.series.length)} series · ${formatCount(points)} points`, answer.took, answer.requestId);
    this.tellNotes(frame.warnings, frame.infos);
    this.graph.chart.element.hidden = frame.series.length === 0;
    this.graph.legend.table.element.parentElement?.classList.toggle("is-empty", frame.series.length === 0);
    if (frame.series.length === 0) await this.explainEmpty(grid.start, grid.end, signal);
    else fill(this.message);
  }

  /** @param {PanelState} panel @param {AbortSignal} signal @param {string} [timeout] */
  async runTable(panel, signal, timeout) {
    const begun = performance.now();
    const time = panel.moment ?? panel.end ?? this.ran;
    const { data: answer, warnings, infos, requestId } = await instant(panel.expr, { time, timeout, signal });
    if (signal.aborted) return;
    if (!this.results) {
      fill(this.body);
      fill(this.controls);
      this.results = new Results(this.body, {
        filter: (label, value, operator) => this.use(withMatcher(this.state.expr, label, operator, value)),
        group: (label) => this.use(groupedBy(this.state.expr, label)),
        columns: (cols) => this.page.change({ cols }, false),
      });
    }
    this.results.show(answer, this.unit(panel.expr), panel.cols);
    const rows = this.results.rows.length;
    this.body.classList.toggle("is-empty", rows === 0);
    this.tellFoot(`${formatCount(rows)} ${rows === 1 ? "row" : "rows"}`, performance.now() - begun, requestId);
    this.tellNotes(warnings, infos);
    if (rows === 0) await this.explainEmpty(time - 300_000, time, signal);
    else fill(this.message);
  }

  /** @param {PanelState} panel @param {AbortSignal} signal @param {boolean} analyze */
  async runPlan(panel, signal, analyze) {
    const grid = gridOf(panel, this.ran);
    const params = { query: panel.expr, start: grid.start / 1000, end: grid.end / 1000, step: grid.step / 1000 };
    const plan = await data("api/v1/explain", analyze ? { ...params, analyze: "true" } : { ...params, quiet: 1 }, { method: "POST", signal });
    if (signal.aborted) return;
    const place = h("div", { class: "plan-place" });
    showPlan(place, plan, {
      step: grid.step,
      analyze: () => {
        this.ran = Date.now();
        this.element.classList.add("is-running");
        this.runPlan(panel, signal, true).catch((error) => {
          if (error instanceof ApiError) this.failed(error);
          else if (!aborted(error)) throw error;
        }).finally(() => this.element.classList.remove("is-running"));
      },
      point: (expr) => this.point(expr),
    });
    fill(this.controls);
    fill(this.body, place);
    fill(this.foot);
    if (analyze) {
      const lost = await leftover(plan, grid.end, signal).catch((error) => {
        if (error instanceof ApiError || aborted(error)) return null;
        throw error;
      });
      if (lost) place.querySelector(".plan-bar")?.after(lost);
    }
  }

  /**
   * Marks an operator's text in the editor.
   * @param {string | null} expr
   */
  point(expr) {
    const squeeze = (/** @type {string} */ text) => text.replace(/\s+/g, "");
    this.editor.fault = null;
    this.editor.paintNow();
    if (expr === null) return;
    const text = this.editor.value;
    const from = text.indexOf(expr);
    if (from >= 0 && squeeze(text) !== squeeze(expr)) this.editor.point({ from, to: from + expr.length });
  }

  /** @param {number} start @param {number} end @param {AbortSignal} signal */
  async explainEmpty(start, end, signal) {
    const plan = await data("api/v1/explain", { ...rangeOf(this.state, this.ran), quiet: 1 }, { method: "POST", signal });
    const why = await whyEmpty(plan, {
      expr: this.state.expr, start, end, signal, use: (expr) => this.use(expr),
      go: (to) => this.set({ end: to, moment: this.state.tab === "table" ? to : this.state.moment }, true),
    });
    if (!signal.aborted) fill(this.message, why);
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
    fill(this.foot, h("span", {}, `${what} · ${took < 1000 ? `${Math.round(took)} ms` : `${(took / 1000).toFixed(1)} s`}`),
      requestId && h("span", { class: "row foot-request" }, `request ${requestId}`, copyButton(() => requestId, "Copy the request id")));
  }

  /** @param {string[]} warnings @param {string[]} infos */
  tellNotes(warnings, infos) {
    const note = (/** @type {string} */ text, /** @type {string} */ kind) => {
      const place = faultAt(text, this.state.expr);
      return h("div", { class: `note ${kind}` }, h("div", {}, text, place && [" ", h("button", { type: "button", class: "link", onclick: () => {
        this.editor.focus();
        this.editor.area.setSelectionRange(place.from, place.to);
      } }, "show")]));
    };
    fill(this.notes, ...warnings.map((text) => note(text, "mind")), ...infos.map((text) => note(text, "")));
  }

  /** @returns {import("../core/dialog.js").Item[]} */
  menu() {
    const favourite = settings().favourites.includes(this.editor.value);
    return [
      { label: favourite ? "not a favourite any more" : "keep as favourite", disabled: !this.editor.value.trim(), run: () => {
        const { favourites } = settings();
        changeSettings({ favourites: favourite ? favourites.filter((one) => one !== this.editor.value) : [this.editor.value, ...favourites] });
      } },
      { label: "history and favourites …", run: () => this.showHistory() },
      { label: "format", note: "Alt+Shift+F", run: () => void this.format() },
      "line",
      ...shareItems(() => ({ panel: { ...this.state, expr: this.editor.value }, state: this.page.state(), chart: this.graph?.chart ?? null, ran: this.ran })),
      "line",
      { label: this.state.pin ? "same time as the others" : "keep a time of its own", checked: this.state.pin, run: () => this.set({ pin: !this.state.pin }, true) },
      { label: "remove this expression", run: () => this.page.removed() },
    ];
  }

  showHistory() {
    void import("./history.js").then(({ showHistory }) => showHistory((expr) => this.use(expr)));
  }

  /** @param {number} by */
  fromHistory(by) {
    const { history } = settings();
    this.at = Math.max(-1, Math.min(history.length - 1, this.at + by));
    if (this.at >= 0) this.editor.rewrite(history[this.at]);
  }

  async format() {
    const text = this.editor.value;
    // The server's form has no comments: a text that has some stays as it is.
    if (/#/.test(text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, ""))) return toast("Not formatted: its comments would be lost", "bad");
    try {
      this.editor.rewrite(await data("api/v1/format_query", { query: text }, { method: "POST" }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.wrong(error);
    }
  }

  /** @param {string} text */
  paste(text) {
    if (!/^\s*https?:\/\//.test(text)) return false;
    void import("../core/address.js").then(({ pasted }) => {
      const panels = pasted(text, Date.now());
      if (panels) {
        this.page.pasted(panels);
        toast("Took the expressions of that address");
      } else this.editor.replace(this.editor.area.selectionStart, this.editor.area.selectionEnd, text);
    });
    return true;
  }
}
