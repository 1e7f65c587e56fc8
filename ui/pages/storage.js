export const title = "storage";
/** @param {HTMLElement} element */
export function mount(element) {
  element.append("storage");
  return { unmount() {} };
}
