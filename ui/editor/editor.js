// The editor: a textarea whose text is transparent over the same text in colours. Both are in one grid cell that grows with
// the text; the box around them scrolls. What is inserted goes through the command that keeps the browser's undo.

import { fill, h, uid } from "../core/dom.js";
import { aborted, ApiError } from "../core/api.js";
import { colours, partners } from "../promql/lex.js";
import { placeAt } from "../promql/place.js";
import { insertion, Source } from "../promql/complete.js";
import { Popup } from "./popup.js";

/** One for all editors of the page: they complete the same names. */
export const source = new Source();

/** A list is asked for so long after the last key. */
const PAUSE_MS = 60;
/** A longer text is coloured when nothing else is to do. */
const LONG = 10_000;

/**
 * @typedef {object} Callbacks
 * @property {(text: string) => void} run
 * @property {(text: string) => void} typed
 * @property {(text: string) => boolean} [pasted] whether the paste was taken for something else
 * @property {() => void} [format]
 * @property {(step: number) => void} [history]
 */

export class Editor {
  /**
   * @param {HTMLElement} host
   * @param {Callbacks} on
   * @param {string} [label]
   */
  constructor(host, on, label = "Expression") {
    this.on = on;
    this.count = h("div", { class: "offscreen", "aria-live": "polite" });
    this.under = h("pre", { class: "editor-under", "aria-hidden": "true" });
    this.popup = new Popup((option) => this.insert(option));
    this.area = h("textarea", {
      class: "editor-text",
      rows: 1,
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      autocorrect: "off",
      "aria-label": label,
      "aria-autocomplete": "list",
      "aria-controls": this.popup.id,
      id: uid(),
      placeholder: "an expression, such as up",
    });
    this.element = h("div", { class: "editor" }, h("div", { class: "editor-grid" }, this.under, this.area), this.count);
    host.appendChild(this.element);
    /** @type {{from: number, to: number} | null} */
    this.fault = null;
    /** @type {import("../promql/place.js").Place | null} */
    this.place = null;
    this.timer = 0;
    this.abort = new AbortController();
    this.composing = false;
    const { area } = this;
    area.addEventListener("input", () => this.input());
    area.addEventListener("keydown", (event) => this.key(event));
    area.addEventListener("compositionstart", () => {
      this.composing = true;
      this.popup.close();
    });
    area.addEventListener("compositionend", () => (this.composing = false));
    area.addEventListener("blur", () => this.closePopup());
    area.addEventListener("click", () => {
      this.closePopup();
      this.paint();
    });
    area.addEventListener("keyup", (event) => {
      if (/^(Arrow|Home|End)/.test(event.key) && !this.popup.open) this.paint();
    });
    area.addEventListener("paste", (event) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (this.on.pasted?.(text)) event.preventDefault();
    });
  }

  get value() {
    return this.area.value;
  }

  /** @param {string} text */
  set value(text) {
    if (this.area.value === text) return;
    this.area.value = text;
    this.fault = null;
    this.paint();
  }

  focus() {
    this.area.focus();
  }

  remove() {
    clearTimeout(this.timer);
    this.abort.abort();
    this.popup.remove();
    this.element.remove();
  }

  input() {
    this.fault = null;
    this.paint();
    this.on.typed(this.value);
    if (this.composing) return;
    this.ask(false);
  }

  /** Colours the text anew. */
  paint() {
    const text = this.value;
    if (text.length > LONG) {
      if (!this.idle)
        this.idle = window.setTimeout(() => {
          this.idle = 0;
          this.paintNow();
        }, 150);
      this.under.textContent = `${text}\n`;
      return;
    }
    this.paintNow();
  }

  paintNow() {
    const text = this.value;
    /** @type {(Node | string)[]} */
    const children = [];
    const spans = colours(text);
    const pair = document.activeElement === this.area ? partners(text, this.area.selectionStart) : null;
    if (pair) for (const at of pair) spans.push({ from: at, to: at + 1, look: "pair" });
    spans.sort((a, b) => a.from - b.from);
    let at = 0;
    for (const { from, to, look } of spans) {
      if (from < at) continue;
      if (from > at) children.push(text.slice(at, from));
      children.push(h("span", { class: `p-${look}` }, text.slice(from, to)));
      at = to;
    }
    // An empty last line has a height only with something behind it.
    children.push(`${text.slice(at)}\n`);
    fill(this.under, children);
    if (this.fault) this.underline(this.fault);
  }

  /**
   * Underlines where something is wrong.
   * @param {{from: number, to: number}} place
   */
  mark(place) {
    this.fault = place;
    this.paintNow();
  }

  /**
   * Marks a part of the text that something else speaks of.
   * @param {{from: number, to: number}} place
   */
  point(place) {
    this.underline(place, "p-point");
  }

  /** @param {{from: number, to: number}} place @param {string} [look] */
  underline({ from, to }, look = "p-fault") {
    const end = Math.max(to, from + 1);
    let at = 0;
    const walker = document.createTreeWalker(this.under, NodeFilter.SHOW_TEXT);
    /** @type {[Text, number, number][]} */
    const found = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const size = node.nodeValue?.length ?? 0;
      if (at < end && at + size > from)
        found.push([/** @type {Text} */ (node), Math.max(0, from - at), Math.min(size, end - at)]);
      at += size;
    }
    for (const [node, begin, stop] of found) {
      const range = document.createRange();
      range.setStart(node, begin);
      range.setEnd(node, stop);
      const wave = h("span", { class: look });
      // At the end of the text there is no letter to underline but the end of the line.
      if (range.toString().trim() === "") wave.classList.add("is-empty");
      range.surroundContents(wave);
    }
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing || this.composing || event.keyCode === 229) return;
    const { popup } = this;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const done = () => {
      event.preventDefault();
      event.stopPropagation();
    };
    if (popup.open && plain) {
      const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
      if (by !== undefined && !event.shiftKey) {
        popup.move(by);
        this.area.setAttribute("aria-activedescendant", popup.active);
        return done();
      }
      if (event.key === "Escape") {
        this.closePopup();
        return done();
      }
      if ((event.key === "Tab" || event.key === "Enter") && !event.shiftKey) {
        const option = popup.options[popup.at];
        // What stands there whole already is run, not inserted once more.
        const whole =
          event.key === "Enter" && this.place && this.value.slice(this.place.from, this.place.to) === option.text;
        if (!whole) {
          this.insert(option);
          return done();
        }
        this.closePopup();
      }
    }
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      this.closePopup();
      this.on.run(this.value);
      return done();
    }
    if (event.key === " " && (event.ctrlKey || event.metaKey)) {
      this.ask(true);
      return done();
    }
    if (event.key === "F" && event.altKey && event.shiftKey) {
      this.on.format?.();
      return done();
    }
    if ((event.key === "ArrowUp" || event.key === "ArrowDown") && event.altKey) {
      this.on.history?.(event.key === "ArrowUp" ? 1 : -1);
      return done();
    }
    if (event.key === "Escape" && plain) this.area.blur();
    const pairs = /** @type {Record<string, string>} */ ({ "(": ")", "{": "}", "[": "]" });
    const { selectionStart: from, selectionEnd: to } = this.area;
    if (plain && pairs[event.key] && from !== to) {
      // What is selected gets brackets around it.
      const inner = this.value.slice(from, to);
      this.replace(from, to, event.key + inner + pairs[event.key], inner.length + 1);
      done();
    }
  }

  closePopup() {
    clearTimeout(this.timer);
    this.abort.abort();
    this.popup.close();
    this.area.removeAttribute("aria-activedescendant");
  }

  /**
   * Asks what can stand at the caret.
   * @param {boolean} wanted whether it was asked for; else only while a word is being typed
   */
  ask(wanted) {
    clearTimeout(this.timer);
    this.abort.abort();
    const { area } = this;
    if (area.selectionStart !== area.selectionEnd) return this.popup.close();
    const place = placeAt(this.value, area.selectionStart);
    this.place = place;
    const begun =
      place.kind === "value" || place.kind === "label" || place.kind === "group" ? true : place.typed.length > 0;
    if (place.kind === "nothing" || (!wanted && !begun)) return this.popup.close();
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.timer = window.setTimeout(
      async () => {
        try {
          const found = await source.complete(place, signal);
          if (signal.aborted) return;
          // One that stands there whole and alone needs no list.
          const only = found.options.length === 1 && found.options[0].text === this.value.slice(place.from, place.to);
          this.popup.show(only && !wanted ? { options: [], cut: "" } : found, this.boxAt(place.from));
          if (this.popup.open) area.setAttribute("aria-activedescendant", this.popup.active);
          this.count.textContent = `${found.options.length} completions${found.cut ? `, ${found.cut}` : ""}`;
        } catch (error) {
          this.popup.close();
          if (!aborted(error) && !(error instanceof ApiError)) throw error;
        }
      },
      wanted ? 0 : PAUSE_MS,
    );
  }

  /**
   * Where a letter stands in the window.
   * @param {number} offset
   */
  boxAt(offset) {
    let at = 0;
    const walker = document.createTreeWalker(this.under, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const size = node.nodeValue?.length ?? 0;
      if (offset <= at + size) {
        const range = document.createRange();
        range.setStart(node, offset - at);
        range.setEnd(node, Math.min(size, offset - at + 1));
        const box = range.getClientRects()[0];
        if (box) return box;
      }
      at += size;
    }
    return this.element.getBoundingClientRect();
  }

  /** @param {import("../promql/complete.js").Option} option */
  insert(option) {
    const { place } = this;
    this.closePopup();
    if (!place) return;
    const { text, caret } = insertion(place, option, this.value.slice(place.to));
    this.replace(place.from, place.to, text, caret);
    if (option.kind === "function" || option.kind === "aggregation" || text.endsWith("=")) this.ask(false);
  }

  /**
   * Replaces a range in a way that one undo takes back.
   * @param {number} from
   * @param {number} to
   * @param {string} text
   * @param {number} caret from the beginning of the text
   */
  replace(from, to, text, caret = text.length) {
    const { area } = this;
    area.focus();
    area.setSelectionRange(from, to);
    const before = area.value;
    const did = text === "" ? document.execCommand("delete") : document.execCommand("insertText", false, text);
    if (!did || (area.value === before && before.slice(from, to) !== text)) {
      area.setRangeText(text, from, to, "end");
      this.input();
    }
    area.setSelectionRange(from + caret, from + caret);
    this.closePopup();
    this.paint();
  }

  /**
   * Replaces all of it, as one step.
   * @param {string} text
   */
  rewrite(text) {
    this.replace(0, this.value.length, text);
  }
}
