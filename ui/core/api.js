// Requests to the server: one way to ask, one kind of error, and whether it answers at all.

import { base } from "./base.js";

/** A request that had no good answer. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {object} [more]
   * @param {number} [more.status] 0 where nothing answered
   * @param {string} [more.type] Prometheus' word for it
   * @param {string} [more.requestId]
   */
  constructor(message, { status = 0, type = "", requestId = "" } = {}) {
    super(message);
    this.status = status;
    this.type = type;
    this.requestId = requestId;
  }

  /** Whether the store is opening, or the server took too many requests. */
  get passes() {
    return this.status === 503 && this.type !== "timeout";
  }
}

/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal]
 * @property {string} [accept]
 * @property {"GET" | "POST"} [method]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [background] whether no person asked for it
 */

/** @typedef {Record<string, string | number | string[] | undefined>} Params */

/** @typedef {{answers: boolean, since: number, opening: boolean}} Connection */

/** @type {Connection} */
export const connection = { answers: true, since: Date.now(), opening: false };

/** @type {Set<(connection: Connection) => void>} */
const watchers = new Set();

/**
 * @param {(connection: Connection) => void} watcher told when it changes
 * @returns {() => void} ends it
 */
export function watchConnection(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/**
 * @param {boolean} answers
 * @param {boolean} opening
 */
function observed(answers, opening) {
  if (answers === connection.answers && opening === connection.opening) {
    if (answers) connection.since = Date.now();
    return;
  }
  if (answers) connection.since = Date.now();
  Object.assign(connection, { answers, opening });
  for (const watcher of watchers) watcher(connection);
}

/**
 * Parameters as a form, without those that are undefined.
 * @param {Params} params
 */
export function form(params) {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, String(one));
  }
  return form;
}

/**
 * Asks for an answer of any kind. Throws an `ApiError`, or an `AbortError` when it was called off.
 * @param {string} path relative to the pages
 * @param {Params} [params]
 * @param {Options} [options]
 */
export async function ask(
  path,
  params = {},
  { signal, accept = "application/json", method = "GET", headers = {}, background = false } = {},
) {
  const query = form(params).toString();
  const get = method === "GET";
  const url = base + path + (get && query ? `?${query}` : "");
  /** @type {RequestInit} */
  const init = {
    method,
    headers: {
      Accept: accept,
      "X-Requested-With": "vctsdb",
      ...(background ? { "X-Vctsdb-Background": "1" } : {}),
      ...headers,
    },
    signal: signal ?? null,
  };
  if (!get) {
    init.body = query;
    init.headers = { ...init.headers, "Content-Type": "application/x-www-form-urlencoded" };
  }
  let response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    observed(false, false);
    throw new ApiError("the server doesn't answer");
  }
  if (!response.ok) throw await refusal(response);
  observed(true, false);
  return response;
}

/**
 * Reads why there is no good answer: Prometheus' envelope or plain text.
 * @param {Response} response
 */
async function refusal(response) {
  const requestId = response.headers.get("x-request-id") ?? "";
  const text = await response.text().catch(() => "");
  let type = "";
  let message = text.trim() || response.statusText;
  if (text.startsWith("{")) {
    try {
      const told = JSON.parse(text);
      type = told.errorType ?? "";
      message = told.error ?? message;
    } catch {
      // Half an answer is shown as it came.
    }
  }
  const error = new ApiError(message, { status: response.status, type, requestId });
  // A proxy in front answers for a server that is gone.
  const gone = response.status === 502 || response.status === 504;
  observed(!gone, error.status === 503 && response.headers.has("x-prometheus-stopping"));
  if (error.status === 403 && !message) error.message = "this is not allowed to you";
  return error;
}

/**
 * The `data` of an answer in Prometheus' envelope.
 * @param {string} path
 * @param {Params} [params]
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function data(path, params, options) {
  return (await envelope(path, params, options)).data;
}

/**
 * @typedef {object} Envelope
 * @property {any} data
 * @property {string[]} warnings
 * @property {string[]} infos
 * @property {string} requestId
 */

/**
 * An answer with its warnings.
 * @param {string} path
 * @param {Params} [params]
 * @param {Options} [options]
 * @returns {Promise<Envelope>}
 */
export async function envelope(path, params, options) {
  const response = await ask(path, params, options);
  const told = await response.json();
  return {
    data: told.data,
    warnings: told.warnings ?? [],
    infos: told.infos ?? [],
    requestId: response.headers.get("x-request-id") ?? "",
  };
}

/**
 * Evaluates an expression at one time.
 * @param {string} query
 * @param {{time?: number, timeout?: string, limit?: number, signal?: AbortSignal, background?: boolean}} [options] `time` in ms
 * @returns {Promise<Envelope>}
 */
export function instant(query, { time, timeout, limit, signal, background } = {}) {
  const params = { query, time: time === undefined ? undefined : time / 1000, timeout, limit };
  return envelope("api/v1/query", params, { method: "POST", signal, background });
}

/** @param {unknown} error */
export function aborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
