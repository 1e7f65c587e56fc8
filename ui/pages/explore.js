export const title = "explore";
/** @param {HTMLElement} element */
export function mount(element) {
  element.append("explore");
  return { unmount() {} };
}
