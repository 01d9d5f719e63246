"use strict";

/* Which claims count, and so which nodes and edges are shown. */

const TESTED = "tested against a control", MEASURED = "measured, not tested", BARE = "nothing claimed";

function basisOf(claim) {
  return claim.q_value === null || claim.control === null ? MEASURED : TESTED;
}

function positionOf(claim) {
  return claim.source.position === null ? "all positions" : claim.source.position;
}

function runOf({ run }) {
  const told = run.told.filter(([field]) => field === "analysis" || field === "task").map(([, value]) => value);
  return [...told, run.digest].join(" ");
}

/* One facet is a set of names of which the chosen ones pass. */
class Facet {
  constructor(title, names) {
    this.title = title;
    this.counts = new Map();
    for (const name of names) this.counts.set(name, (this.counts.get(name) || 0) + 1);
    this.names = [...this.counts.keys()].sort();
    this.chosen = new Set(this.names);
  }

  get whole() {
    return this.chosen.size === this.names.length;
  }
}

class Filter {
  constructor(circuit) {
    this.circuit = circuit;
    const bare = circuit.elements.filter((element) => !element.claims.length);
    this.facets = {
      plugin: new Facet("Plugin", circuit.claims.map((claim) => claim.source.plugin)),
      basis: new Facet("Kind of evidence", [...circuit.claims.map(basisOf), ...bare.map(() => BARE)]),
      kind: new Facet("Kind of node", circuit.nodes.map((node) => node.kind)),
      method: new Facet("Method", circuit.claims.map((claim) => claim.source.method)),
      position: new Facet("Position", circuit.claims.map(positionOf)),
      run: new Facet("Run", circuit.claims.map(runOf)),
    };
    this.reset();
  }

  /* At first the findings are shown; where nothing is found, everything. */
  reset() {
    for (const facet of Object.values(this.facets)) facet.chosen = new Set(facet.names);
    this.findings = this.circuit.claims.some((claim) => claim.finding);
    this.conflicts = false;
    this.measure = null;
    this.least = 0;
    this.largest = null;
    this.apply();
  }

  passes(claim) {
    return (!this.findings || claim.finding)
      && (this.measure === null || claim.measure === this.measure)
      && claim.strength >= this.least
      && (this.largest === null || (claim.q_value !== null && claim.q_value <= this.largest))
      && this.facets.plugin.chosen.has(claim.source.plugin)
      && this.facets.method.chosen.has(claim.source.method)
      && this.facets.position.chosen.has(positionOf(claim))
      && this.facets.run.chosen.has(runOf(claim))
      && this.facets.basis.chosen.has(basisOf(claim));
  }

  /* What nothing is claimed about passes where nothing is asked of claims. */
  get bare() {
    const { plugin, method, position, run, basis } = this.facets;
    return !this.findings && this.measure === null && this.least === 0 && this.largest === null
      && [plugin, method, position, run].every((facet) => facet.whole) && basis.chosen.has(BARE);
  }

  /* Gives every element `shown`, the claims that pass, and the strongest of them, which speaks for it. What is shown is
     kept in `nodes`, and in `edges` with the weakest first. */
  apply() {
    const { nodes, edges, elements } = this.circuit, { kind } = this.facets, bare = this.bare;
    for (const element of elements) {
      element.passing = [];
      element.voice = null;
      for (const claim of element.claims) {
        if (!this.passes(claim)) continue;
        element.passing.push(claim);
        if (!element.voice || isStronger(claim, element.voice)) element.voice = claim;
      }
      element.rank = element.voice ? element.voice.strength + 2 * element.voice.finding : -1;
      element.shown = (element.passing.length > 0 || (bare && !element.claims.length))
        && (!this.conflicts || element.verdict === "conflict");
    }
    for (const node of nodes) {
      node.allowed = kind.chosen.has(node.kind);
      node.counted = node.shown && node.allowed;
      node.shown = node.counted;
    }
    for (const edge of edges) {
      edge.shown = edge.shown && edge.from.allowed && edge.to.allowed;
      if (edge.shown) edge.from.shown = edge.to.shown = true;
    }
    this.nodes = nodes.filter((node) => node.shown);
    this.edges = edges.filter((edge) => edge.shown).sort((one, other) => one.rank - other.rank);
  }
}

function isStronger(claim, other) {
  return claim.finding !== other.finding ? claim.finding : claim.strength > other.strength;
}
