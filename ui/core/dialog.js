// Things on top of the page: dialogs and menus. Escape closes the topmost, and the focus goes back to where it was.

import { h, icon, uid } from "./dom.js";

/**
 * Opens a dialog.
 * @param {string} title
 * @param {...import("./dom.js").Child} content
 * @returns {HTMLDialogElement}
 */
export function open(title, ...content) {
  const id = uid();
  const dialog = h(
    "dialog",
    { "aria-labelledby": id },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id }, title),
      h(
        "button",
        { class: "quiet square", type: "button", "aria-label": "Close", onclick: () => dialog.close() },
        icon("close"),
      ),
    ),
    h("div", { class: "dialog-body" }, ...content),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.appendChild(dialog);
  dialog.showModal();
  return dialog;
}

/** @typedef {{label: string, run?: () => void, note?: string, checked?: boolean, disabled?: boolean} | "line"} Item */

/** @type {(() => void) | null} */
let closeMenu = null;

/**
 * A button that opens a menu.
 * @param {import("./dom.js").Child} label
 * @param {() => Item[]} items made when it is opened
 * @param {import("./dom.js").Props} [props]
 */
export function menuButton(label, items, props = {}) {
  const button = h(
    "button",
    {
      type: "button",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      ...props,
      onclick: () => (button.getAttribute("aria-expanded") === "true" ? closeMenu?.() : showMenu(button, items())),
    },
    label,
  );
  return button;
}

/**
 * @param {HTMLElement} button
 * @param {Item[]} items
 */
function showMenu(button, items) {
  closeMenu?.();
  const menu = h(
    "div",
    { class: "menu", role: "menu" },
    items.map((item) => {
      if (item === "line") return h("div", { class: "menu-line", role: "separator" });
      const check = item.checked === undefined ? {} : { "aria-checked": String(item.checked) };
      return h(
        "button",
        {
          type: "button",
          tabindex: -1,
          role: item.checked === undefined ? "menuitem" : "menuitemradio",
          ...check,
          disabled: item.disabled,
          onclick: () => {
            close(true);
            item.run?.();
          },
        },
        h("span", {}, item.label),
        item.note && h("span", { class: "soft" }, item.note),
      );
    }),
  );
  /** @param {boolean} back */
  const close = (back) => {
    menu.remove();
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    window.removeEventListener("resize", gone);
    window.removeEventListener("scroll", gone, true);
    closeMenu = null;
    if (back) button.focus();
  };
  const gone = () => close(false);
  /** @param {Event} event */
  const outside = (event) => {
    if (event.target instanceof Node && !menu.contains(event.target) && !button.contains(event.target)) close(false);
  };
  menu.addEventListener("keydown", (event) => {
    const all = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll("button:not([disabled])")]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at + all.length - 1) % all.length,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (to !== undefined) all[to]?.focus();
    else if (event.key === "Escape") close(true);
    else if (event.key === "Tab") close(true);
    else return;
    event.stopPropagation();
    if (event.key !== "Tab") event.preventDefault();
  });
  document.body.appendChild(menu);
  place(menu, button.getBoundingClientRect());
  button.setAttribute("aria-expanded", "true");
  document.addEventListener("pointerdown", outside, true);
  window.addEventListener("resize", gone);
  window.addEventListener("scroll", gone, true);
  closeMenu = () => close(true);
  menu.querySelector("button")?.focus({ preventScroll: true });
}

/**
 * Puts something fixed under, or where there is no room above, a box, and within the window.
 * @param {HTMLElement} element
 * @param {{left: number, right: number, top: number, bottom: number}} box
 */
export function place(element, box) {
  const { width, height } = element.getBoundingClientRect();
  const room = { x: document.documentElement.clientWidth, y: window.innerHeight };
  const left = Math.max(8, Math.min(box.left, room.x - width - 8));
  const below = box.bottom + 4 + height <= room.y || box.top - height - 4 < 0;
  element.style.setProperty("left", `${Math.round(left)}px`);
  element.style.setProperty("top", `${Math.round(below ? box.bottom + 4 : box.top - height - 4)}px`);
}
