// Interactive charts: curves over training, and accuracy against cost. Library and data are in the page, compressed.
const at = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const COSTS = [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 50, 100];
const BUTTONS = [["zoom2d", "pan2d", "resetScale2d", "toImage"]]; // all that work without a network
const CONFIG = { displaylogo: false, showSendToCloud: false, responsive: true, modeBarButtons: BUTTONS };
let data = null;

async function unpack(id) {
  const bytes = Uint8Array.from(atob(at(id).textContent.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// Colours are chosen for white paper; on dark paper they are mixed with white.
function tint(color, alpha = 1) {
  const parts = [1, 3, 5].map((k) => parseInt(color.slice(k, k + 2), 16));
  const shown = dark.matches ? parts.map((part) => Math.round(part + 0.5 * (255 - part))) : parts;
  return `rgba(${shown.join(",")},${alpha})`;
}
function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
function layout(x, y) {
  const quiet = variable("--quiet");
  const axis = { gridcolor: variable("--line"), linecolor: quiet, zerolinecolor: quiet, automargin: true };
  return {
    font: { color: variable("--ink"), family: getComputedStyle(document.body).fontFamily, size: 12.5 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 55, r: 14, t: 34, b: 48 },
    showlegend: false,
    hovermode: "closest",
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", // a finger scrolls the page
    modebar: { bgcolor: "rgba(0,0,0,0)", color: variable("--quiet"), activecolor: variable("--link") },
    hoverlabel: { bgcolor: variable("--soft"), bordercolor: variable("--quiet"), font: { color: variable("--ink") } },
    xaxis: { ...axis, ...x },
    yaxis: { ...axis, ...y },
  };
}
// The old choice stays if it is among the new ones.
function fill(select, names) {
  const kept = names.includes(select.value) ? select.value : names[0];
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  select.value = kept;
}

// Of places on the screen those whose names do not run into each other, the highest first.
function apart(places, all) {
  const span = (values) => Math.max(...values) - Math.min(...values) || 1;
  const across = ([, place]) => Math.log(place.x), up = ([, place]) => place.y;
  const wide = 0.5 * span(all.map(across)), high = 0.09 * span(all.map(up));
  const kept = [];
  for (const one of places.toSorted((a, b) => up(b) - up(a))) {
    const near = (other) => Math.abs(up(other) - up(one)) < high && Math.abs(across(other) - across(one)) < wide;
    if (!kept.some(near)) kept.push(one);
  }
  return new Set(kept.map(([row]) => row));
}

function drawCost() {
  const places = Object.entries(data.costs[at("cost-suite").value]);
  const of = (get) => places.map(([row, place]) => get(place, data.rows[row], row));
  const efficient = places.filter(([, place]) => place.best).sort(([, a], [, b]) => a.x - b.x);
  const line = {
    x: efficient.map(([, place]) => place.x),
    y: efficient.map(([, place]) => place.y),
    mode: "lines",
    hoverinfo: "skip",
    line: { color: variable("--quiet"), dash: "dot", width: 1 },
  };
  const named = apart(efficient, places);
  const bar = (end, sign) => of((place) => (place[end] === null ? 0 : sign * (place[end] - place.y)));
  const marks = {
    x: of((place) => place.x),
    y: of((place) => place.y),
    mode: "markers+text",
    text: of((place, _, row) => (named.has(row) ? row : "")),
    textposition: "top center",
    cliponaxis: false,
    hovertext: of((place) => place.text),
    hovertemplate: "%{hovertext}<extra></extra>",
    marker: { size: 10, color: of((_, look) => tint(look.color)), symbol: of((_, look) => look.symbol) },
    error_y: {
      type: "data",
      symmetric: false,
      array: bar("high", 1),
      arrayminus: bar("low", -1),
      thickness: 1,
      width: 0,
      color: variable("--quiet"),
    },
  };
  const costs = marks.x.map(Math.log10);
  const range = [Math.min(...costs) - 0.15, Math.max(...costs) + 0.15];
  const ticks = { tickvals: COSTS, ticktext: COSTS.map((cost) => `${cost}×`) };
  const x = { type: "log", range, ...ticks, title: { text: "time of a training step" } };
  Plotly.react("cost-plot", [line, marks], layout(x, { title: { text: "Δ taskwise, %" } }), CONFIG);
  at("cost-plot").setAttribute("aria-label", `Δ against cost of ${places.length} methods: ${at("cost-suite").value}`);
}

const chosen = {}; // suite -> the rows to show
const suite = () => data.suites[at("curves-suite").value];
const picked = () => suite().measures[at("curves-measure").value][at("curves-choice").value];
const rows = () => (chosen[at("curves-suite").value] ??= new Set(suite().shown));

function band(row, line, alpha) {
  const x = [...line.x, ...line.x.toReversed()], y = [...line.high, ...line.low.toReversed()];
  const fillcolor = tint(data.rows[row].color, alpha);
  return { x, y, fill: "toself", fillcolor, line: { width: 0 }, mode: "lines", hoverinfo: "skip" };
}
function curve(row, line) {
  const look = data.rows[row], ends = line.low ? line.x.map((_, k) => [line.low[k], line.high[k]]) : undefined;
  const range = ends ? "<br>seeds %{customdata[0]} to %{customdata[1]}" : "";
  const style = { color: tint(look.color), dash: look.dash, width: 2 };
  return {
    x: line.x,
    y: line.y,
    customdata: ends,
    name: row,
    mode: "lines+markers",
    line: style,
    marker: { size: 5, symbol: look.symbol },
    hovertemplate: `<b>${row}</b><br>step %{x}<br>%{y}${range}<extra></extra>`,
  };
}
function drawCurves() {
  const { lines, scale } = picked(), shown = Object.entries(lines).filter(([row]) => rows().has(row));
  const ranges = at("curves-range").checked ? shown.filter(([, line]) => line.low) : [];
  const bands = ranges.map(([row, line]) => band(row, line, Math.min(0.16, 0.8 / ranges.length)));
  const what = `${at("curves-measure").value}, ${at("curves-choice").value}`;
  const traces = [...bands, ...shown.map(([row, line]) => curve(row, line))];
  const y = { type: scale, title: { text: at("curves-measure").value } };
  Plotly.react("curves-plot", traces, layout({ title: { text: "step" } }, y), CONFIG);
  at("curves-plot").setAttribute("aria-label", `${what}, on ${at("curves-suite").value}: curves of ${shown.length} methods`);
}
function listRows() {
  const there = Object.keys(data.rows).filter((row) => row in picked().lines);
  at("curves-rows").replaceChildren(
    ...there.map((row) => {
      const label = tick(row, rows().has(row), (checked) => {
        if (checked) rows().add(row);
        else rows().delete(row);
        drawCurves();
      });
      const swatch = document.createElement("i");
      swatch.style.background = tint(data.rows[row].color);
      label.children[0].after(swatch);
      return label;
    }),
  );
}
function choose() {
  fill(at("curves-measure"), Object.keys(suite().measures));
  fill(at("curves-choice"), Object.keys(suite().measures[at("curves-measure").value]));
  listRows();
  drawCurves();
}

async function start() {
  try {
    const library = document.createElement("script");
    [library.textContent, data] = [await unpack("library"), JSON.parse(await unpack("data"))];
    document.head.append(library);
    const filled = (found, inside) => Object.keys(found).filter((name) => Object.keys(inside(found[name])).length);
    fill(at("cost-suite"), filled(data.costs, (places) => places));
    fill(at("curves-suite"), filled(data.suites, (one) => one.measures));
    for (const [id, draw] of [["cost-suite", drawCost], ["curves-suite", choose]]) {
      const some = at(id).value !== "";
      at(id).closest(".interactive").hidden = !some;
      if (some) draw();
    }
  } catch (error) {
    for (const status of document.querySelectorAll(".interactive .status")) {
      status.parentElement.classList.add("failed");
      status.textContent = `This browser cannot show the interactive chart (${error.message}); the pictures show the same.`;
    }
    return;
  }
  for (const status of document.querySelectorAll(".interactive .status")) status.remove();
  at("cost-suite").addEventListener("change", drawCost);
  for (const id of ["curves-suite", "curves-measure", "curves-choice"]) at(id).addEventListener("change", choose);
  at("curves-range").addEventListener("change", drawCurves);
  for (const button of document.querySelectorAll("[data-rows]")) {
    button.addEventListener("click", () => {
      const kinds = { shown: suite().shown, all: Object.keys(data.rows), none: [] };
      chosen[at("curves-suite").value] = new Set(kinds[button.dataset.rows]);
      choose();
    });
  }
  dark.addEventListener("change", () => {
    if (at("cost-suite").value) drawCost();
    if (at("curves-suite").value) choose();
  });
}
// The library takes a moment to unpack, so it waits until a chart comes near.
const near = new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) {
    near.disconnect();
    start();
  }
}, { rootMargin: "800px" });
for (const place of document.querySelectorAll(".interactive")) {
  place.hidden = false;
  near.observe(place);
}
