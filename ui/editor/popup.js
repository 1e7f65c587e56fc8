// The list of completions: hangs at a range of the text, moved through by keys of the editor.

import { fill, h, uid } from "../core/dom.js";
import { place as put } from "../core/dialog.js";

/** Options in the document at once; a list of more is windowed about the one that is chosen. */
const SHOWN = 12;

export class Popup {
  /** @param {(option: import("../promql/complete.js").Option) => void} chosen */
  constructor(chosen) {
    this.chosen = chosen;
    this.id = uid();
    this.list = h("div", { role: "listbox", id: this.id, "aria-label": "Completions" });
    this.foot = h("div", { class: "popup-foot soft small" });
    this.element = h("div", { class: "popup", hidden: true }, this.list, this.foot);
    // The editor keeps the focus.
    this.element.addEventListener("pointerdown", (event) => event.preventDefault());
    document.body.appendChild(this.element);
    /** @type {import("../promql/complete.js").Option[]} */
    this.options = [];
    this.at = 0;
    this.cut = "";
  }

  get open() {
    return !this.element.hidden;
  }

  /**
   * @param {import("../promql/complete.js").Found} found
   * @param {{left: number, right: number, top: number, bottom: number}} box
   */
  show({ options, cut }, box) {
    this.options = options;
    this.cut = cut;
    this.at = 0;
    this.element.hidden = options.length === 0;
    if (options.length === 0) return;
    this.draw();
    put(this.element, box);
  }

  close() {
    this.element.hidden = true;
  }

  remove() {
    this.element.remove();
  }

  draw() {
    const from = Math.max(0, Math.min(this.at - SHOWN / 2, this.options.length - SHOWN));
    fill(
      this.list,
      this.options.slice(from, from + SHOWN).map((option, i) => {
        const index = from + i;
        return h(
          "div",
          {
            role: "option",
            id: `${this.id}-${index}`,
            class: "popup-option",
            "aria-selected": String(index === this.at),
            onclick: () => this.chosen(option),
          },
          h("span", { class: "popup-text" }, option.text.length > 120 ? `${option.text.slice(0, 120)}…` : option.text),
          h("span", { class: "popup-kind soft" }, option.kind),
        );
      }),
    );
    const help = this.options[this.at]?.help ?? "";
    fill(
      this.foot,
      help && h("div", { class: "popup-help" }, help),
      h("div", {}, `${this.at + 1} of ${this.options.length}`, this.cut && `, ${this.cut}`, " · Tab or Enter inserts"),
    );
  }

  /** @param {number} by */
  move(by) {
    const count = this.options.length;
    this.at = Math.abs(by) > 1 ? Math.max(0, Math.min(count - 1, this.at + by)) : (this.at + by + count) % count;
    this.draw();
  }

  /** The id of the chosen option's element. */
  get active() {
    return `${this.id}-${this.at}`;
  }
}
