// The price of an expression before it runs, asked a moment after the last key, and called off by the next one.

import { aborted, ApiError, data } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { formatBytes, formatCount, shortCount } from "../core/units.js";
import { heaviest, selections } from "../promql/advice.js";
import { stepOf } from "../core/address.js";

const PAUSE_MS = 250;
/** Below this an expression runs while it is typed. */
export const LIVE_SAMPLES = 200_000;
/** Bytes of a sample that a query holds. */
const SAMPLE_BYTES = 16;

export class Price {
  /**
   * @param {HTMLElement} element
   * @param {object} on
   * @param {(plan: import("../promql/advice.js").Plan) => void} on.priced
   * @param {(error: ApiError) => void} on.wrong
   */
  constructor(element, on) {
    this.element = element;
    this.on = on;
    this.timer = 0;
    this.abort = new AbortController();
    /** @type {import("../promql/advice.js").Plan | null} */
    this.plan = null;
  }

  /**
   * Asks soon for the price of a panel.
   * @param {import("../core/address.js").Panel} panel
   * @param {number} [pause]
   */
  soon(panel, pause = PAUSE_MS) {
    this.stop();
    this.plan = null;
    if (panel.expr.trim() === "") {
      fill(this.element);
      return;
    }
    this.element.classList.add("is-old");
    this.timer = window.setTimeout(() => void this.ask(panel), pause);
  }

  stop() {
    clearTimeout(this.timer);
    this.abort.abort();
  }

  /** @param {import("../core/address.js").Panel} panel */
  async ask(panel) {
    this.abort = new AbortController();
    const { signal } = this.abort;
    try {
      const plan = await data(
        "api/v1/explain",
        { ...rangeOf(panel), timeout: "1s", quiet: 1 },
        { method: "POST", signal },
      );
      if (signal.aborted) return;
      this.plan = plan;
      this.show(plan);
      this.on.priced(plan);
    } catch (error) {
      if (aborted(error)) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 400) {
        fill(this.element);
        this.on.wrong(error);
      } else
        fill(
          this.element,
          h(
            "span",
            { class: "soft" },
            error.type === "timeout" ? "no price: the server is busy" : `no price: ${error.message}`,
          ),
        );
    }
  }

  /** @param {import("../promql/advice.js").Plan} plan */
  show({ plan, estimate }) {
    const share = estimate.peakSamples / estimate.limitSamples;
    const kind = share > 1 ? "bad" : share > 0.25 ? "mind" : "";
    const series = selections(plan).reduce((sum, step) => sum + (step.selector?.series ?? 0), 0);
    const most = share > 1 ? heaviest(plan) : null;
    this.element.classList.remove("is-old");
    this.element.dataset.kind = kind || "fine";
    fill(
      this.element,
      h(
        "span",
        {},
        "reads about ",
        h("span", { class: "num" }, shortCount(estimate.samplesRead)),
        estimate.samplesRead === 1 ? " sample of " : " samples of ",
        h("span", { class: "num" }, formatCount(series)),
        " series",
      ),
      h(
        "span",
        { class: kind || "soft" },
        ` · holds ${formatBytes(estimate.peakBytes)} of ${formatBytes(estimate.limitSamples * SAMPLE_BYTES)}`,
        share > 1 && ": more than a query may",
      ),
      most && h("span", { class: "bad" }, ". Narrow ", h("code", {}, most.expr), ", or take a longer step"),
    );
  }
}

/**
 * The parameters of a panel's range.
 * @param {import("../core/address.js").Panel} panel
 * @param {number} [now]
 */
export function rangeOf(panel, now = Date.now()) {
  if (panel.tab === "table") return { query: panel.expr, time: (panel.moment ?? panel.end ?? now) / 1000 };
  const { start, end, step } = gridOf(panel, now);
  return { query: panel.expr, start: start / 1000, end: end / 1000, step: step / 1000 };
}

/**
 * The grid of a panel's range, in ms.
 * @param {import("../core/address.js").Panel} panel
 * @param {number} [now]
 */
export function gridOf(panel, now = Date.now()) {
  const step = stepOf(panel);
  // The next whole second: one that is over would leave out a sample written in this one.
  const end = panel.end ?? Math.ceil(now / 1000) * 1000;
  return { start: end - panel.range, end, step };
}
