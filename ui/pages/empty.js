// Why an answer is empty: the matcher that finds nothing and what was likely meant, or how old the last sample is.

import { aborted, ApiError, data, envelope } from "../core/api.js";
import { h } from "../core/dom.js";
import { formatCount } from "../core/units.js";
import { distance, formatMoment } from "../core/time.js";
import { zone } from "../core/zone.js";
import { quote } from "../chart/data.js";
import { vector } from "../core/ask.js";
import { alike, emptiness, matcherOf, selections } from "../promql/advice.js";
import { withValue } from "../promql/edit.js";
import { matchersOf } from "../promql/matchers.js";

/**
 * @param {import("../promql/advice.js").Plan} plan
 * @param {object} on
 * @param {string} on.expr
 * @param {number} on.start
 * @param {number} on.end
 * @param {(expr: string) => void} on.use
 * @param {(end: number) => void} on.go
 * @param {AbortSignal} on.signal
 * @returns {Promise<HTMLElement>}
 */
export async function whyEmpty(plan, on) {
  const nothing = (/** @type {import("../core/dom.js").Child[]} */ ...more) =>
    h("div", { class: "note mind why-empty" }, h("strong", {}, "Nothing found"), ...more);
  try {
    const found = emptiness(plan.plan);
    if (found?.why === "matcher") return nothing(...(await byMatcher(found, on)));
    const ago = await lastSample(plan, on);
    if (ago) return nothing(ago);
    if (found?.why === "together") return nothing(...(await together(found, on)));
    if (selections(plan.plan).length === 0) return nothing(h("div", {}, "The expression selects no series."));
    const filters = /(==|!=|[<>]=?)(?!\s*bool)/.test(on.expr.replace(/\{[^}]*\}/g, ""));
    return nothing(
      h(
        "div",
        {},
        filters
          ? "Its selectors find series, but no value passes the comparison."
          : "Its selectors find series, but no samples in this time come through: see the plan.",
      ),
    );
  } catch (error) {
    if (!aborted(error) && !(error instanceof ApiError)) throw error;
    return nothing();
  }
}

/**
 * @param {import("../promql/advice.js").Emptiness} found
 * @param {Parameters<typeof whyEmpty>[1]} on
 * @returns {Promise<import("../core/dom.js").Child[]>}
 */
async function byMatcher(found, { expr, use, signal }) {
  const parts = matcherOf(found.matcher);
  const says = h("div", {}, h("code", {}, found.matcher), " matches no series");
  if (!parts || (parts.operator !== "=" && parts.operator !== "=~")) return [says];
  const others = matchersOf(found.step.expr).filter((one) => !(one.label === parts.label && one.value === parts.value));
  const selector =
    others.length > 0
      ? `{${others.map(({ label, operator, value }) => `${label}${operator}${quote(value)}`).join(",")}}`
      : "";
  const known = /** @type {string[]} */ (
    (
      await envelope(
        `api/v1/label/${encodeURIComponent(parts.label)}/values`,
        { ...(selector ? { "match[]": selector } : {}), limit: 10_000 },
        { signal },
      )
    ).data
  );
  if (known.length === 0 && selector)
    return [says, h("div", {}, "Nor does any series without it: ", h("code", {}, selector), " finds nothing either.")];
  const named = parts.label === "__name__";
  if (known.length === 0)
    return [
      says,
      named
        ? h("div", {}, "No metric is stored yet. ", h("a", { href: "./" }, "How to send data"))
        : h("div", {}, `There is no label ${parts.label}.`),
    ];
  const near = alike(parts.value, known);
  if (near.length === 0)
    return [
      says,
      h(
        "div",
        {},
        `${formatCount(known.length)} other ${named ? "metrics" : `values of ${parts.label}`} ${known.length === 1 ? "is" : "are"} there`,
        !named && known.length <= 8 && [": ", h("code", {}, known.join(", "))],
      ),
    ];
  const counts = await vector(
    `count by (${parts.label}) (${`{${[...others.map(({ label, operator, value }) => `${label}${operator}${quote(value)}`), `${parts.label}=~${quote(near.map(escape).join("|"))}`].join(",")}}`})`,
    { signal },
  ).catch(() => []);
  return [
    says,
    ...near.map((value) => {
      const count = counts.find((one) => one.labels[parts.label] === value)?.value;
      return h(
        "div",
        { class: "row" },
        "did you mean ",
        h("code", {}, named ? value : `${parts.label}=${quote(value)}`),
        count !== undefined && h("span", { class: "soft" }, `(${formatCount(count)} series)`),
        h(
          "button",
          {
            type: "button",
            class: "small",
            onclick: () =>
              use(named ? renamed(expr, parts.value, value) : withValue(expr, parts.label, parts.value, value)),
          },
          "use it",
        ),
      );
    }),
  ];
}

