"use strict";

/* The circuit, read from the page's data: nodes, edges, and the claims about them, joined to each other. */

function readNumber(value) {
  if (value === "inf") return Infinity;
  return value === "-inf" ? -Infinity : value;
}

function readCircuit(data) {
  const nodes = data.nodes.id.map((id, number) => ({
    number, id, isNode: true, name: id, kind: data.nodes.kind[number], layer: data.nodes.layer[number],
    column: data.nodes.x[number], x: data.nodes.x[number], y: data.nodes.y[number], incoming: [], outgoing: [], claims: [],
    verdict: data.verdicts[number],
  }));
  const edges = data.edges.source.map((source, index) => {
    const from = nodes[source], to = nodes[data.edges.target[index]], receiver = data.edges.receiver[index];
    const edge = {
      number: nodes.length + index, isNode: false, from, to, receiver, claims: [],
      name: `${from.id}->${to.id}` + (receiver ? `<${receiver}>` : ""), verdict: data.verdicts[nodes.length + index],
    };
    from.outgoing.push(edge);
    to.incoming.push(edge);
    return edge;
  });
  const elements = [...nodes, ...edges];
  const measures = readMeasures(data.sources);
  const numbers = ["score", "low", "high", "control", "control_low", "control_high", "q_value"];
  const claims = data.claims.element.map((element, index) => {
    const claim = {
      element: elements[element], source: data.sources[data.claims.source[index]],
      finding: data.claims.finding[index] === 1,
    };
    for (const name of numbers) claim[name] = readNumber(data.claims[name][index]);
    claim.measure = measures.get(spellMeasure(claim.source));
    claim.run = data.runs[claim.source.run];
    claim.element.claims.push(claim);
    return claim;
  });
  weigh(claims, [...measures.values()]);
  return { nodes, edges, elements, claims, measures: [...measures.values()], bands: data.bands, runs: data.runs, alpha: data.alpha };
}

function spellMeasure(source) {
  return source.unit ? `${source.metric}, ${source.unit}` : source.metric;
}

function readMeasures(sources) {
  const measures = new Map();
  for (const source of sources) {
    const name = spellMeasure(source);
    if (!measures.has(name)) measures.set(name, { name, unit: source.unit, largest: 0 });
  }
  return measures;
}

/* Scores of different metrics cannot be compared, so the strength of a claim is its share of the largest score of its own. */
function weigh(claims, measures) {
  for (const { measure, score } of claims) {
    if (Number.isFinite(score)) measure.largest = Math.max(measure.largest, Math.abs(score));
  }
  for (const claim of claims) {
    const share = Math.abs(claim.score) / (claim.measure.largest || 1);
    claim.strength = Math.min(1, share);
  }
  for (const measure of measures) measure.claims = claims.filter((claim) => claim.measure === measure).length;
}

/* The nodes that fit what is searched for: the one of exactly this id first, then those that begin so, then the others. */
function searchNodes(nodes, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const rank = (node) => {
    const id = node.id.toLowerCase();
    if (id === wanted) return 0;
    if (id.startsWith(wanted)) return 1;
    return id.includes(wanted) ? 2 : 3;
  };
  return nodes.map((node) => [rank(node), node]).filter(([found]) => found < 3)
    .sort((one, other) => one[0] - other[0] || one[1].number - other[1].number).map(([, node]) => node);
}
