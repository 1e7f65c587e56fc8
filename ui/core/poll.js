// Asking again and again, but only while somebody looks.

import { aborted, ApiError, connection, watchConnection } from "./api.js";

/** After failures the pause grows up to this. */
const MOST_MS = 30_000;
/** A store that is opening is asked so often. */
const OPENING_MS = 500;

/**
 * Runs `look` now and then every `period` ms while the page is shown. One look ends before the next begins; failures make
 * the pause longer.
 * @param {() => Promise<unknown>} look
 * @param {number} period
 * @returns {() => void} ends it
 */
export function poll(look, period) {
  let ended = false;
  let timer = 0;
  let pause = period;
  let due = true;
  const run = async () => {
    timer = 0;
    if (ended) return;
    if (document.hidden) {
      due = true;
      return;
    }
    due = false;
    const begun = performance.now();
    try {
      await look();
      pause = period;
    } catch (error) {
      // A server that is away is no news; a mistake of this page is.
      if (!(error instanceof ApiError) && !aborted(error)) reportError(error);
      pause = connection.opening ? OPENING_MS : Math.min(Math.max(pause, period) * 2, Math.max(MOST_MS, period));
    }
    if (!ended) timer = window.setTimeout(run, Math.max(0, pause - (performance.now() - begun)));
  };
  const shown = () => {
    if (!document.hidden && due && timer === 0) void run();
  };
  document.addEventListener("visibilitychange", shown);
  // What one of all that ask has found out holds for the others.
  const unwatch = watchConnection(({ answers }) => {
    if (!answers || timer === 0 || pause <= period) return;
    clearTimeout(timer);
    void run();
  });
  void run();
  return () => {
    ended = true;
    clearTimeout(timer);
    unwatch();
    document.removeEventListener("visibilitychange", shown);
  };
}
