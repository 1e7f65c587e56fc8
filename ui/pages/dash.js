export const title = "dash";
/** @param {HTMLElement} element */
export function mount(element) {
  element.append("dash");
  return { unmount() {} };
}
