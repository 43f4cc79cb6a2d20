"use strict";
// Sorting and searching of tables; the page is complete without it.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.classList.contains("unsorted")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numeric = head.classList.contains("number");
      const old = head.getAttribute("aria-sort");
      const direction = old ? (old === "ascending" ? -1 : 1) : numeric && !head.dataset.ascending ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      const keyed = [...body.rows].map((row) => {
        const text = row.cells[column].textContent.trim();
        return { row, key: numeric ? parseFloat(text.replace(/,/g, "").replace(/^−/, "-").replace("∞", "Infinity")) : text };
      });
      keyed.sort((a, b) => {
        if (!numeric) return direction * a.key.localeCompare(b.key, "en", { numeric: true });
        // Cells without a number stay last in both directions.
        if (isNaN(a.key) || isNaN(b.key)) return isNaN(a.key) - isNaN(b.key);
        return direction * (a.key - b.key);
      });
      body.append(...keyed.map((item) => item.row));
    });
  });
}
for (const table of document.querySelectorAll("table[data-search]")) {
  const rows = [...table.tBodies[0].rows];
  const label = document.createElement("label");
  const box = document.createElement("input");
  const count = document.createElement("output");
  label.className = "search";
  box.type = "search";
  box.placeholder = table.dataset.search;
  box.setAttribute("aria-label", table.dataset.search);
  const show = () => {
    const words = box.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of rows) {
      const text = row.dataset.text || (row.dataset.text = row.textContent.toLowerCase());
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = shown + " of " + rows.length + " rows";
  };
  box.addEventListener("input", show);
  label.append(box, count);
  table.parentElement.before(label);
  show();
}
