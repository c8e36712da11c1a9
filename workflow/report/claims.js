// Search, filters, links and theme of the page of verdicts. Everything is readable without it.
"use strict";
(() => {
  const root = document.documentElement;
  const GROUPS = ["document", "kind", "verdict"];
  const KEY = "tokentrial-theme";
  root.classList.add("js");

  // Storage may be forbidden (private windows, files); the page then forgets the theme.
  const stored = {
    get() { try { return localStorage.getItem(KEY); } catch { return null; } },
    set(value) { try { value ? localStorage.setItem(KEY, value) : localStorage.removeItem(KEY); } catch { /* forgotten */ } },
  };
  if (["light", "dark"].includes(stored.get())) root.dataset.theme = stored.get();

  // Text as it is compared: no accents, one kind of dash, small letters.
  const fold = (text) =>
    text.normalize("NFKD").replace(/\p{M}/gu, "").replace(/[\u2010-\u2015\u2212]/g, "-").replace(/\s+/g, " ").toLowerCase();
  const terms = (query) => [...fold(query).matchAll(/"([^"]+)"|(\S+)/g)].map((found) => found[1] ?? found[2]);

  document.addEventListener("DOMContentLoaded", () => {
    const $ = (id) => document.getElementById(id);
    const all = (selector, within = document) => [...within.querySelectorAll(selector)];
    const query = $("query"), shown = $("shown"), expand = $("expand"), clear = $("clear"), theme = $("theme");
    const claims = all(".claim").map((element) => ({
      element,
      evidence: element.querySelector(".evidence"),
      texts: all("[data-search]", element),
      text: fold(all("[data-search]", element).map((part) => part.textContent).join("\n")),
      ...Object.fromEntries(GROUPS.map((key) => [key, element.dataset[key]])),
    }));
    const boxes = all("fieldset input");
    const emptyState = () => ({ q: "", document: new Set(), kind: new Set(), verdict: new Set() });
    let state = emptyState();
    let matching = claims;

    // State and URL

    const read = (search) => {
      const given = new URLSearchParams(search), found = emptyState();
      found.q = given.get("q") ?? "";
      for (const key of GROUPS)
        for (const value of given.getAll(key)) if (boxes.some((box) => box.name === key && box.value === value)) found[key].add(value);
      return found;
    };
    const searchOf = (wanted) => {
      const made = new URLSearchParams();
      for (const key of GROUPS) for (const box of boxes) if (box.name === key && wanted[key].has(box.value)) made.append(key, box.value);
      if (wanted.q.trim()) made.append("q", wanted.q.trim());
      return made.size ? `?${made}` : "";
    };
    const address = (search, hash) => location.href.replace(/[?#].*$/s, "") + search + hash;
    const remember = (how, hash = "") => {
      try { history[how](null, "", address(searchOf(state), hash)); } catch { /* a page without an address of its own */ }
    };

    const picks = all(".pick").map((link) => [link, searchOf(read(link.search))]);

    // What is shown

    const fits = (claim, wanted, words, except) =>
      words.every((word) => claim.text.includes(word)) &&
      GROUPS.every((key) => key === except || !wanted[key].size || wanted[key].has(claim[key]));

    const apply = () => {
      const words = terms(state.q);
      matching = claims.filter((claim) => fits(claim, state, words));
      const visible = new Set(matching);
      for (const claim of claims) claim.element.hidden = !visible.has(claim);
      for (const section of all(".document")) {
        const number = all(".claim:not([hidden])", section).length;
        section.hidden = !number;
        section.querySelector("h3 .count").textContent = number;
      }
      for (const key of GROUPS) {
        const others = claims.filter((claim) => fits(claim, state, words, key));
        for (const box of boxes.filter((each) => each.name === key)) {
          const number = others.filter((claim) => claim[key] === box.value).length;
          box.checked = state[key].has(box.value);
          box.parentElement.querySelector(".count").textContent = number;
          box.parentElement.classList.toggle("empty", !number);
        }
      }
      const ids = new Set(matching.map((claim) => claim.element.id));
      for (const drawing of all(".drawing"))
        drawing.classList.toggle("unmatched", !drawing.dataset.claims.split(" ").some((id) => ids.has(id)));
      const search = searchOf(state);
      for (const [link, leadsTo] of picks) {
        if (search && leadsTo === search) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
      shown.textContent = `${matching.length} of ${claims.length} claims`;
      $("chosen").textContent = chosen();
      $("nothing").hidden = matching.length > 0;
      clear.hidden = !search;
      expanded();
      highlight(words);
    };
    const chosen = () => {
      const named = GROUPS.filter((key) => state[key].size).map((key) =>
        [...state[key]].map((value) => boxes.find((box) => box.name === key && box.value === value).parentElement.querySelector(".label").lastChild.textContent).join(" or "));
      return [...named, ...(state.q.trim() ? [`“${state.q.trim()}”`] : [])].join(", ");
    };
    const highlight = (words) => {
      if (!globalThis.Highlight) return;
      const ranges = [];
      for (const claim of words.length ? matching : [])
        for (const part of claim.texts)
          for (const node of part.childNodes) {
            const text = node.nodeType === Node.TEXT_NODE ? fold(node.data) : "";
            if (text.length !== (node.data ?? "").length) continue; // places would not be those of the page
            for (const word of words)
              for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
                const range = new Range();
                range.setStart(node, at);
                range.setEnd(node, at + word.length);
                ranges.push(range);
              }
          }
      CSS.highlights.set("found", new Highlight(...ranges));
    };
    const change = (wanted, how = "pushState") => { state = wanted; query.value = state.q; apply(); remember(how); };

    // Claims and figures by their link

    const reveal = () => {
      let name = location.hash.slice(1);
      try { name = decodeURIComponent(name); } catch { /* as it is */ }
      const element = name && $(name);
      if (!element) { if (name) shown.textContent += `; nothing here is called ${name}`; return; }
      const claim = claims.find((each) => each.element === element);
      if (claim) {
        if (element.hidden) { state = emptyState(); query.value = ""; apply(); remember("replaceState", location.hash); }
        claim.evidence.open = true;
        expanded();
      }
      const drawing = element.closest(".drawing");
      if (drawing) drawing.open = true;
      if (element.tabIndex === -1) element.focus({ preventScroll: true });
      element.scrollIntoView({ block: "start" });
    };
    const copy = async (link, button) => {
      let done = true;
      try { await navigator.clipboard.writeText(link); } catch { done = copyOld(link); }
      const label = button.dataset.label ??= button.textContent;
      button.textContent = done ? "Copied" : "Not allowed";
      if (!done) shown.textContent = link;
      setTimeout(() => { button.textContent = label; }, 1500);
    };
    const copyOld = (link) => {
      const field = Object.assign(document.createElement("textarea"), { value: link });
      const before = document.activeElement;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      before?.focus();
      return done;
    };

    // Controls

    const expanded = () => {
      const every = matching.length > 0 && matching.every((claim) => claim.evidence.open);
      expand.setAttribute("aria-pressed", String(every));
      expand.textContent = every ? "Collapse all" : "Expand all";
    };
    let waiting = 0;
    query.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => change({ ...state, q: query.value }, "replaceState"), 120);
    });
    for (const box of boxes)
      box.addEventListener("change", () => {
        const wanted = { ...state, [box.name]: new Set(state[box.name]) };
        wanted[box.name][box.checked ? "add" : "delete"](box.value);
        change(wanted);
      });
    clear.addEventListener("click", () => { change(emptyState()); query.focus(); });
    expand.addEventListener("click", () => {
      const open = expand.getAttribute("aria-pressed") !== "true";
      for (const claim of matching) claim.evidence.open = open;
      expanded();
    });
    $("share").addEventListener("click", (event) => copy(address(searchOf(state), ""), event.target));
    document.addEventListener("click", (event) => {
      if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const pick = event.target.closest("a.pick"), inside = event.target.closest('a[href^="#"]');
      const button = event.target.closest(".copy");
      if (button) copy(address("", `#${button.closest(".claim").id}`), button);
      if (inside && inside.hash === location.hash) { event.preventDefault(); reveal(); }
      if (!pick) return;
      event.preventDefault();
      const again = pick.getAttribute("aria-current") === "true";
      change(again ? emptyState() : read(pick.search));
      if (again) return;
      $("claims").focus({ preventScroll: true });
      $("claims").closest(".list").scrollIntoView({ block: "start" });
    });
    document.addEventListener("toggle", (event) => { if (event.target.matches?.(".evidence")) expanded(); }, true);
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        query.focus();
        query.select();
      } else if (event.key === "Escape") {
        clearTimeout(waiting);
        if (event.target === query && query.value) { event.preventDefault(); change({ ...state, q: "" }, "replaceState"); }
        else if (searchOf(state)) change(emptyState());
      }
    });
    addEventListener("popstate", () => { state = read(location.search); query.value = state.q; apply(); });
    addEventListener("hashchange", reveal);

    // Theme: the button's choice, else the system's

    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const pressed = () => theme.setAttribute("aria-pressed", String(dark()));
    theme.addEventListener("click", () => {
      const wanted = dark() ? "light" : "dark";
      if ((wanted === "dark") === system.matches) delete root.dataset.theme;
      else root.dataset.theme = wanted;
      stored.set(root.dataset.theme);
      pressed();
    });
    system.addEventListener("change", pressed);

    // Print: what is shown, in full; then as it was

    let opened = [];
    addEventListener("beforeprint", () => {
      opened = all(".claim:not([hidden]) details:not([open]), .drawing:not(.unmatched):not([open])");
      for (const details of opened) details.open = true;
    });
    addEventListener("afterprint", () => { for (const details of opened) details.open = false; });

    for (const claim of claims) claim.evidence.open = false;
    if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".choices").open = false;
    root.classList.add("ready");
    pressed();
    state = read(location.search);
    query.value = state.q;
    apply();
    reveal();
  });
})();
