export const title = "queries";
/** @param {HTMLElement} element */
export function mount(element) {
  element.append("queries");
  return { unmount() {} };
}
