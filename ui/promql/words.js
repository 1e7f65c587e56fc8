// The words of PromQL: functions, aggregations and modifiers, each with its signature and a line of help.

/**
 * @typedef {object} Word
 * @property {string} signature
 * @property {string} help
 * @property {"function" | "aggregation" | "keyword"} kind
 */

/** name, signature, help. */
const FUNCTIONS = [
  ["abs", "v instant-vector", "absolute values"],
  ["absent", "v instant-vector", "1 if there is no series, nothing otherwise: to alert on what is missing"],
  ["absent_over_time", "v range-vector", "1 if there is no sample in the window"],
  ["acos", "v instant-vector", "arccosine"],
  ["acosh", "v instant-vector", "inverse hyperbolic cosine"],
  ["asin", "v instant-vector", "arcsine"],
  ["asinh", "v instant-vector", "inverse hyperbolic sine"],
  ["atan", "v instant-vector", "arctangent"],
  ["atanh", "v instant-vector", "inverse hyperbolic tangent"],
  ["avg_over_time", "v range-vector", "mean of the samples in the window"],
  ["ceil", "v instant-vector", "rounded up"],
  ["changes", "v range-vector", "how often the value changed in the window"],
  ["clamp", "v instant-vector, min scalar, max scalar", "values moved into a range"],
  ["clamp_max", "v instant-vector, max scalar", "values of at most max"],
  ["clamp_min", "v instant-vector, min scalar", "values of at least min"],
  ["cos", "v instant-vector", "cosine"],
  ["cosh", "v instant-vector", "hyperbolic cosine"],
  ["count_over_time", "v range-vector", "number of samples in the window"],
  ["day_of_month", "v instant-vector", "day of the month of a time stamp, from 1"],
  ["day_of_week", "v instant-vector", "day of the week, 0 is Sunday"],
  ["day_of_year", "v instant-vector", "day of the year, from 1"],
  ["days_in_month", "v instant-vector", "how many days the month has"],
  ["deg", "v instant-vector", "radians as degrees"],
  ["delta", "v range-vector", "difference of last and first value of a gauge, extrapolated to the window"],
  ["deriv", "v range-vector", "change a second of a gauge, by linear regression"],
  ["double_exponential_smoothing", "v range-vector, sf scalar, tf scalar", "smoothed value of a gauge (experimental)"],
  ["exp", "v instant-vector", "e to the power"],
  ["first_over_time", "v range-vector", "the oldest sample in the window (experimental)"],
  ["floor", "v instant-vector", "rounded down"],
  ["histogram_avg", "v instant-vector", "mean of the observations of native histograms"],
  ["histogram_count", "v instant-vector", "observations in native histograms"],
  ["histogram_fraction", "lower scalar, upper scalar, v instant-vector", "share of observations between two bounds"],
  [
    "histogram_quantile",
    "φ scalar, v instant-vector",
    "a quantile of native or classic (le) histograms: mostly of a rate",
  ],
  ["histogram_stddev", "v instant-vector", "standard deviation of the observations of native histograms"],
  ["histogram_stdvar", "v instant-vector", "variance of the observations of native histograms"],
  ["histogram_sum", "v instant-vector", "sum of the observations of native histograms"],
  ["hour", "v instant-vector", "hour of the day in UTC"],
  ["idelta", "v range-vector", "difference of the last two samples of a gauge"],
  ["increase", "v range-vector", "how much a counter grew in the window, resets considered"],
  ["info", "v instant-vector, selector", "adds labels of info metrics (experimental)"],
  ["irate", "v range-vector", "growth a second of a counter between its last two samples"],
  ["label_join", "v instant-vector, dst, separator, src, …", "a label made of others"],
  [
    "label_replace",
    "v instant-vector, dst, replacement, src, regex",
    "a label made of another by a regular expression",
  ],
  ["last_over_time", "v range-vector", "the newest sample in the window"],
  ["ln", "v instant-vector", "natural logarithm"],
  ["log10", "v instant-vector", "decimal logarithm"],
  ["log2", "v instant-vector", "binary logarithm"],
  ["mad_over_time", "v range-vector", "median absolute deviation in the window (experimental)"],
  ["max_over_time", "v range-vector", "greatest sample in the window"],
  ["min_over_time", "v range-vector", "least sample in the window"],
  ["minute", "v instant-vector", "minute of the hour"],
  ["month", "v instant-vector", "month of the year, 1 to 12"],
  ["pi", "", "3.14159…"],
  ["predict_linear", "v range-vector, t scalar", "where a gauge will be in t seconds, by linear regression"],
  ["present_over_time", "v range-vector", "1 for each series with a sample in the window"],
  ["quantile_over_time", "φ scalar, v range-vector", "a quantile of the samples in the window"],
  ["rad", "v instant-vector", "degrees as radians"],
  ["rate", "v range-vector", "growth a second of a counter over the window, resets considered"],
  ["resets", "v range-vector", "how often a counter started anew in the window"],
  ["round", "v instant-vector, to scalar", "rounded to a multiple"],
  ["scalar", "v instant-vector", "the value of the only series, else NaN"],
  ["sgn", "v instant-vector", "sign of the value: -1, 0, 1"],
  ["sin", "v instant-vector", "sine"],
  ["sinh", "v instant-vector", "hyperbolic sine"],
  ["sort", "v instant-vector", "sorted, least first (instant queries)"],
  ["sort_desc", "v instant-vector", "sorted, greatest first (instant queries)"],
  ["sort_by_label", "v instant-vector, label, …", "sorted by labels (experimental)"],
  ["sort_by_label_desc", "v instant-vector, label, …", "sorted by labels, backwards (experimental)"],
  ["sqrt", "v instant-vector", "square root"],
  ["stddev_over_time", "v range-vector", "standard deviation in the window"],
  ["stdvar_over_time", "v range-vector", "variance in the window"],
  ["sum_over_time", "v range-vector", "sum of the samples in the window"],
  ["tan", "v instant-vector", "tangent"],
  ["tanh", "v instant-vector", "hyperbolic tangent"],
  ["time", "", "the evaluation time in Unix seconds"],
  ["timestamp", "v instant-vector", "when each sample was taken, in Unix seconds"],
  ["ts_of_first_over_time", "v range-vector", "time of the oldest sample in the window (experimental)"],
  ["ts_of_last_over_time", "v range-vector", "time of the newest sample in the window (experimental)"],
  ["ts_of_max_over_time", "v range-vector", "time of the greatest sample in the window (experimental)"],
  ["ts_of_min_over_time", "v range-vector", "time of the least sample in the window (experimental)"],
  ["vector", "s scalar", "a scalar as a series without labels"],
  ["year", "v instant-vector", "year in UTC"],
];

