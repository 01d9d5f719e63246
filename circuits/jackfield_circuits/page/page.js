"use strict";

/* The page: controls, details, tables and keys, around one circuit, one filter and one picture. */

const by = (id) => document.getElementById(id);
const circuit = readCircuit(JSON.parse(by("content").textContent));
const filter = new Filter(circuit);
const picture = new Picture(by("frame"), circuit, filter);
const Q_VALUES = [null, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001, 1e-4, 1e-6, 1e-9];
const ROWS = 200, CLAIMS_ON_CARD = 3, MATCHES = 12, STRONGEST = 12;
const OPEN = new Set([filter.facets.plugin, filter.facets.basis, filter.facets.kind]);

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
let theme = null;

/* Dark or light is the system's choice until it is switched here. */
function showTheme() {
  const dark = theme === null ? prefersDark.matches : theme === "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  by("theme").textContent = dark ? "Light" : "Dark";
  by("theme").setAttribute("aria-label", `Switch to ${dark ? "light" : "dark"} colours`);
  picture.recolour();
}

function say(text) {
  by("said").textContent = text;
}

/* Follow a change of the filter. */
function refresh() {
  filter.apply();
  show();
}

function show() {
  const nodes = filter.nodes.length, edges = filter.edges.length;
  by("count").textContent = `${plural(nodes, "node")} of ${circuit.nodes.length.toLocaleString("en")}, `
    + `${plural(edges, "edge")} of ${circuit.edges.length.toLocaleString("en")}`;
  by("empty").hidden = nodes > 0;
  by("findings").checked = filter.findings;
  by("conflicts").checked = filter.conflicts;
  by("measure").value = filter.measure === null ? "" : String(circuit.measures.indexOf(filter.measure));
  showThresholds();
  picture.pointAt(null);
  if (picture.focused && !picture.focused.shown) picture.focused = null;
  picture.refresh();
  showDetails();
  if (!by("table").hidden) showTable();
}

function showThresholds() {
  const share = filter.least, { measure } = filter;
  const least = share === 0 ? "any" : measure
    ? `${spellNumber(share * (measure.largest || 1))}` : `${spellNumber(100 * share)} % of the largest`;
  const largest = filter.largest === null ? "any" : spellNumber(filter.largest);
  by("least").value = String(Math.round(100 * Math.sqrt(share)));
  by("largest").value = String(Q_VALUES.indexOf(filter.largest));
  for (const [id, text] of [["least", least], ["largest", largest]]) {
    by(`${id}-said`).textContent = text;
    by(id).setAttribute("aria-valuetext", text);
  }
}

function buildControls() {
  by("measure").append(make("option", { value: "" }, "all metrics"));
  circuit.measures.forEach((measure, index) => by("measure").append(make("option", { value: String(index) }, measure.name)));
  by("largest").max = String(Q_VALUES.length - 1);
  const change = (id, event, set) => by(id).addEventListener(event, () => {
    set(by(id));
    refresh();
  });
  change("findings", "change", (box) => { filter.findings = box.checked; });
  change("conflicts", "change", (box) => { filter.conflicts = box.checked; });
  change("measure", "change", (choice) => { filter.measure = choice.value === "" ? null : circuit.measures[Number(choice.value)]; });
  change("least", "input", (slider) => { filter.least = (Number(slider.value) / 100) ** 2; });
  change("largest", "input", (slider) => { filter.largest = Q_VALUES[Number(slider.value)]; });
  for (const facet of Object.values(filter.facets)) if (facet.names.length > 1) by("facets").append(buildFacet(facet));
  by("reset").addEventListener("click", () => {
    filter.reset();
    for (const box of by("facets").querySelectorAll("input")) box.checked = true;
    show();
    picture.fit();
  });
}

