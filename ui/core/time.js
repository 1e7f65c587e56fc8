// Durations and moments: as people type them, as Prometheus writes them, and in words.

/** Milliseconds in each unit, longest first. */
const UNITS = /** @type {const} */ ([
  ["y", 31_536_000_000],
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
]);

/**
 * Milliseconds of `1h30m`, `90s` or plain seconds; null for anything else, zero and less included.
 * @param {string} text
 * @returns {number | null}
 */
export function parseDuration(text) {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    const seconds = Number(trimmed);
    return seconds > 0 ? Math.round(seconds * 1000) : null;
  }
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|[ywdhms])/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== trimmed) return null;
  let total = 0;
  for (const [, number, unit] of parts) total += Number(number) * (UNITS.find(([name]) => name === unit)?.[1] ?? 0);
  return total > 0 ? Math.round(total) : null;
}

/**
 * `5400000` as `1h30m`. Years and weeks are left out unless they come out even, as in Prometheus.
 * @param {number} ms
 */
export function formatDuration(ms) {
  if (ms <= 0) return "0s";
  let left = Math.round(ms);
  let text = "";
  for (const [name, size] of UNITS) {
    if ((name === "y" || name === "w") && left % size !== 0) continue;
    const count = Math.floor(left / size);
    if (count > 0) text += count + name;
    left -= count * size;
  }
  return text;
}

/**
 * A length of time in at most two units, for people: `3 d 4 h`.
 * @param {number} ms
 */
export function lasting(ms) {
  const units = UNITS.filter(([name]) => name !== "w");
  const abs = Math.abs(ms);
  if (abs < 1000) return abs < 1 ? "0 s" : `${Math.round(abs)} ms`;
  const at = units.findIndex(([, size]) => abs >= size);
  const [name, size] = units[at] ?? units[units.length - 1];
  const whole = Math.floor(abs / size);
  const next = units[at + 1];
  const rest = next && name !== "s" ? Math.floor((abs - whole * size) / next[1]) : 0;
  return rest > 0 && whole < 10 && next ? `${whole} ${name} ${rest} ${next[0]}` : `${whole} ${name}`;
}

/**
 * How far a moment is: `5 s ago`, `in 2 h`, `now`.
 * @param {number} ms
 * @param {number} now
 */
export function distance(ms, now) {
  const away = now - ms;
  if (Math.abs(away) < 1000) return "now";
  return away > 0 ? `${lasting(away)} ago` : `in ${lasting(away)}`;
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} zone */
function format(zone) {
  let known = formats.get(zone);
  if (!known) {
    known = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone === "local" ? undefined : zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, known);
  }
  return known;
}

/** @param {string} zone */
export function knownZone(zone) {
  try {
    format(zone);
    return true;
  } catch {
    return false;
  }
}

/**
 * How far a zone is ahead of UTC at a moment, in ms.
 * @param {number} ms
 * @param {string} zone
 */
export function offset(ms, zone) {
  if (zone === "UTC") return 0;
  const parts = Object.fromEntries(
    format(zone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const shown = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
  return shown - Math.floor(ms / 1000) * 1000;
}

/** @param {number} number @param {number} digits */
const pad = (number, digits = 2) => String(number).padStart(digits, "0");

/**
 * A moment as date and time of a zone, with as many digits as it takes.
 * @param {number} ms
 * @param {string} [zone]
 * @param {"minute" | "second" | "ms"} [to]
 */
export function formatMoment(ms, zone = "UTC", to = "second") {
  const there = new Date(ms + offset(ms, zone));
  const day = `${there.getUTCFullYear()}-${pad(there.getUTCMonth() + 1)}-${pad(there.getUTCDate())}`;
  let time = `${pad(there.getUTCHours())}:${pad(there.getUTCMinutes())}`;
  if (to !== "minute") time += `:${pad(there.getUTCSeconds())}`;
  if (to === "ms" && ms % 1000 !== 0) time += `.${pad(there.getUTCMilliseconds(), 3)}`;
  return `${day} ${time}`;
}

/**
 * Milliseconds of a moment as people type it or links have it: `2026-11-30 12:00`, with seconds, ISO with a zone, Unix
 * seconds or milliseconds. Without a zone it is one of `zone`.
 * @param {string} text
 * @param {string} [zone]
 * @returns {number | null}
 */
export function parseMoment(text, zone = "UTC") {
  const trimmed = text.trim();
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) {
    const number = Number(trimmed);
    // Seconds stay below this until the year 5138.
    return Math.round(Math.abs(number) < 1e11 ? number * 1000 : number);
  }
  const parts = /^(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(\.\d+)?)?)?\s*(Z|[+-]\d\d:?\d\d)?$/i.exec(
    trimmed,
  );
  if (!parts) return null;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "0", named] = parts;
  const date = new Date(
    Date.UTC(+year, +month - 1, +day, +hour, +minute, +second, Math.round(Number(fraction) * 1000)),
  );
  if (date.getUTCMonth() !== +month - 1 || +hour > 23 || +minute > 59) return null;
  const shown = date.getTime();
  if (named) {
    const sign = named[0] === "-" ? -1 : 1;
    const digits = named.replace(/\D/g, "");
    return digits ? shown - sign * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))) * 60_000 : shown;
  }
  // Around a change of the clock the offset at the first guess may be the other one.
  const guess = shown - offset(shown, zone);
  return shown - offset(guess, zone);
}
