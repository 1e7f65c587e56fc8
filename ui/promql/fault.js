// Where in a text an error or a warning of the server points to.

/**
 * The place of `1:10: parse error: …` or `… (1:10)` in the text, to the end of the word there. Columns count bytes from 1.
 * @param {string} message
 * @param {string} text
 * @returns {{from: number, to: number} | null}
 */
export function faultAt(message, text) {
  const found = /(?:^|[\s:])(\d+):(\d+): /.exec(message) ?? /\((\d+):(\d+)\)$/.exec(message);
  if (!found) return null;
  const lines = text.split("\n");
  const line = lines[Number(found[1]) - 1];
  if (line === undefined) return null;
  const before = lines.slice(0, Number(found[1]) - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const bytes = new TextEncoder().encode(line).slice(0, Number(found[2]) - 1);
  const from = Math.min(before + new TextDecoder().decode(bytes).length, text.length);
  const word = /^[\w:]+|^\S/.exec(text.slice(from))?.[0] ?? "";
  return { from, to: from + Math.max(1, word.length) };
}

/**
 * The message without what only a program reads.
 * @param {string} message
 */
export function plainMessage(message) {
  return message.replace(/^invalid parameter "query": /, "");
}

/**
 * A range of bytes as one of letters.
 * @param {string} text
 * @param {{start: number, end: number}} range
 */
export function lettersOf(text, { start, end }) {
  const bytes = new TextEncoder().encode(text);
  const count = (/** @type {number} */ to) => new TextDecoder().decode(bytes.slice(0, to)).length;
  return { from: count(start), to: count(end) };
}
