// Numbers with their units: as many digits as tell neighbours apart, bytes in powers of 1,024, seconds from ns to years.

/**
 * @typedef {object} Unit
 * @property {string} kind `bytes`, `seconds`, `ratio`, `percent`, `timestamp`, `celsius`, … or "" for plain numbers
 * @property {boolean} [rate] whether it is a change a second
 */

/** @type {Unit} */
export const PLAIN = { kind: "" };

/** What units are called in names and metadata, and what stands behind a number. */
const SIGNS = /** @type {Record<string, string>} */ ({
  celsius: "°C",
  volts: "V",
  amperes: "A",
  joules: "J",
  grams: "g",
  meters: "m",
  watts: "W",
  hertz: "Hz",
});

const ALIASES = /** @type {Record<string, string>} */ ({
  byte: "bytes",
  second: "seconds",
  ratios: "ratio",
  percentage: "percent",
  volt: "volts",
  ampere: "amperes",
  joule: "joules",
});

/**
 * The unit of a metric: what its metadata says, else what its name ends with.
 * @param {string} name
 * @param {string} [told]
 * @returns {Unit}
 */
export function unitOf(name, told = "") {
  const known = ALIASES[told] ?? told;
  if (known && (SIGNS[known] || ["bytes", "seconds", "ratio", "percent"].includes(known))) return { kind: known };
  const stem = name.replace(/_(total|sum|bucket|created)$/, "");
  if (
    /_timestamp(_seconds)?$|_(start|boot|end|creation|modification|mtime|expiry|expiration)_time(_seconds)?$/.test(
      stem,
    ) ||
    /_created$/.test(name)
  )
    return { kind: "timestamp" };
  const last = /_([a-z]+)$/.exec(stem)?.[1] ?? "";
  const kind = ALIASES[last] ?? last;
  if (SIGNS[kind] || ["bytes", "seconds", "ratio", "percent"].includes(kind)) return { kind };
  return PLAIN;
}

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const SI = /** @type {const} */ ([
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
]);
const SMALL = /** @type {const} */ ([
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
]);
const SPANS = /** @type {const} */ ([
  [31_536_000, "y"],
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
]);

/**
 * What a number of this size is divided by, and the sign that stands behind the quotient.
 * @param {number} size
 * @param {Unit} unit
 * @returns {[number, string]}
 */
export function scaleOf(size, unit) {
  const per = unit.rate ? "/s" : "";
  const abs = Math.abs(size);
  const kind = unit.kind;
  if (kind === "bytes") {
    const power = abs >= 1024 ? Math.min(Math.floor(Math.log2(abs) / 10), BYTES.length - 1) : 0;
    return [1024 ** power, ` ${BYTES[power]}${per}`];
  }
  if (kind === "ratio" || kind === "percent") return [kind === "ratio" ? 0.01 : 1, ` %${per}`];
  if (kind === "seconds" && !unit.rate) {
    for (const [factor, sign] of SPANS) if (abs >= factor * (sign === "min" ? 2 : 1)) return [factor, ` ${sign}`];
  }
  const sign = kind === "seconds" ? "s" : (SIGNS[kind] ?? "");
  const space = sign || per ? " " : "";
  if (kind !== "celsius") {
    for (const [factor, prefix] of SI) {
      // Four digits are as short as three with a letter.
      if (abs >= factor && kind !== "seconds" && !(factor === 1e3 && abs < 1e4 && !sign && !per))
        return [factor, ` ${prefix}${sign}${per}`];
    }
    if (abs > 0 && abs < 1 && sign) {
      for (const [factor, prefix] of SMALL) if (abs >= factor) return [factor, ` ${prefix}${sign}${per}`];
    }
  }
  return [1, `${space}${sign}${per}`];
}

/**
 * A number for people.
 * @param {number} value
 * @param {Unit} [unit]
 * @param {number} [apart] neighbours are at least so far from it
 */
export function formatValue(value, unit = PLAIN, apart = 0) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "−Inf";
  if (unit.kind === "timestamp" && !unit.rate && value > 1e6 && value < 1e11) {
    return new Date(value * 1000).toISOString().replace("T", " ").slice(0, 19);
  }
  const abs = Math.abs(value);
  const [factor, sign] = scaleOf(value, unit);
  const scaled = value / factor;
  const size = Math.abs(scaled);
  const plain = factor === 1 && !unit.kind && !unit.rate;
  if (abs !== 0 && (size >= 1e15 || (size < 1e-4 && apart === 0))) return minus(scaled.toExponential(2)) + sign;
  let digits = size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
  if (apart > 0) digits = Math.max(0, Math.min(12, -Math.floor(Math.log10(apart / factor) + 1e-9)));
  let text = scaled.toFixed(digits);
  // An axis keeps the digits that tell its ticks apart; elsewhere zeros at the end say nothing.
  if (apart === 0 && text.includes(".")) text = text.replace(/\.?0+$/, "");
  if (Number(text) === 0 && value === 0) text = apart > 0 ? "0" : text;
  return (
    minus(plain && size >= 10_000 && factor === 1 ? grouped(text) : text) + (value === 0 && apart > 0 ? sign : sign)
  );
}

/** @param {string} text */
const minus = (text) => text.replace(/^-/, "−");

/** @param {string} text */
function grouped(text) {
  const [whole, fraction] = text.split(".");
  const commas = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction ? `${commas}.${fraction}` : commas;
}

/**
 * A count with thousands: `1,234,567`.
 * @param {number} count
 */
export function formatCount(count) {
  return minus(grouped(String(Math.round(count))));
}

/**
 * A count in few letters: `1.2 M`.
 * @param {number} count
 */
export function shortCount(count) {
  if (Math.abs(count) < 10_000) return formatCount(count);
  const [factor, sign] = scaleOf(count, PLAIN);
  const scaled = count / factor;
  return `${scaled.toFixed(scaled < 10 ? 1 : 0)}${sign}`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const [factor, sign] = scaleOf(bytes, { kind: "bytes" });
  const scaled = bytes / factor;
  return `${scaled.toFixed(factor === 1 || scaled >= 100 ? 0 : 1)}${sign}`;
}

/**
 * A count with its noun: `1 file`, `2 files`.
 * @param {number} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${formatCount(count)} ${noun}${count === 1 || noun.endsWith("series") ? "" : "s"}`;
}
