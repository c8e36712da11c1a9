// What every page shares: theme, links to a place within the page, print. Everything is readable without it.
"use strict";
(() => {
  const root = document.documentElement;
  const KEY = "tokentrial-theme";
  root.classList.add("js");

  // Storage may be forbidden (private windows, files); the page then forgets the theme.
  const stored = {
    get() { try { return localStorage.getItem(KEY); } catch { return null; } },
    set(value) { try { value ? localStorage.setItem(KEY, value) : localStorage.removeItem(KEY); } catch { /* forgotten */ } },
  };
  if (["light", "dark"].includes(stored.get())) root.dataset.theme = stored.get();

  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  // Copies a link; where that is not allowed, a field of the page shows the link.
  const copied = async (text) => {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* the older way */ }
    const field = Object.assign(document.createElement("textarea"), { value: text });
    const before = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before?.focus();
    return done;
  };
  const copy = async (link, button, place) => {
    const done = await copied(link);
    const label = button.dataset.label ??= button.textContent;
    button.textContent = done ? "Copied" : "Not allowed";
    if (!done) place.textContent = link;
    setTimeout(() => { button.textContent = label; }, 1500);
  };
  const saved = (name, text) => {
    const link = Object.assign(document.createElement("a"), {
      href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  // A text that a spreadsheet would take for a formula gets a quote before it; a number is left as it is.
  const cell = (value) => {
    const text = String(value ?? "");
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const csv = (rows) => `${rows.map((row) => row.map(cell).join(",")).join("\n")}\n`;
  // The page's address with another query and place. Without an address of its own, a page keeps no state.
  const address = (search, hash = "") => location.href.replace(/[?#].*$/s, "") + search + hash;
  const remember = (how, search, hash = "") => {
    try { history[how](null, "", address(search, hash)); } catch { /* no state */ }
  };
  // Text as it is compared: no accents, one kind of dash, small letters.
  const fold = (text) =>
    text.normalize("NFKD").replace(/\p{M}/gu, "").replace(/[\u2010-\u2015\u2212]/g, "-").replace(/\s+/g, " ").toLowerCase();
  const terms = (query) => [...fold(query).matchAll(/"([^"]+)"|(\S+)/g)].map((found) => found[1] ?? found[2]);
  const typing = (event) => event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  // The key / leads to the page's search.
  const slash = (field) => addEventListener("keydown", (event) => {
    if (event.key !== "/" || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
  const target = () => {
    let name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch { /* as it is */ }
    return [name, name ? document.getElementById(name) : null];
  };
  // What a script of data/ holds: deflated JSON in base64.
  const data = async (name) => {
    const bytes = Uint8Array.from(atob(window.tokentrialData[name]), (letter) => letter.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(plain).text());
  };
  window.site = { address, copy, csv, dark, data, fold, remember, saved, slash, target, terms };

  document.addEventListener("DOMContentLoaded", () => {
    const theme = document.getElementById("theme");
    const named = () => { theme.textContent = dark() ? "Switch to light" : "Switch to dark"; };
    const changed = () => { named(); dispatchEvent(new Event("themechange")); };
    theme.addEventListener("click", () => {
      const wanted = dark() ? "light" : "dark";
      if ((wanted === "dark") === system.matches) delete root.dataset.theme;
      else root.dataset.theme = wanted;
      stored.set(root.dataset.theme);
      changed();
    });
    system.addEventListener("change", changed);
    named();

    // A link to a place opens what it is folded into.
    const reveal = () => {
      const [, element] = target();
      if (!element) return;
      for (let inside = element.closest("details"); inside; inside = inside.parentElement.closest("details")) inside.open = true;
      if (element.tabIndex === -1) element.focus({ preventScroll: true });
      element.scrollIntoView({ block: "start" });
    };
    if (!document.querySelector(".claim")) {
      addEventListener("hashchange", reveal);
      reveal();
    }

    // Print: what is shown, in full; then as it was.
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = [...document.querySelectorAll("details:not([open])")].filter(
        (details) => !details.matches(".choices, .rows, .meanings") && !details.closest("[hidden]"));
      for (const details of opened) details.open = true;
    });
    addEventListener("afterprint", () => { for (const details of opened) details.open = false; });
  });
})();
