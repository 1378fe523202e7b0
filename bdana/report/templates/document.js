"use strict";
// Everything can be read without this: it sorts tables, and closes a large figure with the escape key.
function value(cell) {
  const text = cell.textContent.trim().replaceAll("\u00a0", " ");
  const found = text.match(/^[<>~ ]*([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/i);
  return { text, number: found ? Number(found[1]) : NaN };
}
function compare(one, other, sign) {
  if (!one.text || !other.text) return Number(!one.text) - Number(!other.text);
  const numbers = [Number.isNaN(one.number), Number.isNaN(other.number)];
  if (numbers[0] !== numbers[1]) return numbers[0] ? 1 : -1;
  return sign * (numbers[0] ? one.text.localeCompare(other.text) : one.number - other.number);
}
for (const table of document.querySelectorAll("main table")) {
  const body = table.tBodies[0], written = [...body.rows];
  if (written.length < 2) continue;
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] ?? "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (next !== "none") head.setAttribute("aria-sort", next);
      const sign = next === "descending" ? -1 : 1;
      const rows = [...written];
      if (next !== "none") rows.sort((a, b) => compare(value(a.cells[column]), value(b.cells[column]), sign));
      body.append(...rows);
    });
  });
}
addEventListener("keydown", (event) => {
  const shown = event.key === "Escape" && document.querySelector("figure:target");
  if (!shown) return;
  location.hash = `at-${shown.id}`;
  shown.querySelector(".zoom").focus({ preventScroll: true });
});
