// Sorts a table by the column whose heading is pressed; the address keeps the column. A third press restores the order.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const said = document.getElementById("sorted");
  const number = (text) => {
    const found = text.replaceAll("\u2212", "-").replaceAll(",", "").match(/^[<>~±]?\s*([-+]?\d*\.?\d+(?:e[-+]?\d+)?)/i);
    return found ? Number(found[1]) : NaN;
  };
  const ORDERS = ["ascending", "descending", "none"];
  const tables = [...document.querySelectorAll("table.sortable")].map((table) => ({
    table, body: table.tBodies[0], rows: [...table.tBodies[0].rows], heads: [...table.tHead.rows[0].cells],
  }));
  const sort = ({ body, rows, heads }, column, order) => {
    heads.forEach((head, place) => {
      if (place === column && order !== "none") head.setAttribute("aria-sort", order);
      else head.removeAttribute("aria-sort");
    });
    if (order === "none") { body.replaceChildren(...rows); return; }
    const keyed = rows.map((row) => { const text = row.cells[column].textContent.trim(); return [row, text, number(text)]; });
    const known = keyed.filter(([, text]) => text && text !== "–"), missing = keyed.filter(([, text]) => !text || text === "–");
    const numeric = known.filter(([, , value]) => !Number.isNaN(value)).length > known.length / 2;
    const sign = order === "ascending" ? 1 : -1;
    const compare = ([, a, x], [, b, y]) => {
      if (!numeric) return sign * a.localeCompare(b, "en", { numeric: true });
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return sign * (x - y);
    };
    body.replaceChildren(...[...known.sort(compare), ...missing].map(([row]) => row));
  };
  const read = () => {
    const given = new URLSearchParams(location.search).getAll("sort").map((text) => text.split("."));
    tables.forEach((each, place) => {
      const chosen = given.find(([grid]) => Number(grid) === place);
      const column = Number(chosen?.[1]), order = ORDERS.includes(chosen?.[2]) ? chosen[2] : "none";
      if (each.heads[column]?.querySelector("button") || order === "none") sort(each, column, order);
    });
  };
  for (const [place, each] of tables.entries())
    each.heads.forEach((head, column) => {
      if (head.classList.contains("plain")) return;
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: head.textContent });
      button.addEventListener("click", () => {
        const order = ORDERS[(ORDERS.indexOf(head.getAttribute("aria-sort") ?? "none") + 1) % 3];
        sort(each, column, order);
        said.textContent = order === "none" ? "In the order of the report" : `Sorted by ${head.textContent}, ${order}`;
        const others = new URLSearchParams(location.search).getAll("sort").filter((text) => !text.startsWith(`${place}.`));
        const all = order === "none" ? others : [...others, `${place}.${column}.${order}`];
        window.site.remember("replaceState", all.length ? `?${all.map((text) => `sort=${text}`).join("&")}` : "");
      });
      head.replaceChildren(button);
    });
  read();
});
