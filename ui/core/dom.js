// Elements from one helper. What it is given becomes text, attributes and listeners, never markup.

/** @typedef {Node | string | number | null | undefined | false} Leaf */
/** @typedef {Leaf | Leaf[]} Child */
/** @typedef {Record<string, unknown>} Props */

/**
 * Makes an element. `class` and attributes are set as they are called, `on…` are listeners, `style` is an object of
 * properties: the content security policy lets no style attribute through.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(element, name, value);
  add(element, children);
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {unknown} value
 */
function set(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (typeof value === "function") {
    element.addEventListener(name.slice(2).toLowerCase(), /** @type {EventListener} */ (value));
  } else if (name === "style") {
    for (const [property, text] of Object.entries(/** @type {object} */ (value))) {
      /** @type {HTMLElement} */ (element).style.setProperty(property, String(text));
    }
  } else if (name === "value" || name === "checked") {
    Reflect.set(element, name, value);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * Appends children, flat.
 * @param {Node} parent
 * @param {Child[]} children
 */
export function add(parent, children) {
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/**
 * Replaces what is in an element.
 * @template {Element} E
 * @param {E} element
 * @param {...Child} children
 * @returns {E}
 */
export function fill(element, ...children) {
  element.textContent = "";
  add(element, children);
  return element;
}

/** Paths of the few signs that fonts don't have alike everywhere, in a box of 16. */
const ICONS = {
  copy: "M5 5V2.5h8.5V11H11M2.5 5H11v8.5H2.5z",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  run: "M4.5 3v10l8-5z",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  back: "M10 3L5 8l5 5",
  forward: "M6 3l5 5-5 5",
  down: "M3.5 6L8 10.5 12.5 6",
  star: "M8 2l1.8 3.9 4.2.5-3.1 2.9.8 4.2L8 11.4l-3.7 2.1.8-4.2L2 6.4l4.2-.5z",
  sun: "M8 5.2a2.8 2.8 0 100 5.6 2.8 2.8 0 000-5.6M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8L13 13M13 3l-1.2 1.2M4.2 11.8L3 13",
  moon: "M13 9.6A5.5 5.5 0 016.4 3 5.5 5.5 0 1013 9.6z",
  auto: "M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11M8 2.5v11",
  clock: "M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11M8 5v3.2l2.2 1.4",
  search: "M7 2.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9M10.3 10.3L14 14",
  refresh: "M13 8a5 5 0 11-1.6-3.7M13 2v3h-3",
  link: "M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 014.3 4.3L11.2 9M9 11.5L7.5 13a3 3 0 01-4.3-4.3L4.8 7",
};

/**
 * A sign, hidden from screen readers: what it stands beside has words or a label.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.appendChild(path);
  return svg;
}

/**
 * A link within these pages, with what is to be in its query.
 * @param {string} page
 * @param {Record<string, string>} [params]
 */
export function href(page, params = {}) {
  const query = new URLSearchParams(params).toString();
  return query ? `${page}?${query}` : page;
}

let serial = 0;

/** An id for labels and descriptions to refer to. */
export function uid() {
  serial += 1;
  return `u${serial}`;
}