function buildFacet(facet) {
  const names = make("div", { class: "names" });
  const boxes = facet.names.map((name) => {
    const box = make("input", { type: "checkbox", value: name });
    box.checked = true;
    box.addEventListener("change", () => {
      if (box.checked) facet.chosen.add(name);
      else facet.chosen.delete(name);
      refresh();
    });
    const count = make("span", { class: "quiet" }, facet.counts.get(name).toLocaleString("en"));
    names.append(make("label", {}, box, make("span", {}, make("bdi", {}, name)), count));
    return box;
  });
  const choose = (text, chosen) => make("button", { type: "button", class: "link", "aria-label": `${facet.title}: ${text}`, onclick: () => {
    facet.chosen = new Set(chosen);
    for (const box of boxes) box.checked = facet.chosen.has(box.value);
    refresh();
  } }, text);
  const box = make("details", {}, make("summary", {}, facet.title),
    make("fieldset", { "aria-label": facet.title }, choose("all", facet.names), choose("none", []), names));
  box.open = OPEN.has(facet);
  return box;
}

/* Select a node or an edge, or nothing. */
function select(element) {
  picture.selected = element;
  if (element && element.isNode) picture.focused = element;
  showDetails();
  picture.drawAbove();
  say(element ? `selected ${sayElement(element)}` : "nothing selected");
}

function showDetails() {
  const element = picture.selected, details = by("details"), inside = details.contains(document.activeElement);
  details.classList.toggle("idle", !element);
  details.replaceChildren(...(element ? describeSelected(element) : describeCircuit()));
  if (inside) details.focus();
}

function describeSelected(element) {
  const close = make("button", { type: "button", class: "close", onclick: () => {
    select(null);
    focusOnView();
  } }, "Close");
  const told = [close, headingOf(element, "h2")], claims = describeClaims(element, Infinity);
  if (!element.isNode) {
    const end = (node) => make("button", { type: "button", class: "link", onclick: () => goTo(node) }, make("bdi", {}, node.id));
    const receiver = element.receiver ? ` as ${element.receiver}` : "";
    return [...told, make("p", {}, "from ", end(element.from), " to ", end(element.to), receiver), ...claims];
  }
  const layer = element.layer === null ? "" : `, layer ${element.layer}`;
  return [
    ...told,
    make("p", { class: "quiet" }, `${element.kind}${layer}`),
    ...claims,
    ...tabulateEdges("What feeds it", element.incoming, "from"),
    ...tabulateEdges("What it feeds", element.outgoing, "to"),
  ];
}

/* What stands in the place of the details while nothing is selected. */
function describeCircuit() {
  const findings = (elements) => elements.filter(({ claims }) => claims.some(({ finding }) => finding)).length;
  const conflicts = circuit.elements.filter(({ verdict }) => verdict === "conflict").length;
  const runs = make("ul");
  for (const run of circuit.runs) runs.append(make("li", {}, ...describeRun(run)));
  const strongest = filter.edges.length ? filter.edges.slice(-STRONGEST).reverse() : strongestFirst(filter.nodes).slice(0, STRONGEST);
  return [
    make("h2", {}, "The circuit"),
    make("p", {}, `${plural(findings(circuit.nodes), "node")} and ${plural(findings(circuit.edges), "edge")} carry a finding: `
      + `a claim that is significant after correction (q ≤ ${spellNumber(circuit.alpha)}) and whose whole interval is farther `
      + "from zero than its control's."),
    make("p", {}, conflicts ? `Findings contradict each other about ${conflicts} ${conflicts === 1 ? "node or edge" : "nodes and edges"}.` : "No findings contradict each other."),
    make("p", { class: "quiet" }, "Point at a node or an edge to see its claims; select it to see what feeds it and what it feeds."),
    make("h3", {}, "Strongest of what is shown"),
    make("div", { class: "scroll" }, tabulate("by share of the largest score of the same metric", "name", strongest, select)),
    make("h3", {}, "Runs"),
    runs,
  ];
}

