// Sorting, filtering and searching in the page. Without this, everything is there all the same.
"use strict";
(() => {
  const text = (cell) => (cell ? cell.textContent.trim() : "");
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  function sorting(table) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    heads.forEach((head, place) => {
      if (!head.dataset.sort) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const number = head.dataset.sort === "number";
        const before = head.getAttribute("aria-sort");
        const down = before === "none" ? number : before === "ascending";
        for (const other of heads) if (other.dataset.sort) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => {
          const cell = row.cells[place];
          if (!number) return text(cell);
          return cell.dataset.value === "" ? null : Number(cell.dataset.value);
        };
        const empty = (found) => found === null || found === "–";
        const keyed = [...body.rows].map((row) => [value(row), row]);
        keyed.sort(([a], [b]) => {
          // What nobody knows comes last either way.
          if (empty(a) || empty(b)) return empty(a) - empty(b);
          const order = number ? a - b : collator.compare(a, b);
          return down ? -order : order;
        });
        body.append(...keyed.map(([, row]) => row));
      });
    });
  }

  function filtering(bar) {
    const table = document.getElementById(bar.dataset.for);
    const rows = [...table.tBodies[0].rows];
    const search = bar.querySelector("[data-find]");
    const choices = [...bar.querySelectorAll("[data-by]")];
    const count = bar.querySelector("[data-count]");
    const none = table.closest("section").querySelector("[data-none]");
    const plain = (words) => words.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    const said = new Map(rows.map((row) => [row, plain(`${row.textContent} ${row.dataset.more || ""}`)]));
    for (const choice of choices) {
      const values = [...new Set(rows.map((row) => row.dataset[choice.dataset.by]))].filter(Boolean);
      for (const value of values.sort(collator.compare)) choice.append(new Option(value, value));
    }
    const apply = () => {
      const wanted = plain(search.value).split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const fits = choices.every((c) => !c.value || row.dataset[c.dataset.by] === c.value)
          && wanted.every((word) => said.get(row).includes(word));
        row.hidden = !fits;
        shown += fits;
      }
      count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
      none.hidden = shown > 0;
    };
    bar.addEventListener("input", apply);
    bar.querySelector("[data-reset]").addEventListener("click", () => {
      search.value = "";
      for (const choice of choices) choice.value = "";
      apply();
      search.focus();
    });
    bar.hidden = false;
    apply();
  }

  // One view of several: what does not fit the choices is hidden. Without this, all of them are there.
  function viewing(bar) {
    const choices = [...bar.querySelectorAll("[data-view]")];
    const attribute = (choice) => `data-view-${choice.dataset.view}`;
    const parts = document.getElementById(bar.dataset.views).querySelectorAll(choices.map((c) => `[${attribute(c)}]`).join());
    const apply = () => {
      for (const part of parts) {
        const fits = (c) => !c.value || (part.getAttribute(attribute(c)) ?? c.value).split(" ").includes(c.value);
        part.hidden = !choices.every(fits);
      }
    };
    bar.addEventListener("input", apply);
    bar.hidden = false;
    apply();
  }

  for (const table of document.querySelectorAll("table.list")) if (table.tHead.querySelector("[data-sort]")) sorting(table);
  for (const bar of document.querySelectorAll("[data-for]")) filtering(bar);
  for (const bar of document.querySelectorAll("[data-views]")) viewing(bar);
  // What is folded is printed too.
  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
  });
})();
