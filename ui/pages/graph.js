// The query page: any number of expressions over one time, all of it in the address.

import { fill, h, icon } from "../core/dom.js";
import { newPanel, read, write } from "../core/address.js";
import { onKey } from "../core/keys.js";
import { poll } from "../core/poll.js";
import { change as changeSettings } from "../core/settings.js";
import { nextRange, RangeBar } from "./range.js";
import { Panel } from "./panel.js";
import { Strip } from "../chart/strip.js";

export const title = "Query";

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export function mount(element, { go, signal }) {
  let state = current();
  if (state.zone) changeSettings({ zone: state.zone });
  /** @type {Panel[]} */
  let panels = [];
  let endRefresh = () => {};
  const head = h("div", { class: "query-head" });
  const left = h("div", { class: "query-left" });
  const list = h("div", { class: "panels" });
  const strip = h("div", { class: "strip-place" });
  const add = h(
    "button",
    { type: "button", class: "quiet add-panel", onclick: () => insert(newPanel({ ...timeOf(state.panels[0]) })) },
    icon("plus"),
    "add expression",
  );
  element.append(h("h1", { class: "offscreen" }, "Query"), head, left, strip, list, h("div", {}, add));
  const bar = new RangeBar(head, {
    change: (change) => everywhere(change, true),
    refresh: (refresh) => {
      state = { ...state, refresh };
      commit(true);
      tick();
    },
    run: () => runAll(),
  });
  const overview = new Strip(strip, {
    change: (range, end, done) => {
      if (done) everywhere({ range, end }, true);
    },
    signal,
  });

  /** @param {import("../core/address.js").Panel | undefined} panel */
  function timeOf(panel) {
    const { range, end, moment, step } = panel ?? newPanel();
    return { range, end, moment, step };
  }

  /** The state that the address has now. */
  function current() {
    const found = read(location.search, location.hash);
    if (found.panels.length === 0) {
      const params = new URLSearchParams(location.search);
      found.panels.push(newPanel({ expr: params.get("expr") ?? params.get("q") ?? "" }));
    }
    return found;
  }

  let later = 0;

  /** Writes the state into the address. @param {boolean} push whether Back undoes it */
  function commit(push) {
    clearTimeout(later);
    const page = location.pathname.split("/").pop() || "graph";
    go(`${page}${write(state)}`, !push || write(read(location.search, location.hash)) === write(state));
    show();
  }

  function show() {
    bar.show(state.panels[0] ?? newPanel(), state.refresh);
    overview.show(state.panels[0]?.range ?? 0, state.panels[0]?.end ?? null);
    fill(
      left,
      state.left.length > 0 &&
        h(
          "div",
          { class: "note mind" },
          h("div", {}, "Left out of the address, because it couldn't be read: ", h("code", {}, state.left.join("&"))),
        ),
    );
    document.title = `${state.panels[0]?.expr.slice(0, 60) || "Query"} · vctsdb`;
  }

  /**
   * Makes the panels those of the state.
   * @param {boolean} [again]
   */
  function arrange(again = false) {
    while (panels.length > state.panels.length) panels.pop()?.remove();
    state.panels.forEach((panel, i) => {
      if (panels[i]) return panels[i].apply(panel, again);
      const made = new Panel(list, panel, i, {
        change: (change, push) => changed(made, change, push),
        removed: () => removed(made),
        pasted: (all) => {
          state = { ...state, panels: all };
          commit(true);
          arrange();
        },
        zoom: (start, end) => {
          const time = { range: Math.max(1000, Math.round(end - start)), end: end >= Date.now() - 1000 ? null : end };
          if (made.state.pin) changed(made, time, true);
          else everywhere(time, true);
        },
        back: () => history.back(),
        state: () => state,
      });
      panels[i] = made;
      made.apply(panel, true);
    });
  }

  /** @param {Panel} panel @param {Partial<import("../core/address.js").Panel>} change @param {boolean} push */
  function changed(panel, change, push) {
    const at = panels.indexOf(panel);
    state = { ...state, panels: state.panels.map((one, i) => (i === at ? { ...one, ...change } : one)) };
    if (("end" in change || "range" in change) && !panel.state.pin && !("pin" in change)) {
      everywhere(
        {
          end: state.panels[at].end,
          range: state.panels[at].range,
          ...("moment" in change ? { moment: change.moment } : {}),
        },
        push,
      );
      return;
    }
    if (push) {
      commit(true);
      return panel.apply(state.panels[at]);
    }
    panel.state = state.panels[at];
    // Not at each key: browsers allow a page only so many changes of its address.
    clearTimeout(later);
    later = window.setTimeout(() => commit(false), 400);
  }

  /**
   * Changes the time of all panels that have none of their own.
   * @param {Partial<import("../core/address.js").Panel>} change
   * @param {boolean} push
   */
  function everywhere(change, push) {
    state = { ...state, panels: state.panels.map((one, i) => (one.pin && i > 0 ? one : { ...one, ...change })) };
    commit(push);
    arrange();
  }

  /** @param {import("../core/address.js").Panel} panel */
  function insert(panel) {
    state = { ...state, panels: [...state.panels, panel] };
    commit(true);
    arrange();
    panels[panels.length - 1].editor.focus();
  }

  /** @param {Panel} panel */
  function removed(panel) {
    const rest = state.panels.filter((_, i) => panels[i] !== panel);
    state = { ...state, panels: rest.length > 0 ? rest : [newPanel()] };
    panel.remove();
    panels = panels.filter((one) => one !== panel);
    panels.forEach((one, i) => (one.number.textContent = String(i + 1)));
    commit(true);
    arrange();
  }

  function runAll() {
    panels.forEach((panel, i) => panel.apply(state.panels[i], true));
  }

  /** Begins or ends to run all again and again. */
  function tick() {
    endRefresh();
    let first = true;
    endRefresh =
      state.refresh === 0
        ? () => {}
        : poll(async () => {
            if (!first)
              await Promise.all(
                panels.map((panel) => panel.state.expr === panel.editor.value && panel.run(undefined, true)),
              );
            first = false;
          }, state.refresh);
  }

  const endKeys = onKey((event) => {
    const time = state.panels[0];
    if (event.key === "r") runAll();
    else if (event.key === "+" || event.key === "=") everywhere({ range: nextRange(time.range, -1) }, true);
    else if (event.key === "-") everywhere({ range: nextRange(time.range, 1) }, true);
    else if (event.key === "[") bar.move(-1);
    else if (event.key === "]") bar.move(1);
    else return false;
    return true;
  });

  show();
  arrange();
  tick();
  if (!state.panels.some((panel) => panel.expr)) panels[0].editor.focus();
  return {
    update() {
      const next = current();
      if (write(next) === write(state)) return;
      const refresh = next.refresh !== state.refresh;
      state = next;
      show();
      arrange();
      if (refresh) tick();
    },
    unmount() {
      clearTimeout(later);
      endKeys();
      endRefresh();
      overview.remove();
      for (const panel of panels) panel.remove();
    },
  };
}
