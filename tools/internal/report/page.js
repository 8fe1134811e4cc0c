(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Paper shows everything.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    closed.forEach(d => { d.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach(d => { d.open = false; }));

  // What a link leads to is open when it is reached.
  const reveal = () => {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { return; }
    const target = document.getElementById(id);
    for (let d = target && target.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  // A node that is pointed at shows what leads to it and from it.
  all("svg.graph").forEach(svg => {
    const nodes = new Map(all(".node", svg).map(n => [n.dataset.n, n]));
    const edges = all(".edge", svg);
    const light = n => {
      svg.classList.toggle("focus", n !== undefined);
      nodes.forEach((e, key) => e.classList.toggle("lit", key === n));
      edges.forEach(e => {
        const touches = n !== undefined && (e.dataset.a === n || e.dataset.b === n);
        e.classList.toggle("lit", touches);
        if (touches) [e.dataset.a, e.dataset.b].forEach(key => nodes.get(key).classList.add("lit"));
      });
    };
    svg.addEventListener("pointerover", e => {
      const node = e.target.closest(".node");
      light(node ? node.dataset.n : undefined);
    });
    svg.addEventListener("pointerleave", () => light(undefined));
  });

  // Of the changes those with every word.
  const find = document.getElementById("words");
  if (find) {
    const entries = all(".entry").map(e => ({ e, text: e.textContent.toLowerCase() }));
    const links = new Map(all(".tree .filed").map(e => [e, e.querySelector("a").hash.slice(1)]));
    const groups = all(".group");
    const search = () => {
      const words = find.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const hidden = new Set();
      entries.forEach(({ e, text }) => {
        e.hidden = !words.every(w => text.includes(w));
        if (e.hidden) hidden.add(e.id);
      });
      links.forEach((id, link) => { link.hidden = hidden.has(id); });
      groups.forEach(g => { g.hidden = !all(".entry", g).some(e => !e.hidden); });
    };
    find.hidden = false;
    find.addEventListener("input", search);
    find.addEventListener("submit", e => e.preventDefault());
    search();
  }

  const form = document.getElementById("filter");
  if (!form) return;
  const findings = all(".finding[data-severity]").map(e => ({ e, text: (e.textContent + " " + e.closest(".check").id).toLowerCase(), targets: e.dataset.targets.split("\n") }));
  const listed = new Map(all("[data-of]").map(e => [e.dataset.of, e]));
  const hideEmpty = (selector, items) => all(selector).forEach(e => { e.hidden = !all(items, e).some(i => !i.hidden); });
  const filter = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const severity = form.elements.severity.value, target = form.elements.target.value;
    let shown = 0;
    findings.forEach(f => {
      const fits = (!severity || f.e.dataset.severity === severity) && (!target || f.targets.includes(target)) && words.every(w => f.text.includes(w));
      f.e.hidden = !fits;
      listed.get(f.e.id).hidden = !fits;
      shown += fits ? 1 : 0;
    });
    hideEmpty(".check", ".finding");
    hideEmpty(".files > li", "[data-of]");
    form.querySelector("output").textContent = shown === findings.length ? "" : `${shown} of ${findings.length} shown`;
  };
  all(".only").forEach(b => {
    b.hidden = false;
    b.addEventListener("click", () => {
      form.elements.target.value = b.dataset.target;
      filter();
      document.getElementById("findings").scrollIntoView();
      form.elements.target.focus({ preventScroll: true });
    });
  });
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", e => e.preventDefault());
  filter(); // a browser that goes back fills the fields again
})();
