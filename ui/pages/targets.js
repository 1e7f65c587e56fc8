export const title = "targets";
/** @param {HTMLElement} element */
export function mount(element) {
  element.append("targets");
  return { unmount() {} };
}
