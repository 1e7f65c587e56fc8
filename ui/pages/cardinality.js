export const title = "cardinality";
/** @param {HTMLElement} element */
export function mount(element) {
  element.append("cardinality");
  return { unmount() {} };
}
