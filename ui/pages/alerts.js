export const title = "alerts";
/** @param {HTMLElement} element */
export function mount(element) {
  element.append("alerts");
  return { unmount() {} };
}
