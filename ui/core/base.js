// Where this interface is served. Pages are one level deep, so everything is relative to the folder of the page and works
// under any prefix of a proxy without being told.

/**
 * The folder of an address.
 * @param {string} href
 */
export function folder(href) {
  return new URL(".", href.replace(/#.*$/, "")).href;
}

/** The folder of this page, with a slash at its end. */
export const base = typeof document === "undefined" ? "http://localhost/" : folder(document.baseURI);

/** How others reach this server: its address without a slash at the end. */
export const address = base.replace(/\/$/, "");