const AGGREGATIONS = [
  ["avg", "v instant-vector", "mean of each group"],
  ["bottomk", "k scalar, v instant-vector", "the k least series"],
  ["count", "v instant-vector", "how many series each group has"],
  ["count_values", "label, v instant-vector", "how many series have each value"],
  ["group", "v instant-vector", "1 for each group"],
  ["limit_ratio", "r scalar, v instant-vector", "a share of the series (experimental)"],
  ["limitk", "k scalar, v instant-vector", "any k series (experimental)"],
  ["max", "v instant-vector", "greatest of each group"],
  ["min", "v instant-vector", "least of each group"],
  ["quantile", "φ scalar, v instant-vector", "a quantile of each group"],
  ["stddev", "v instant-vector", "standard deviation of each group"],
  ["stdvar", "v instant-vector", "variance of each group"],
  ["sum", "v instant-vector", "sum of each group"],
  ["topk", "k scalar, v instant-vector", "the k greatest series"],
];

const KEYWORDS = [
  ["by", "(label, …)", "group by these labels"],
  ["without", "(label, …)", "group by all labels but these"],
  ["on", "(label, …)", "match series by these labels"],
  ["ignoring", "(label, …)", "match series by all labels but these"],
  ["group_left", "(label, …)", "many series at the left match one at the right"],
  ["group_right", "(label, …)", "many series at the right match one at the left"],
  ["bool", "", "0 or 1 instead of filtering"],
  ["offset", "duration", "as it was so long ago"],
  ["and", "", "series that are on both sides"],
  ["or", "", "series of the left, and those that only the right has"],
  ["unless", "", "series that the right doesn't have"],
  ["atan2", "", "arctangent of a quotient"],
];

/** @type {Map<string, Word>} */
export const WORDS = new Map();
for (const [list, kind] of /** @type {const} */ ([
  [FUNCTIONS, "function"],
  [AGGREGATIONS, "aggregation"],
  [KEYWORDS, "keyword"],
])) {
  for (const [name, signature, help] of list) {
    const call = kind === "keyword" ? signature : `(${signature})`;
    WORDS.set(name, { signature: kind === "keyword" ? `${name} ${call}`.trim() : name + call, help, kind });
  }
}

/** Functions that take a window: what stands in their parentheses needs one. */
export const OVER_TIME = new Set(
  FUNCTIONS.filter(([, signature]) => signature.includes("range-vector")).map(([name]) => name),
);

/** Words behind an expression rather than at the beginning of one. */
export const BEHIND = new Set(KEYWORDS.map(([name]) => name));

export const DURATIONS = ["1m", "5m", "15m", "30m", "1h", "6h", "1d", "7d"];
