// Sorts a table by the column whose heading is pressed; numbers by the number they begin with, "–" always last.
function key(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = parseFloat(text.replaceAll("−", "-").replace("+", ""));
  return Number.isNaN(number) ? text : number;
}
function compare(a, b) {
  if (a === "–" || b === "–") return a === b ? 0 : a === "–" ? Infinity : -Infinity;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement, body = heading.closest("table").tBodies[0];
    const sign = heading.getAttribute("aria-sort") === "descending" ? 1 : -1;
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    const order = (a, b) => {
      const found = compare(key(a, heading.cellIndex), key(b, heading.cellIndex));
      return Number.isFinite(found) ? sign * found : Math.sign(found);
    };
    body.append(...[...body.rows].sort(order));
  });
}
