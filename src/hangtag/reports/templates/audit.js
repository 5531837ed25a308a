
"use strict";
(() => {
  const first = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Savings: the formula of the page, with the assumptions that the reader edits.
  const assumptions = first("#assumptions");
  const money = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const show = (name, value) => { first(`[data-shown="${name}"]`, assumptions).textContent = value; };
  const compute = () => {
    const v = {};
    for (const input of all("input", assumptions)) v[input.name] = Math.max(0, Number(input.value) || 0);
    const a = Math.min(1, v.automated / 100), p = Math.min(1, v.precision / 100);
    const seconds = v.items * a * v.seconds - v.rules * v.seconds_a_rule;
    const before = 1000 * v.seconds * v.wage / 3600;
    const rules = v.items ? 1000 * v.rules * v.seconds_a_rule * v.wage / 3600 / v.items : 0;
    const after = 1000 * ((1 - a) * v.seconds * v.wage / 3600 + v.compute + a * (1 - p) * v.error) + rules;
    show("before", before.toFixed(2));
    show("after", after.toFixed(2));
    show("minutes", money.format(seconds / 60));
    show("money", money.format((before - after) * v.items / 1000));
    show("queue", money.format(v.items * (1 - a)));
  };
  assumptions.addEventListener("input", compute);
  compute();

  // Rules: filter, approve, download.
  const rules = all(".rule"), brands = all(".brand-rules");
  const search = first("#search"), kinds = all("#kinds button"), count = first("#approved");
  let kind = "";
  const box = rule => first("input", rule);
  const recount = () => { count.textContent = rules.filter(rule => box(rule)?.checked).length; };
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    for (const rule of rules) {
      const { supplier, label, action } = rule.dataset;
      const found = `${supplier} ${label}`.toLowerCase().includes(wanted);
      rule.hidden = !(found && (!kind || action === kind));
    }
    for (const brand of brands) {
      const shown = all(".rule", brand).some(rule => !rule.hidden);
      brand.hidden = !shown;
      if (wanted || kind) brand.open = shown;
    }
  };
  search.addEventListener("input", filter);
  for (const button of kinds) button.addEventListener("click", () => {
    kind = button.dataset.kind;
    for (const other of kinds) other.setAttribute("aria-pressed", String(other === button));
    filter();
  });
  first("#rules").addEventListener("change", recount);
  first("#approve-shown").addEventListener("click", () => {
    for (const rule of rules) if (!rule.hidden && box(rule)) box(rule).checked = true;
    recount();
  });
  const cell = text => {
    if (/^'*[=+\-@\t\r\n＝＋－＠]/.test(text) && !/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text)) text = `'${text}`;
    return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  first("#download").addEventListener("click", () => {
    const lines = ["approved,supplier,label,action,categories,ids"];
    for (const rule of [...rules].sort((a, b) => a.dataset.place - b.dataset.place)) {
      const d = rule.dataset;
      const row = [box(rule)?.checked ? "yes" : "", d.supplier, d.label, d.action, d.categories, d.ids];
      lines.push(row.map(cell).join(","));
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = "rules.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  recount();
})();
