// What kind of metric a name is: by its family's metadata, else by how it ends.

/**
 * @param {string} name
 * @param {Record<string, {type: string, help: string, unit: string}[]>} families
 * @returns {{type: string, help: string, unit: string, family: string}}
 */
export function typeOf(name, families) {
  const stem = name.replace(/_(bucket|count|sum|total|created)$/, "");
  const [family, told] = families[name]?.[0] ? [name, families[name][0]] : [stem, families[stem]?.[0]];
  const known = told && told.type !== "unknown" ? told.type : "";
  // The parts of a histogram or summary are counters, but for its buckets.
  const part =
    known === "histogram" || known === "summary"
      ? name.endsWith("_bucket")
        ? "histogram"
        : name !== family
          ? "counter"
          : known
      : known;
  return { type: part || guessed(name), help: told?.help ?? "", unit: told?.unit ?? "", family };
}

/** @param {string} name */
function guessed(name) {
  if (/_bucket$/.test(name)) return "histogram";
  if (/_(total|count|sum)$/.test(name)) return "counter";
  if (/_info$/.test(name)) return "info";
  return "unknown";
}