/* The edges at one node, as a table of their other ends, which lead there. */
function tabulateEdges(title, edges, end) {
  const shown = strongestFirst(edges.filter((edge) => edge.shown)), heading = make("h3", {}, `${title} (${shown.length})`);
  if (!shown.length) return [heading, make("p", { class: "quiet" }, "No edge that is shown.")];
  const namer = (edge) => edge[end].id + (edge.receiver ? ` (${edge.receiver})` : "");
  const most = shown.slice(0, ROWS), caption = most.length < shown.length ? `the ${ROWS} strongest` : "the strongest first";
  return [heading, make("div", { class: "scroll" }, tabulate(caption, "node", most, (edge) => goTo(edge[end]), namer))];
}

function strongestFirst(elements) {
  return [...elements].sort((one, other) => other.rank - one.rank);
}

function showTable() {
  by("table").replaceChildren();
  for (const [noun, elements] of [["edge", filter.edges], ["node", filter.nodes]]) {
    const sorted = strongestFirst(elements);
    const caption = `${plural(sorted.length, noun)}, findings and the strongest first`;
    const table = tabulate(caption, noun, sorted.slice(0, ROWS), select);
    by("table").append(table);
    if (sorted.length <= ROWS) continue;
    let told = ROWS;
    const more = make("button", { type: "button", onclick: () => {
      for (const element of sorted.slice(told, told + ROWS)) table.tBodies[0].append(tabulateRow(element, select, ({ name }) => name));
      told += ROWS;
      if (told >= sorted.length) more.remove();
    } }, `Show ${ROWS} more ${noun}s`);
    by("table").append(more);
  }
}

function look(asTable) {
  by("table").hidden = !asTable;
  for (const id of ["frame", "legend", "keys"]) by(id).hidden = asTable;
  document.querySelector(".zoom").hidden = asTable;
  by("as-table").setAttribute("aria-pressed", String(asTable));
  by("as-picture").setAttribute("aria-pressed", String(!asTable));
  if (asTable) showTable();
}

/* A row of a table points at what it is about. */
function pointFromRow(event) {
  const row = event.target.closest("tr[data-number]"), element = row ? circuit.elements[Number(row.dataset.number)] : null;
  if (element === picture.pointed) return;
  picture.pointAt(element);
  if (element && event.type === "focusin") say(sayElement(element));
}

/* The card beside what is pointed at. */
function showCard(element) {
  const card = by("card");
  card.hidden = !element;
  card.replaceChildren();
  if (!element) return;
  card.append(headingOf(element, "h2"), ...describeClaims(element, CLAIMS_ON_CARD));
  const { left, top, width, height } = by("frame").getBoundingClientRect();
  const anchor = element.isNode ? picture.positionOf(element) : picture.pointer || picture.middleOf(element);
  const [x, y] = [anchor[0] - left, anchor[1] - top], away = element.isNode ? element.half * picture.transform.k * picture.growth + 12 : 16;
  const fitsRight = x + away + card.offsetWidth < width, fitsLeft = x - away - card.offsetWidth > 0;
  const centred = Math.max(8, Math.min(x - card.offsetWidth / 2, width - card.offsetWidth - 8));
  card.style.left = `${fitsRight ? x + away : fitsLeft ? x - away - card.offsetWidth : centred}px`;
  const below = Math.min(y - 20, height - card.offsetHeight - 8);
  card.style.top = `${Math.max(8, fitsRight || fitsLeft ? below : y + 24)}px`;
}

/* Where the keys go when what had them is gone: the picture, or the table in its place. */
function focusOnView() {
  by(by("table").hidden ? "frame" : "table").focus();
}

/* Go to a node, shown by the filter or not, and select it. */
function goTo(node) {
  select(node);
  if (node.shown) picture.reveal(node);
  else say(`${node.id} does not pass the filters`);
}

function showMatches() {
  const found = searchNodes(circuit.nodes, by("wanted").value), list = by("matches");
  picture.matches = new Set(found);
  picture.drawAbove();
  list.hidden = by("wanted").value.trim() === "";
  list.replaceChildren(...found.slice(0, MATCHES).map((node) => {
    const hidden = node.shown ? "" : " (filtered out)";
    return make("li", {}, make("button", { type: "button", onclick: () => chooseMatch(node) }, make("bdi", {}, node.id), hidden));
  }));
  if (!found.length) list.append(make("li", { class: "quiet" }, "No node of this id."));
  if (found.length > MATCHES) list.append(make("li", { class: "quiet" }, `and ${found.length - MATCHES} more`));
  if (!list.hidden) say(`${plural(found.length, "node")} found`);
  return found;
}

