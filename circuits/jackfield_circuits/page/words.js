"use strict";

/* The circuit in words: what is claimed about a node or an edge, as elements of the page. All text is set as text. */

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

function spellNumber(value) {
  if (value === null) return "";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = value === 0 ? "0" : size >= 1e-3 && size < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
  return text.replaceAll("-", "−");
}

function spellInterval(low, high) {
  return low === null ? "" : `[${spellNumber(low)}, ${spellNumber(high)}]`;
}

function spellControl(claim) {
  if (claim.control === null) return "none";
  const kind = claim.source.control_kind ? ` (${claim.source.control_kind})` : "";
  return `${spellNumber(claim.control)} ${spellInterval(claim.control_low, claim.control_high)}`.trim() + kind;
}

function spellScore(claim) {
  return `${spellNumber(claim.score)} ${spellInterval(claim.low, claim.high)}`.trim();
}

function markOf(element) {
  if (element.verdict === "conflict") return "conflict";
  return element.voice && element.voice.finding ? "finding" : "";
}

/* One claim with everything that says how sure it is. */
function describeClaim(claim) {
  const { source, run } = claim;
  const rows = [
    ["score", [make("strong", { class: claim.score < 0 ? "negative" : "positive" }, spellNumber(claim.score)), ` ${source.unit}`]],
    ["interval", [claim.low === null ? "none" : `${spellInterval(claim.low, claim.high)}, ${spellNumber(100 * source.level)} %`]],
    ["control", [spellControl(claim)]],
    ["q-value", [claim.q_value === null ? "not tested" : spellNumber(claim.q_value)]],
    ["prompts", [String(source.n)]],
    ...(source.position === null ? [] : [["position", [source.position]]]),
    ["metric", [source.metric]],
    ["run", describeRun(run)],
  ];
  const list = make("dl");
  for (const [term, value] of rows) list.append(make("dt", {}, term), make("dd", {}, ...value));
  const heading = make("p", { class: "claimant" }, make("strong", {}, source.plugin), ` ${source.method}`);
  if (claim.finding) heading.append(" ", make("span", { class: "badge" }, "finding"));
  return make("article", { class: "claim" }, heading, list);
}

function describeRun(run) {
  const told = run.told.map(([field, value]) => `${field} ${value}`).join(", ");
  const digest = make("code", {}, run.digest);
  return [run.link ? make("a", { href: run.link }, digest) : digest, told ? `: ${told}` : ""];
}

/* The claims that pass the filter, the strongest first, at most some number of them. */
function describeClaims(element, most) {
  const claims = [...element.passing].sort((one, other) => (isStronger(one, other) ? -1 : isStronger(other, one) ? 1 : 0));
  const parts = claims.slice(0, most).map(describeClaim);
  const left = claims.length - parts.length, hidden = element.claims.length - claims.length;
  if (!element.claims.length) parts.push(make("p", { class: "quiet" }, "Nothing is claimed about it."));
  if (left) parts.push(make("p", { class: "quiet" }, `${plural(left, "more claim")}: select it to see all.`));
  if (hidden) parts.push(make("p", { class: "quiet" }, `${plural(hidden, "claim")} not counted by the filter.`));
  return parts;
}

function headingOf(element, level) {
  const heading = make(level, {}, make("bdi", {}, element.name));
  const mark = markOf(element);
  if (mark === "conflict") heading.append(" ", make("span", { class: "badge conflict" }, "findings in conflict"));
  return heading;
}

/* A node or an edge in one sentence, to be read out. */
function sayElement(element) {
  const voice = element.voice;
  const score = voice ? `; ${voice.source.metric} ${spellScore(voice)}${voice.finding ? ", a finding" : ""}` : "";
  if (!element.isNode) return `edge ${element.name}${score}`;
  const shown = (edges) => edges.filter((edge) => edge.shown).length;
  const layer = element.layer === null ? "" : `, layer ${element.layer}`;
  return `${element.name}, ${element.kind}${layer}; ${shown(element.incoming)} edges in, ${shown(element.outgoing)} out${score}`;
}

const COLUMNS = ["score [interval]", "control", "q-value", "prompts", "plugin", "method", "run"];
const NUMERIC = new Set(["score [interval]", "control", "q-value", "prompts"]);

/* A table of nodes or edges, each with the claim that speaks for it. Its first column is a button that selects. */
function tabulate(caption, noun, elements, choose, namer = (element) => element.name) {
  const head = make("tr");
  for (const column of [noun, ...COLUMNS]) {
    head.append(make("th", { scope: "col", class: NUMERIC.has(column) ? "number" : null }, column));
  }
  const body = make("tbody");
  for (const element of elements) body.append(tabulateRow(element, choose, namer));
  return make("table", {}, make("caption", {}, caption), make("thead", {}, head), body);
}

function tabulateRow(element, choose, namer) {
  const voice = element.voice;
  const button = make("button", { type: "button", class: "link", onclick: () => choose(element) }, make("bdi", {}, namer(element)));
  const row = make("tr", { "data-number": String(element.number) }, make("th", { scope: "row" }, button));
  const mark = markOf(element);
  if (mark) row.firstChild.append(" ", make("span", { class: `dot ${mark}`, role: "img", "aria-label": mark, title: mark }, "•"));
  const cells = voice
    ? [spellScore(voice), spellControl(voice), spellNumber(voice.q_value), String(voice.source.n), voice.source.plugin,
      voice.source.method, voice.run.digest]
    : COLUMNS.map(() => "");
  cells.forEach((text, index) => row.append(make("td", { class: NUMERIC.has(COLUMNS[index]) ? "number" : null }, text)));
  return row;
}