/** @param {string} text */
const escape = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** @param {string} expr @param {string} from @param {string} to */
function renamed(expr, from, to) {
  return expr.replace(new RegExp(`(?<![\\w:])${escape(from)}(?![\\w:])`, "g"), to);
}

/**
 * @param {import("../promql/advice.js").Emptiness} found
 * @param {Parameters<typeof whyEmpty>[1]} on
 * @returns {Promise<import("../core/dom.js").Child[]>}
 */
async function together(found, { use, signal }) {
  const matchers = matchersOf(found.step.expr);
  const write = (/** @type {typeof matchers} */ some) =>
    `{${some.map(({ label, operator, value }) => `${label}${operator}${quote(value)}`).join(",")}}`;
  /** @type {import("../core/dom.js").Child[]} */
  const notes = [
    h("div", {}, "Each matcher of ", h("code", {}, found.step.expr), " finds series, but no series has all of them."),
  ];
  for (const matcher of matchers.filter(({ label }) => label !== "__name__")) {
    const rest = matchers.filter((one) => one !== matcher);
    if (rest.length === 0) continue;
    const [count] = await vector(`count(${write(rest)})`, { signal });
    if (count?.value > 0) {
      const without = write(rest);
      notes.push(
        h(
          "div",
          { class: "row" },
          "Without ",
          h("code", {}, `${matcher.label}${matcher.operator}${quote(matcher.value)}`),
          ` there are ${formatCount(count.value)}`,
          h("button", { type: "button", class: "small", onclick: () => use(without) }, "show them"),
        ),
      );
    }
  }
  return notes;
}

/**
 * When the selected series had their last sample, if that is before the range.
 * @param {import("../promql/advice.js").Plan} plan
 * @param {Parameters<typeof whyEmpty>[1]} on
 */
async function lastSample(plan, { start, end, go, signal }) {
  const selector =
    selections(plan.plan)
      .filter((one) => one.selector && one.selector.index.every(({ series }) => series > 0))
      .map((one) => one.expr.replace(/\[[^\]]*\]$/, ""))[0] ?? "";
  if (!selector || /\b(offset|@)\b/.test(selector)) return null;
  const any = async (/** @type {number} */ from, /** @type {number} */ to) =>
    (await data("api/v1/series", { "match[]": selector, start: from / 1000, end: to / 1000, limit: 1 }, { signal }))
      .length > 0;
  if ((await any(start, end)) || !(await any(0, start))) return null;
  // Which of these spans before the range has a sample, then halves of it.
  let [near, far] = [start, start - 3_600_000];
  for (let i = 0; i < 16 && !(await any(far, start)); i += 1) [near, far] = [far, start - (start - far) * 3];
  if (!(await any(far, near))) return null;
  while (near - far > Math.max(30_000, (start - far) / 200)) {
    const middle = (near + far) / 2;
    if (await any(middle, near)) far = middle;
    else near = middle;
  }
  return h(
    "div",
    { class: "row" },
    `The last sample of this is from ${distance(near, Date.now())} (${formatMoment(near, zone(), "minute")})`,
    h("button", { type: "button", class: "small", onclick: () => go(Math.ceil(near / 60_000) * 60_000) }, "go there"),
  );
}
