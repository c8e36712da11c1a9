// Search, filters and links of the page of claims. Everything is readable without it.
"use strict";
(() => {
  const GROUPS = ["document", "kind", "verdict"];
  const { address, copy, csv, fold, saved, slash, target, terms } = window.site;

  document.addEventListener("DOMContentLoaded", () => {
    const $ = (id) => document.getElementById(id);
    const all = (selector, within = document) => [...within.querySelectorAll(selector)];
    const query = $("query"), shown = $("shown"), expand = $("expand"), clear = $("clear");
    const claims = all(".claim").map((element) => ({
      element,
      evidence: element.querySelector(".evidence"),
      texts: all("[data-search]", element),
      text: fold(all("[data-search]", element).map((part) => part.textContent).join("\n")),
      ...Object.fromEntries(GROUPS.map((key) => [key, element.dataset[key]])),
    }));
    const boxes = all("fieldset input");
    const names = new Set(claims.map((claim) => claim.element.id));
    const emptyState = () => ({ q: "", id: new Set(), document: new Set(), kind: new Set(), verdict: new Set() });
    let state = emptyState();
    let matching = claims;

    // State and URL

    const read = (search) => {
      const given = new URLSearchParams(search), found = emptyState();
      found.q = given.get("q") ?? "";
      found.id = new Set(given.getAll("id").filter((name) => names.has(name)));
      for (const key of GROUPS)
        for (const value of given.getAll(key)) if (boxes.some((box) => box.name === key && box.value === value)) found[key].add(value);
      return found;
    };
    const searchOf = (wanted) => {
      const made = new URLSearchParams();
      for (const name of wanted.id) made.append("id", name);
      for (const key of GROUPS) for (const box of boxes) if (box.name === key && wanted[key].has(box.value)) made.append(key, box.value);
      if (wanted.q.trim()) made.append("q", wanted.q.trim());
      return made.size ? `?${made}` : "";
    };
    const remember = (how, hash = "") => window.site.remember(how, searchOf(state), hash);

    // What is shown

    const fits = (claim, wanted, words, except) =>
      words.every((word) => claim.text.includes(word)) &&
      (!wanted.id.size || wanted.id.has(claim.element.id)) &&
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
      const search = searchOf(state);
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
      const ids = state.id.size ? [[...state.id].join(", ")] : [];
      return [...ids, ...named, ...(state.q.trim() ? [`“${state.q.trim()}”`] : [])].join(", ");
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

    // Claims by their link

    const reveal = () => {
      const [name, element] = target();
      if (!element) { if (name) shown.textContent += `; nothing here is called ${name}`; return; }
      const claim = claims.find((each) => each.element === element);
      if (claim) {
        if (element.hidden) { state = emptyState(); query.value = ""; apply(); remember("replaceState", location.hash); }
        claim.evidence.open = true;
        expanded();
      }
      if (element.tabIndex === -1) element.focus({ preventScroll: true });
      element.scrollIntoView({ block: "start" });
    };
    // Controls

    const expanded = () => {
      const every = matching.length > 0 && matching.every((claim) => claim.evidence.open);
      expand.dataset.open = String(every);
      expand.textContent = every ? "Close all evidence" : "Open all evidence";
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
      const open = expand.dataset.open !== "true";
      for (const claim of matching) claim.evidence.open = open;
      expanded();
    });
    $("share").addEventListener("click", (event) => copy(address(searchOf(state)), event.target, shown));
    $("csv").addEventListener("click", (event) => {
      event.preventDefault();
      const text = (claim, selector) => claim.element.querySelector(selector).textContent.trim();
      const rows = matching.map((claim) => [claim.element.id, claim.document, text(claim, ".section"), claim.kind,
        text(claim, "h4"), text(claim, ".badge").replace(/^\S+?(?=[A-Z])/, ""), text(claim, ".reason")]);
      saved("claims.csv", csv([["id", "document", "section", "kind", "claim", "verdict", "reason"], ...rows]));
    });
    document.addEventListener("click", (event) => {
      if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const inside = event.target.closest('a[href^="#"]');
      const button = event.target.closest(".copy");
      if (button) copy(address("", `#${button.closest(".claim").id}`), button, shown);
      if (inside && inside.hash === location.hash) { event.preventDefault(); reveal(); }
    });
    document.addEventListener("toggle", (event) => { if (event.target.matches?.(".evidence")) expanded(); }, true);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        clearTimeout(waiting);
        if (event.target === query && query.value) { event.preventDefault(); change({ ...state, q: "" }, "replaceState"); }
        else if (searchOf(state)) change(emptyState());
      }
    });
    slash(query);
    addEventListener("popstate", () => { state = read(location.search); query.value = state.q; apply(); });
    addEventListener("hashchange", reveal);

    for (const claim of claims) claim.evidence.open = false;
    if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".choices").open = false;
    document.documentElement.classList.add("ready");
    state = read(location.search);
    query.value = state.q;
    apply();
    reveal();
  });
})();
