// Questions in PromQL as pages ask them: ranges as columns, instants as rows. All that pages ask by themselves have a short
// time-out, so that looking at the store never takes it down, and say so, so that lists of queries can leave them out.

import { ApiError, ask, instant } from "./api.js";
import { decode } from "../chart/decode.js";

/** Seconds that a question which nobody typed may take. */
const OWN_TIMEOUT = "5s";
/** Series that tell how far samples are apart. */
const LOOKED_AT = 10;

/**
 * @typedef {object} Answer
 * @property {import("../chart/decode.js").Frame} frame
 * @property {string} requestId
 * @property {number} bytes
 * @property {number} took ms, as seen from here
 */

/**
 * Evaluates an expression over a range.
 * @param {string} query
 * @param {{start: number, end: number, step: number, timeout?: string, signal?: AbortSignal, asked?: boolean}} range in ms; `asked` by a person
 * @returns {Promise<Answer>}
 */
export async function range(query, { start, end, step, timeout = OWN_TIMEOUT, signal, asked = false }) {
  const begun = performance.now();
  const params = { query, start: start / 1000, end: end / 1000, step: step / 1000, timeout };
  const response = await ask("api/v1/query_range", params, {
    method: "POST",
    accept: "application/x-protobuf",
    signal,
    background: !asked,
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const frame = decode(bytes, { start, end, step });
  return {
    frame,
    requestId: response.headers.get("x-request-id") ?? "",
    bytes: bytes.length,
    took: performance.now() - begun,
  };
}

/**
 * @typedef {object} Sample
 * @property {Record<string, string>} labels
 * @property {number} time in ms
 * @property {number} value
 */

/**
 * Evaluates an expression at one time, for a page of its own accord.
 * @param {string} query
 * @param {{time?: number, signal?: AbortSignal, timeout?: string}} [options]
 * @returns {Promise<Sample[]>}
 */
export async function vector(query, { time, signal, timeout = OWN_TIMEOUT } = {}) {
  const { data } = await instant(query, { time, timeout, signal, background: true });
  if (data.resultType === "scalar") return [{ labels: {}, time: data.result[0] * 1000, value: number(data.result[1]) }];
  return data.result
    .filter((/** @type {any} */ one) => one.value)
    .map((/** @type {any} */ one) => ({ labels: one.metric, time: one.value[0] * 1000, value: number(one.value[1]) }));
}

/**
 * How far the samples of what a selector finds are apart, in ms: the usual distance in some of its series; 0 where it isn't known.
 * @param {string} selector
 * @param {{time?: number, signal?: AbortSignal}} [options]
 */
export async function intervalOf(selector, { time, signal } = {}) {
  const options = { time, signal, timeout: OWN_TIMEOUT, limit: LOOKED_AT, background: true };
  const { data } = await instant(`${selector}[10m]`, options).catch((error) => {
    if (error instanceof ApiError) return { data: { result: [] } };
    throw error;
  });
  const apart = data.result
    .flatMap((/** @type {any} */ { values, histograms }) => {
      const times = (values ?? histograms ?? []).map((/** @type {[number, unknown]} */ [at]) => at * 1000);
      return times.slice(1).map((/** @type {number} */ at, /** @type {number} */ i) => at - times[i]);
    })
    .sort((/** @type {number} */ a, /** @type {number} */ b) => a - b);
  const usual = apart[apart.length >> 1] ?? 0;
  // Scrapes come some milliseconds early or late.
  return usual >= 1000 ? Math.round(usual / 1000) * 1000 : usual;
}

/**
 * A number as Prometheus writes it.
 * @param {string} text
 */
export function number(text) {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}
