"use strict";
// Point at a mark or a line, or go to a mark by keyboard: all paths through it stand out. Escape ends it.
for (const svg of document.querySelectorAll(".picture svg")) {
  const marks = [...svg.querySelectorAll("g[data-mark]")];
  const lines = [...svg.querySelectorAll("g[data-tail]")];
  const forward = lines.filter(line => !line.classList.contains("grad"));
  const after = new Map(), before = new Map();
  const put = (map, key, value) => map.has(key) ? map.get(key).push(value) : map.set(key, [value]);
  for (const {dataset: {tail, head}} of forward) { put(after, tail, head); put(before, head, tail); }

  const reached = (start, next) => {
    const found = new Set([start]);
    for (const key of found) for (const other of next.get(key) || []) found.add(other);
    return found;
  };
  const clear = () => {
    svg.classList.remove("lit");
    for (const element of svg.querySelectorAll(".on")) element.classList.remove("on");
  };
  const show = element => {
    clear();
    if (!element) return;
    let {mark, tail, head} = element.dataset;
    if (element.classList.contains("grad") && !(after.get(tail) || []).includes(head)) [tail, head] = [head, tail];
    const past = reached(mark || tail, before), future = reached(mark || head, after);
    const onPath = (a, b) => past.has(a) && past.has(b) || future.has(a) && future.has(b) || a === tail && b === head;
    svg.classList.add("lit");
    for (const one of marks) if (past.has(one.dataset.mark) || future.has(one.dataset.mark)) one.classList.add("on");
    for (const one of lines) {
      const {tail: a, head: b} = one.dataset;
      if (onPath(a, b) || one.classList.contains("grad") && onPath(b, a)) one.classList.add("on");
    }
  };
  const part = event => event.target.closest("g[data-mark], g[data-tail]");
  const focused = () => svg.contains(document.activeElement) ? document.activeElement.closest("g[data-mark]") : null;
  svg.addEventListener("mouseover", event => show(part(event) || focused()));
  svg.addEventListener("mouseleave", () => show(focused()));
  svg.addEventListener("focusin", event => show(part(event)));
  svg.addEventListener("focusout", clear);
  svg.addEventListener("keydown", event => { if (event.key === "Escape") clear(); });
  svg.dataset.ready = "";
}
