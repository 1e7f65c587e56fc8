// A chart as a PNG file, and files in general.

/**
 * The picture as it is seen, at the size of its pixels.
 * @param {import("./chart.js").Chart} chart
 * @returns {Promise<Blob | null>}
 */
export function png(chart) {
  return new Promise((done) => chart.base.toBlob(done, "image/png"));
}

/**
 * Saves something as a file.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  // The download reads it a moment later.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
