// The explorer: choose arms of an experiment and a measure; the chart, the means and the rows behind are drawn from the
// run's own data. The address keeps what is chosen.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const { copy, csv, remember, saved, address } = window.site;
  const $ = (id) => document.getElementById(id);
  const SELECTS = ["study", "experiment", "condition", "metric", "against"];
  const VALUES = "values", EVERY = "every";
  const SHOWN = 500; // rows of the table; the CSV has all
  const MANY = 2000; // points that a screen reader is not told one by one; the table below has them
  const COLORS = {
    light: { blue: "#0072b2", vermillion: "#d55e00", green: "#009e73", orange: "#b87a00", sky: "#2f8fc4", purple: "#b0568a", black: "#1e1d1a", grey: "#6e6e6e" },
    dark: { blue: "#5fb0e6", vermillion: "#f08a4b", green: "#3fc79d", orange: "#f0b43c", sky: "#8fd0f7", purple: "#e3a0c4", black: "#f2efe8", grey: "#a5a198" },
  };
  const said = $("said"), chart = $("chart");
  let data = null, state = {}, drawn = null, turn = 0;

  // A study's data are a script, since a page opened as a file may read no other.
  const load = (study) => new Promise((done, failed) => {
    if (window.tokentrialData?.[study]) { done(window.site.data(study)); return; }
    const script = Object.assign(document.createElement("script"), { src: `data/${study}.js` });
    script.addEventListener("load", () => done(window.site.data(study)));
    script.addEventListener("error", () => failed(new Error(`data/${study}.js: cannot be read`)));
    document.head.append(script);
  });

  // What is chosen

  const experiment = () => data.experiments.find((each) => each.key === state.experiment);
  const conditionsOf = () => experiment().conditions.filter((each) => [EVERY, each.name].includes(state.condition));
  const measure = () => data.measures.findIndex((each) => each.key === state.metric);
  const present = () => {
    const places = new Set(conditionsOf().flatMap((each) => each.levels.map(([place]) => place)));
    return data.measures.filter((_, place) => places.has(place));
  };
  const armsOf = () => {
    const place = measure();
    const there = new Set(conditionsOf().flatMap((each) => each.levels.filter((level) => level[0] === place).map((level) => level[1])));
    return Object.keys(data.arms).filter((arm) => there.has(arm));
  };
  const filled = (select, options, wanted) => {
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    select.value = options.some(([value]) => value === wanted) ? wanted : options[0][0];
    return select.value;
  };
  const settle = (wanted) => {
    state.study = data.study;
    $("study").value = data.study;
    const usual = data.experiments.find((each) => each.key.endsWith("done right")) ?? data.experiments[0];
    const asked = data.experiments.some((each) => each.key === wanted.experiment) ? wanted.experiment : usual.key;
    state.experiment = filled($("experiment"), data.experiments.map((each) => [each.key, each.name]), asked);
    state.condition = filled($("condition"), [[EVERY, "every condition"], ...experiment().conditions.map((each) => [each.name, each.name])], wanted.condition ?? EVERY);
    state.metric = filled($("metric"), present().map((each) => [each.key, each.name]), wanted.metric);
    const arms = armsOf();
    const differences = arms.filter((arm) => !data.arms[arm].bound).map((arm) => [arm, `differences from ${data.arms[arm].name}`]);
    state.against = filled($("against"), [[VALUES, "values"], ...differences], wanted.against ?? VALUES);
    const given = (wanted.arm ?? []).filter((arm) => arms.includes(arm));
    const first = arms.filter((arm) => data.arms[arm].first);
    state.arm = given.length ? given : first.length ? first : arms.slice(0, 4);
    boxes(arms);
  };
  const boxes = (arms) => $("arms").querySelector("div").replaceChildren(...arms.map((arm) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: arm, checked: state.arm.includes(arm) });
    label.append(box, data.arms[arm].name);
    return label;
  }));
  const search = () => {
    const query = new URLSearchParams(SELECTS.filter((key) => ![VALUES, EVERY].includes(state[key])).map((key) => [key, state[key]]));
    for (const arm of state.arm) query.append("arm", arm);
    return `?${query}`;
  };

  // Points and means

  // A level: measure, arm, mean, low, high, values, and the seeds where they are not 0, 1, 2, ...
  const seedsOf = (level) => level[6] ?? level[5].map((_, place) => place);
  const collected = () => {
    const place = measure(), metric = data.measures[place].metric, points = [], means = [];
    const other = state.against === VALUES ? null : state.against;
    for (const condition of conditionsOf()) {
      const levels = condition.levels.filter((level) => level[0] === place);
      const base = other && levels.find((level) => level[1] === other);
      const before = base && new Map(seedsOf(base).map((seed, k) => [seed, base[5][k]]));
      if (other && !base) continue;
      for (const arm of state.arm) {
        const level = levels.find((each) => each[1] === arm);
        if (!level || arm === other) continue;
        const named = { condition: condition.name, id: condition.id, page: condition.page, arm, name: data.arms[arm].name };
        const values = [];
        seedsOf(level).forEach((seed, k) => {
          const value = level[5][k], from = before?.get(seed);
          if (value === null || (before && (from === null || from === undefined))) return;
          const shown = before ? value - from : value;
          values.push(shown);
          points.push({ ...named, seed, value: shown });
        });
        if (!values.length) continue;
        const mean = before ? values.reduce((sum, value) => sum + value, 0) / values.length : level[2];
        const [low, high] = before ? interval(condition, arm, other, metric) : [level[3], level[4]];
        means.push({ ...named, n: values.length, mean, low, high });
      }
    }
    return { points, means };
  };
  // The interval of a difference is that of the run's statistics, on the measure that they compare.
  const interval = (condition, arm, other, metric) => {
    if (data.measures[measure()].split !== "test") return [null, null];
    const pair = condition.pairs.find(([a, b, m]) => m === metric && ((a === arm && b === other) || (a === other && b === arm)));
    if (!pair || pair[4] === null) return [null, null];
    return pair[0] === arm ? [pair[4], pair[5]] : [-pair[5], -pair[4]];
  };

  // Chart

  const described = (measureName) => ({ points, means }) => ({
    points: points.map((each) => ({ ...each, said: `${each.name}, ${each.condition}, seed ${each.seed}: ${short(each.value)}` })),
    means: means.map((each) => ({ ...each, said: `${each.name}, ${each.condition}: mean ${measureName} ${short(each.mean)}${each.low === null ? "" : `, interval ${short(each.low)} to ${short(each.high)}`}, n = ${each.n}` })),
  });
  const short = (value) => (value === null ? "–" : Number(value.toPrecision(6)).toString().replace("-", "\u2212"));
  const spec = (points, means, title) => {
    const colors = COLORS[window.site.dark() ? "dark" : "light"];
    const [ink, soft, line] = ["ink", "soft", "line"].map(resolved);
    const arms = Object.keys(data.arms).filter((arm) => state.arm.includes(arm) && arm !== state.against);
    const names = arms.map((arm) => data.arms[arm].name);
    const conditions = [...new Set(means.map((each) => each.condition))];
    const known = means.filter((each) => each.low !== null);
    const wide = chart.clientWidth, narrow = wide < 560;
    const legend = { title: null, orient: "top", columns: narrow ? 1 : Math.max(1, Math.floor(wide / 190)), labelLimit: 220, symbolStrokeWidth: 0, symbolSize: 70, symbolOpacity: 1 };
    const color = { field: "name", type: "nominal", scale: { domain: names, range: arms.map((arm) => colors[data.arms[arm].color] ?? colors.grey) }, legend };
    const shape = { field: "name", type: "nominal", scale: { domain: names, range: shapes(arms) }, legend };
    const y = {
      field: "condition", type: "nominal", sort: null, scale: { domain: conditions, paddingInner: 0.25 },
      axis: { title: null, labelLimit: narrow ? Math.floor(wide * 0.4) : 330, grid: true, bandPosition: 0, tickBand: "extent", ticks: false },
    };
    const yOffset = { field: "name", type: "nominal", scale: { domain: names, paddingInner: 0.1 } };
    const tip = (fields) => fields.map(([field, name]) => ({ field, title: name, ...(["value", "mean", "low", "high"].includes(field) ? { type: "quantitative", format: ".6~g" } : {}) }));
    const zero = state.against === VALUES ? [] : [{ data: { values: [{}] }, mark: { type: "rule", color: soft, aria: false }, encoding: { x: { datum: 0 } } }];
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v6.json",
      width: wide, height: Math.max(70, conditions.length * (14 * arms.length + 10)),
      autosize: { type: "fit-x", contains: "padding" }, background: null, padding: 2,
      config: {
        font: "system-ui, sans-serif", view: { stroke: null }, aria: true,
        axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: soft, tickColor: soft, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
        legend: { labelColor: ink, labelFontSize: 12 },
      },
      layer: [
        ...zero,
        {
          name: "seeds", data: { values: points },
          mark: { type: "point", filled: true, size: 16, opacity: points.length > MANY ? 0.15 : 0.5, aria: points.length <= MANY },
          encoding: { x: { field: "value", type: "quantitative", title, scale: { zero: false, nice: true } }, y, yOffset, color, shape, description: { field: "said" }, tooltip: tip([["name", "Arm"], ["condition", "Condition"], ["seed", "Seed"], ["value", "Value"]]) },
        },
        ...(known.length ? [{
          name: "intervals", data: { values: known }, mark: { type: "rule", strokeWidth: 2, aria: false },
          encoding: { x: { field: "low", type: "quantitative" }, x2: { field: "high" }, y, yOffset, color },
        }] : []),
        {
          name: "means", data: { values: means }, mark: { type: "point", filled: true, size: 75, opacity: 1, stroke: null },
          encoding: { x: { field: "mean", type: "quantitative" }, y, yOffset, color, shape, description: { field: "said" }, tooltip: tip([["name", "Arm"], ["condition", "Condition"], ["mean", "Mean"], ["low", "From"], ["high", "To"], ["n", "n"]]) },
        },
      ],
    };
  };
  // Arms of one colour have different shapes.
  const SHAPES = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-left", "triangle-right"];
  const shapes = (arms) => {
    const taken = new Set();
    return arms.map((arm) => {
      const { color, shape } = data.arms[arm];
      const free = [shape, ...SHAPES].find((each) => !taken.has(`${color} ${each}`)) ?? shape;
      taken.add(`${color} ${free}`);
      return free;
    });
  };
  // light-dark() in a custom property is resolved only where a colour is used.
  const resolved = (name) => {
    const probe = document.createElement("span");
    probe.className = `of-${name}`;
    chart.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    return color;
  };

  const draw = async () => {
    const mine = ++turn, found = data.measures[measure()];
    const { points, means } = described(found.name)(collected());
    const difference = state.against === VALUES ? "" : `difference from ${data.arms[state.against].name}: `;
    const better = found.lower === null ? "" : found.lower ? " (lower is better)" : " (higher is better)";
    const title = `${difference}${found.name}${found.unit ? `, ${found.unit}` : ""}${state.against === VALUES ? better : ""}`;
    const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
    const counted = (name) => new Set(means.map((each) => each[name])).size;
    const without = difference && means.some((each) => each.low === null) ? " A difference that the statistics do not have is shown without one." : "";
    said.textContent = means.length
      ? `${count(points.length, "point")} of ${count(counted("arm"), "arm")} in ${count(counted("condition"), "condition")}; intervals at ${100 * data.confidence} %.${without}`
      : "Nothing to show: choose an arm.";
    table($("means"), ["Condition", "Arm", "n", "Mean", "From", "To"], means.map((each) => [[each.condition, each.page], each.name, each.n, short(each.mean), short(each.low), short(each.high)]));
    table($("rows"), ["Condition", "Arm", "Seed", "Value"], points.slice(0, SHOWN).map((each) => [[each.condition, each.page], each.name, each.seed, short(each.value)]));
    $("rows").caption.textContent = points.length > SHOWN ? `The first ${SHOWN} of ${points.length} rows; the CSV has all` : `${points.length} rows`;
    drawn?.finalize();
    drawn = null;
    chart.replaceChildren();
    chart.setAttribute("aria-label", `Chart: ${title}`);
    if (!means.length) return;
    const made = await window.vegaEmbed(chart, spec(points, means, title), { ast: true, actions: false, defaultStyle: false, renderer: "svg", tooltip: { disableDefaultStyle: true } });
    if (mine === turn) { drawn = made; window.site.view = made.view; } else made.finalize();
  };
  const table = (element, heads, rows) => {
    const cell = (tag, content) => {
      const made = document.createElement(tag);
      const [text, href] = Array.isArray(content) ? content : [content];
      if (href) made.append(Object.assign(document.createElement("a"), { href, textContent: text }));
      else made.textContent = text;
      return made;
    };
    const line = (cells) => { const row = document.createElement("tr"); row.append(...cells); return row; };
    element.tHead.replaceChildren(line(heads.map((text) => Object.assign(cell("th", text), { scope: "col" }))));
    element.tBodies[0].replaceChildren(...rows.map(([first, ...rest]) => line([Object.assign(cell("th", first), { scope: "row" }), ...rest.map((each) => cell("td", each))])));
  };

  // Controls

  const show = async (wanted, how) => {
    const known = [...$("study").options].map((option) => option.value);
    try {
      data = await load(known.includes(wanted.study) ? wanted.study : known[0]);
    } catch (error) { said.textContent = error.message; return; }
    settle(wanted);
    if (how) remember(how, search());
    await draw();
  };
  const asked = () => {
    const query = new URLSearchParams(location.search);
    return { ...Object.fromEntries(SELECTS.filter((key) => query.has(key)).map((key) => [key, query.get(key)])), arm: query.getAll("arm") };
  };
  for (const key of SELECTS)
    $(key).addEventListener("change", () => show(key === "study" ? { study: $("study").value } : { ...state, ...(key === "experiment" ? { condition: EVERY } : {}), [key]: $(key).value }, "pushState"));
  $("arms").addEventListener("change", () => {
    state.arm = [...$("arms").querySelectorAll("input:checked")].map((box) => box.value);
    remember("pushState", search());
    draw();
  });
  $("share").addEventListener("click", (event) => copy(address(search()), event.target, said));
  $("csv").addEventListener("click", () => {
    const { metric, split, unit } = data.measures[measure()];
    const rows = collected().points.map((each) => [data.study, each.id, each.arm, each.seed, split, metric, state.against === VALUES ? "" : state.against, each.value, unit]);
    saved(`${data.study}-${metric}.csv`, csv([["study", "condition", "arm", "seed", "split", "metric", "minus", "value", "unit"], ...rows]));
  });
  addEventListener("popstate", () => show(asked()));
  addEventListener("themechange", () => data && draw());
  let waiting = 0, width = 0;
  new ResizeObserver(() => {
    if (!data || chart.clientWidth === width) return;
    width = chart.clientWidth;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 150);
  }).observe(chart);
  if ($("study").options.length) show(asked(), "replaceState");
  else said.textContent = "This run has no rows to show.";
});
