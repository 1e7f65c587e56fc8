// Colours of series: eight that everybody tells apart, then the same in a second lightness. A series keeps its colour for the
// life of its panel.

import { colour } from "./raster.js";

/** How many colours the style sheet has. */
export const COUNT = 8;

/**
 * A theme as numbers, read from the style sheet.
 * @typedef {object} Theme
 * @property {number[]} series as pixels
 * @property {string[]} names as CSS
 * @property {number} card
 * @property {number} line
 * @property {number} accent
 * @property {number} text
 * @property {string} ink colour of text as CSS
 * @property {string} soft
 * @property {string} cardName
 * @property {string} accentName
 * @property {string} bad
 */

/** @type {{dark: boolean, theme: Theme} | null} */
let known = null;

/**
 * One of the two colours of a token.
 * @param {string} token `light-dark(#rrggbb, #rrggbb)`
 * @param {boolean} dark
 */
export const colourOf = (token, dark) => token.match(/#[0-9a-f]{6}/g)?.[dark ? 1 : 0] ?? token.trim();

/** Whether the dark theme is shown: by choice, or as the system is. */
function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** The colours that hold now. @returns {Theme} */
export function theme() {
  const dark = isDark();
  if (known?.dark === dark) return known.theme;
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => colourOf(style.getPropertyValue(name), dark);
  const first = Array.from({ length: COUNT }, (_, i) => read(`--s${i + 1}`));
  const names = [...first, ...first.map((name) => shifted(name, dark ? -0.16 : 0.16))];
  const pixel = (/** @type {string} */ name) => colour(...channels(name));
  known = {
    dark,
    theme: {
      series: names.map(pixel),
      names,
      card: pixel(read("--card")),
      line: pixel(read("--grid")),
      accent: pixel(read("--accent")),
      text: pixel(read("--text")),
      ink: read("--text"),
      soft: read("--soft"),
      cardName: read("--card"),
      accentName: read("--accent"),
      bad: read("--bad"),
    },
  };
  return known.theme;
}

/**
 * Channels of `#rrggbb`.
 * @param {string} name
 * @returns {[number, number, number]}
 */
export function channels(name) {
  const number = parseInt(name.replace("#", ""), 16) || 0;
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

/** @param {number} part of 0 to 255 */
const linear = (part) => (part <= 10 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
/** @param {number} part */
const gamma = (part) => {
  const clipped = Math.min(1, Math.max(0, part));
  return Math.round(255 * (clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055));
};

/** @param {[number, number, number]} rgb */
export function luminance([red, green, blue]) {
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/**
 * Linear light to OKLab.
 * @param {[number, number, number]} rgb
 * @returns {[number, number, number]}
 */
export function oklabOfLinear([red, green, blue]) {
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** @param {[number, number, number]} rgb of 0 to 255 @returns {[number, number, number]} */
export const linearOf = ([red, green, blue]) => [linear(red), linear(green), linear(blue)];

/**
 * The same hue, lighter or darker.
 * @param {string} name
 * @param {number} by
 */
function shifted(name, by) {
  const [lightness, a, b] = oklabOfLinear(linearOf(channels(name)));
  const other = Math.min(0.95, Math.max(0.2, lightness + by));
  const l = (other + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (other - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (other - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const rgb = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${rgb.map((part) => gamma(part).toString(16).padStart(2, "0")).join("")}`;
}

/** Which of the colours each series has. */
export class Palette {
  constructor() {
    /** @type {Map<string, number>} */
    this.slots = new Map();
  }

  /**
   * @param {string} key
   * @returns {number} from 0 to `2 * COUNT`
   */
  slot(key) {
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = this.slots.size % (2 * COUNT);
      this.slots.set(key, slot);
    }
    return slot;
  }
}