function chooseMatch(node) {
  endSearch();
  goTo(node);
  focusOnView();
}

function endSearch() {
  by("matches").hidden = true;
  picture.matches = new Set();
  picture.drawAbove();
}

/* A page that is opened as circuit.html#a5.h1 shows that node first. */
function followAddress() {
  let wanted = location.hash.slice(1);
  try {
    wanted = decodeURIComponent(wanted);
  } catch {
    return;
  }
  const node = circuit.nodes.find(({ id }) => id === wanted);
  if (node) goTo(node);
}

/* The node that an arrow leads to: the nearest in the next row that way, or the next in the row. */
function neighbourOf(node, key) {
  const across = key === "ArrowLeft" || key === "ArrowRight", sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
  const ahead = filter.nodes.filter((each) => (across ? each.y === node.y && (each.x - node.x) * sign > 0 : (each.y - node.y) * sign > 0));
  const cost = (each) => (across ? Math.abs(each.x - node.x) : 1e6 * Math.abs(each.y - node.y) + Math.abs(each.x - node.x));
  return ahead.reduce((best, each) => (best && cost(best) <= cost(each) ? best : each), null);
}

function focusOn(node) {
  picture.focused = node;
  picture.reveal(node);
  picture.pointAt(node);
  picture.drawAbove();
  say(sayElement(node));
}

const KEYS = {
  "+": () => picture.scaleBy(1.3),
  "=": () => picture.scaleBy(1.3),
  "-": () => picture.scaleBy(1 / 1.3),
  "0": () => picture.fit(),
  "Home": () => filter.nodes.length && focusOn(filter.nodes[0]),
  "End": () => filter.nodes.length && focusOn(filter.nodes[filter.nodes.length - 1]),
  "Enter": () => picture.focused && select(picture.focused),
  " ": () => picture.focused && select(picture.focused),
};

function pressInPicture(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.startsWith("Arrow")) {
    const { focused } = picture;
    const next = focused ? neighbourOf(focused, event.key) : filter.nodes[0];
    if (next) focusOn(next);
    else if (focused) say(`no node further that way; ${focused.id}`);
  } else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
}

function pressAnywhere(event) {
  const typing = event.target.matches("input[type=search], select");
  if (event.key === "/" && !typing) {
    by("wanted").focus();
    event.preventDefault();
  } else if (event.key === "Escape") {
    if (!by("matches").hidden) endSearch();
    else if (!by("card").hidden) picture.pointAt(null);
    else if (picture.selected) {
      select(null);
      focusOnView();
    }
  }
}

buildControls();
picture.onPoint = showCard;
picture.onChoose = select;
for (const kind of ["pointerover", "focusin"]) by("details").addEventListener(kind, pointFromRow);
by("details").addEventListener("pointerleave", () => picture.pointAt(null));
by("theme").addEventListener("click", () => {
  theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  showTheme();
});
prefersDark.addEventListener("change", showTheme);
by("as-picture").addEventListener("click", () => look(false));
by("as-table").addEventListener("click", () => look(true));
by("closer").addEventListener("click", KEYS["+"]);
by("farther").addEventListener("click", KEYS["-"]);
by("whole").addEventListener("click", () => picture.fit());
by("frame").addEventListener("keydown", pressInPicture);
by("frame").addEventListener("focus", () => picture.drawAbove());
by("frame").addEventListener("blur", () => {
  picture.pointAt(null);
  picture.drawAbove();
});
by("wanted").addEventListener("input", showMatches);
by("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const [first] = showMatches();
  if (first) chooseMatch(first);
});
document.addEventListener("keydown", pressAnywhere);
by("filters").open = matchMedia("(min-width: 44.01rem)").matches;
addEventListener("hashchange", followAddress);
showTheme();
show();
followAddress();
