// Search over everything in the site.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const { fold, terms, slash } = window.site;
  const field = document.getElementById("find"), list = document.getElementById("results"), hits = document.getElementById("hits");
  const MOST = 30;
  let entries = null; // until the data are read

  const search = () => {
    if (!entries) return;
    const words = terms(field.value);
    const found = words.length ? entries.filter((entry) => words.every((word) => entry.text.includes(word))) : [];
    const better = (entry) => words.filter((word) => entry.name.includes(word)).length;
    const shown = found.map((entry) => [better(entry), entry]).sort((a, b) => b[0] - a[0]).slice(0, MOST);
    list.replaceChildren(...shown.map(([, entry]) => {
      const item = document.createElement("li"), link = document.createElement("a"), kind = document.createElement("span");
      link.href = entry.href;
      link.textContent = entry.title;
      kind.textContent = entry.kind;
      kind.className = "count";
      item.append(kind, " ", link);
      return item;
    }));
    const rest = found.length > MOST ? `, the first ${MOST} shown` : "";
    hits.textContent = words.length ? `${found.length} found${rest}` : "";
    window.site.remember("replaceState", field.value.trim() ? `?${new URLSearchParams({ q: field.value.trim() })}` : "", location.hash);
  };
  let waiting = 0;
  field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 100); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && field.value) { event.preventDefault(); field.value = ""; search(); }
    if (event.key === "ArrowDown") { event.preventDefault(); list.querySelector("a")?.focus(); }
  });
  list.addEventListener("keydown", (event) => {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    const links = [...list.querySelectorAll("a")], at = links.indexOf(document.activeElement);
    const next = links[at + (event.key === "ArrowDown" ? 1 : -1)];
    (next ?? (event.key === "ArrowUp" ? field : links[at])).focus();
  });
  slash(field);
  field.value ||= new URLSearchParams(location.search).get("q") ?? ""; // a page that is reloaded keeps what was typed
  window.site.data("search").then((rows) => {
    entries = rows.map(([kind, title, words, href]) => ({ kind, title, href, name: fold(title), text: fold(`${title} ${words}`) }));
    if (field.value) search();
  });
});
