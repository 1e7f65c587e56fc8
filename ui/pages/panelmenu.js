// What can be done with a panel's expression: copy, keep, format, bring back an earlier one.

import { ApiError, data } from "../core/api.js";
import { change as changeSettings, settings } from "../core/settings.js";
import { toast } from "../core/toast.js";
import { shareItems } from "./share.js";

/** @typedef {import("./panel.js").Panel} Panel */

/**
 * @param {Panel} host
 * @returns {import("../core/dialog.js").Item[]}
 */
export function menuOf(host) {
  const favourite = settings().favourites.includes(host.editor.value);
  return [
    {
      label: favourite ? "not a favourite any more" : "keep as favourite",
      disabled: !host.editor.value.trim(),
      run: () => {
        const { favourites } = settings();
        changeSettings({
          favourites: favourite
            ? favourites.filter((one) => one !== host.editor.value)
            : [host.editor.value, ...favourites],
        });
      },
    },
    { label: "history and favourites …", run: () => showHistory(host) },
    { label: "format", note: "Alt+Shift+F", run: () => void format(host) },
    "line",
    ...shareItems(() => ({
      panel: { ...host.state, expr: host.editor.value },
      state: host.page.state(),
      chart: host.graph?.chart ?? null,
      ran: host.ran,
    })),
    "line",
    {
      label: host.state.pin ? "same time as the others" : "keep a time of its own",
      checked: host.state.pin,
      run: () => host.set({ pin: !host.state.pin }, true),
    },
    { label: "remove this expression", run: () => host.page.removed() },
  ];
}

/** @param {Panel} host */
function showHistory(host) {
  void import("./history.js").then(({ showHistory }) => showHistory((expr) => host.use(expr)));
}

/** @param {Panel} host @param {number} by */
export function fromHistory(host, by) {
  const { history } = settings();
  host.at = Math.max(-1, Math.min(history.length - 1, host.at + by));
  if (host.at >= 0) host.editor.rewrite(history[host.at]);
}

/** @param {Panel} host */
export async function format(host) {
  const text = host.editor.value;
  // The server's form has no comments: a text that has some stays as it is.
  if (/#/.test(text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, "")))
    return toast("Not formatted: its comments would be lost", "bad");
  try {
    host.editor.rewrite(await data("api/v1/format_query", { query: text }, { method: "POST" }));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    host.wrong(error);
  }
}

/** @param {Panel} host @param {string} text */
export function paste(host, text) {
  if (!/^\s*https?:\/\//.test(text)) return false;
  void import("../core/address.js").then(({ pasted }) => {
    const panels = pasted(text, Date.now());
    if (panels) {
      host.page.pasted(panels);
      toast("Took the expressions of that address");
    } else host.editor.replace(host.editor.area.selectionStart, host.editor.area.selectionEnd, text);
  });
  return true;
}
