export const title = "graph";
/** @param {HTMLElement} element */
export function mount(element) {
  element.append("graph");
  return { unmount() {} };
}
