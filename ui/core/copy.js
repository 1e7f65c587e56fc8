// Copying text, and only saying so when it is true.

import { h, icon } from "./dom.js";
import { toast } from "./toast.js";

/**
 * Puts text on the clipboard. The clipboard's own interface is missing on plain HTTP from elsewhere than this machine, so
 * that a hidden field and the old command have to do there.
 * @param {string} text
 * @returns {Promise<boolean>} whether it is there
 */
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Denied, or the page has no focus: the old way may still do.
    }
  }
  const before = document.activeElement;
  const field = h("textarea", { class: "offscreen", readonly: true, "aria-hidden": "true", tabindex: -1 });
  field.value = text;
  document.body.appendChild(field);
  field.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  field.remove();
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  return done;
}

/**
 * Copies and tells how it went.
 * @param {string} text
 * @param {string} what
 */
export async function copyAndTell(text, what = "Copied") {
  if (await copy(text)) toast(what);
  else toast("The browser doesn't let this page copy: select the text and press Ctrl+C", "bad");
}

/**
 * A button that copies what `text` gives when it is pressed.
 * @param {() => string} text
 * @param {string} label
 */
export function copyButton(text, label = "Copy") {
  return h(
    "button",
    {
      class: "quiet square",
      type: "button",
      title: label,
      "aria-label": label,
      onclick: () => void copyAndTell(text()),
    },
    icon("copy"),
  );
}
