// Tables: a heading sorts, a search finds rows, columns can be hidden. Printing opens what is folded.
function key(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = parseFloat(text.replaceAll("−", "-").replace(/^[+(<\s]+/, ""));
  return Number.isNaN(number) ? text : number;
}
// "–", for nothing, is always last.
function compare(a, b) {
  if (a === "–" || b === "–") return a === b ? 0 : a === "–" ? Infinity : -Infinity;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
function sort(heading) {
  const body = heading.closest("table").tBodies[0];
  const names = heading.cellIndex === 0, before = heading.getAttribute("aria-sort");
  const sign = before ? (before === "descending" ? 1 : -1) : names ? 1 : -1; // names begin with a, numbers with the largest
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
  const order = (a, b) => {
    const found = compare(key(a, heading.cellIndex), key(b, heading.cellIndex));
    return Number.isFinite(found) ? sign * found : Math.sign(found);
  };
  body.append(...[...body.rows].sort(order));
}
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => sort(button.parentElement));
}

// Rows whose name contains any of several words.
function filter(tools, table) {
  const words = tools.querySelector("input[type=search]").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const better = tools.querySelector(".beats")?.checked ?? false;
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const name = row.cells[0].textContent.toLowerCase();
    row.hidden = (words.length > 0 && !words.some((word) => name.includes(word))) || (better && !("beats" in row.dataset));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  tools.querySelector("output").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} methods`;
}
function tick(text, checked, changed) {
  const label = document.createElement("label"), box = document.createElement("input");
  box.type = "checkbox";
  box.checked = checked;
  box.addEventListener("change", () => changed(box.checked));
  label.append(box, " ", text);
  return label;
}
function show(table, column, visible) {
  for (const row of table.rows) row.cells[column].hidden = !visible;
}
for (const tools of document.querySelectorAll(".table > .tools")) {
  const table = tools.parentElement.querySelector("table");
  const columns = [...table.tHead.rows[0].cells].slice(1); // names of rows always stay
  tools.querySelector(".choices").append(
    ...columns.map((cell, k) => tick(cell.textContent, true, (visible) => show(table, k + 1, visible))),
  );
  tools.addEventListener("input", () => filter(tools, table));
  tools.hidden = false;
}

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("main details:not([open]):not(.columns)")];
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
