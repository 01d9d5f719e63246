"use strict";

/* The picture. Two canvases lie on each other: below all that is shown, above what is pointed at or selected, so that
   pointing redraws little. D3 keeps the zoom; while it changes, a picture that is slow to draw is only stretched. */

const HEIGHT = 24, PADDING = 8, SLOW = 40, SETTLED = 140, BUNDLE = 64, READABLE = 0.4, SMALLEST = 0.86, REACH = 7, STEPS = 14;
const WIDEST = 2.4, CLOSEST = 1.3, MARGIN = 46, LABELS = 76;
const PORTS = { q: -14, k: 0, v: 14 };
const FONT = '500 12px ui-sans-serif, system-ui, "Segoe UI", Roboto, sans-serif';

class Picture {
  constructor(frame, circuit, filter) {
    this.frame = frame;
    this.circuit = circuit;
    this.filter = filter;
    this.below = frame.querySelector("#below");
    this.above = frame.querySelector("#above");
    this.selected = this.pointed = this.focused = null;
    this.matches = new Set();
    this.transform = d3.zoomIdentity;
    this.stretch = 1;
    this.whole = true;
    this.cost = 0;
    this.onPoint = this.onChoose = () => {};
    this.measure();
    this.zoom = d3.zoom().scaleExtent([0.04, 6]).on("zoom", (event) => this.move(event.transform, event.sourceEvent));
    d3.select(frame).call(this.zoom).on("dblclick.zoom", null);
    frame.addEventListener("pointermove", (event) => this.point(event));
    frame.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.pointAt(null);
    });
    frame.addEventListener("click", (event) => this.onChoose(this.at([event.clientX, event.clientY])));
    new ResizeObserver(() => this.resize()).observe(frame);
  }

  measure() {
    const context = this.below.getContext("2d");
    context.font = FONT;
    for (const node of this.circuit.nodes) {
      const letters = [...node.id];
      node.label = letters.length > 18 ? [...letters.slice(0, 8), "…", ...letters.slice(-9)].join("") : node.id;
      node.half = Math.max(22, context.measureText(node.label).width / 2 + PADDING);
    }
  }

  resize() {
    const { width, height } = this.frame.getBoundingClientRect();
    const shift = this.width ? (width - this.width) / 2 : 0;
    [this.width, this.height, this.ratio] = [width, height, window.devicePixelRatio || 1];
    for (const canvas of [this.below, this.above]) {
      canvas.width = Math.max(1, Math.round(width * this.ratio));
      canvas.height = Math.max(1, Math.round(height * this.ratio));
    }
    if (this.whole) this.fit();
    else if (shift) this.go(this.transform.translate(shift / this.transform.k, 0));
    this.draw();
    this.drawAbove();
  }

  /* The colours, from the style sheet, so that light and dark are told in one place. */
  recolour() {
    const style = getComputedStyle(document.documentElement);
    const names = ["paper", "ink", "quiet", "line", "band", "positive", "negative", "conflict", "neutral", "accent", "on-colour"];
    this.colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.refresh();
  }

  /* Follow the filter: which edges are drawn how is worked out once, not at every frame. */
  refresh() {
    this.bundles = [];
    let bundle = null;
    for (const edge of this.filter.edges) {
      const stroke = this.strokeOf(edge);
      if (!bundle || bundle.size === BUNDLE || !isSameStroke(bundle, stroke)) {
        bundle = { ...stroke, path: new Path2D(), size: 0 };
        this.bundles.push(bundle);
      }
      trace(bundle.path, curveOf(edge));
      bundle.size++;
    }
    this.lines = null;
    this.draw();
    this.drawAbove();
  }

  strokeOf(edge) {
    const voice = edge.voice, { colours } = this;
    if (edge.verdict === "conflict") return { colour: colours.conflict, width: 2.5, alpha: 0.95, dashed: true };
    if (!voice) return { colour: colours.neutral, width: 1, alpha: 0.5, dashed: false };
    const width = 0.75 + Math.round(6 * Math.sqrt(voice.strength)) * 0.65;
    return {
      colour: voice.score < 0 ? colours.negative : colours.positive, width, alpha: voice.finding ? 0.82 : 0.34, dashed: false,
    };
  }

  /* Show everything that is shown, as large as it goes; columns move apart where the frame is wide. */
  fit() {
    const nodes = this.filter.nodes.length ? this.filter.nodes : this.circuit.nodes;
    if (!nodes.length || !this.width) return;
    const width = this.width - LABELS - MARGIN, height = this.height - 2 * MARGIN;
    const top = smallest(nodes, ({ y }) => y) - HEIGHT, bottom = -smallest(nodes, ({ y }) => -y) + HEIGHT;
    const columns = -smallest(nodes, ({ column }) => -column) - smallest(nodes, ({ column }) => column);
    const room = (width * (bottom - top)) / Math.max(1, height) - 120;
    this.spread(Math.max(1, Math.min(WIDEST, room / Math.max(1, columns))));
    const { boxes } = flatten(this.filter.edges.filter(({ from, to }) => from.y <= to.y));
    const around = boxes.filter((_, index) => index % 4 === 0);
    const left = Math.min(smallest(nodes, (node) => node.x - node.half), smallest(around, (x) => x)), right = -smallest(nodes, (node) => -node.x - node.half);
    const k = Math.max(0.04, Math.min(width / (right - left), height / (bottom - top), CLOSEST));
    const x = LABELS + width / 2 - (k * (left + right)) / 2;
    this.go(d3.zoomIdentity.translate(x, this.height / 2 - (k * (top + bottom)) / 2).scale(k));
    this.whole = true;
  }

  spread(stretch) {
    if (Math.abs(stretch - this.stretch) < 0.01) return;
    this.stretch = stretch;
    for (const node of this.circuit.nodes) node.x = node.column * stretch;
    this.refresh();
  }

  /* Nodes shrink less than the picture, as far as the room between them allows. */
  get growth() {
    return Math.max(1, Math.min(SMALLEST / this.transform.k, 1.15 * this.stretch, 1.9));
  }

  go(transform) {
    d3.select(this.frame).call(this.zoom.transform, transform);
  }

  scaleBy(factor) {
    this.whole = false;
    d3.select(this.frame).call(this.zoom.scaleBy, factor);
  }

  /* Bring a node into the frame if it lies outside. */
  reveal(node) {
    const [x, y] = this.transform.apply([node.x, node.y]);
    const inside = x > 90 && x < this.width - 50 && y > 40 && y < this.height - 40;
    if (!inside || this.transform.k * this.growth < READABLE) {
      const k = Math.max(this.transform.k, 0.8);
      this.whole = false;
      this.go(d3.zoomIdentity.translate(this.width / 2 - k * node.x, this.height / 2 - k * node.y).scale(k));
    }
  }

  /* Where a node is drawn, in pixels of the window. */
  positionOf(node) {
    const { left, top } = this.frame.getBoundingClientRect(), [x, y] = this.transform.apply([node.x, node.y]);
    return [left + x, top + y];
  }

  /* Where the middle of an edge is drawn, in pixels of the window. */
  middleOf(edge) {
    const { points } = flatten([edge]), { left, top } = this.frame.getBoundingClientRect();
    const [x, y] = this.transform.apply([points[STEPS], points[STEPS + 1]]);
    return [left + x, top + y];
  }

  move(transform, byHand) {
    this.transform = transform;
    if (byHand) this.whole = false;
    clearTimeout(this.settling);
    if (this.cost > SLOW) {
      const { drawn } = this, scale = transform.k / drawn.k;
      const [x, y] = [transform.x - scale * drawn.x, transform.y - scale * drawn.y];
      this.below.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      this.settling = setTimeout(() => this.draw(), SETTLED);
    } else this.draw();
    this.drawAbove();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      const started = performance.now();
      this.drawNow();
      requestAnimationFrame(() => { this.cost = performance.now() - started; });
    });
  }

  drawNow() {
    if (!this.width || !this.bundles) return;
    const context = this.start(this.below);
    this.below.style.transform = "";
    this.drawn = this.transform;
    this.drawBands(context);
    this.enter(context);
    for (const bundle of this.bundles) this.stroke(context, bundle, bundle.path);
    for (const node of this.filter.nodes) this.drawNode(context, node);
    this.drawBandNames(context);
  }

  drawAbove() {
    if (this.drawingAbove) return;
    this.drawingAbove = requestAnimationFrame(() => {
      this.drawingAbove = null;
      this.drawAboveNow();
    });
  }

  drawAboveNow() {
    if (!this.width || !this.bundles) return;
    const context = this.start(this.above);
    this.enter(context);
    const [nodes, edges] = this.lit();
    this.below.classList.toggle("dimmed", this.selected !== null);
    for (const edge of edges) {
      const path = new Path2D();
      trace(path, curveOf(edge));
      const stroke = this.strokeOf(edge);
      this.stroke(context, { ...stroke, width: stroke.width + (edge === this.pointed ? 2 : 0.5), alpha: 1 }, path);
    }
    for (const node of nodes) this.drawNode(context, node);
    for (const node of this.matches) if (node.shown) this.ring(context, node, this.colours.conflict, 2);
    if (this.selected && this.selected.isNode) this.ring(context, this.selected, this.colours.accent, 3);
    if (this.focused && this.frame.matches(":focus-visible")) this.ring(context, this.focused, this.colours.ink, 2);
  }

  /* What is selected or pointed at, with what it touches. */
  lit() {
    const nodes = new Set(), edges = new Set();
    for (const element of [this.selected, this.pointed]) {
      if (!element) continue;
      if (element.isNode) {
        nodes.add(element);
        for (const edge of [...element.incoming, ...element.outgoing]) if (edge.shown) edges.add(edge);
      } else edges.add(element);
    }
    for (const edge of edges) nodes.add(edge.from).add(edge.to);
    return [nodes, edges];
  }

  start(canvas) {
    const context = canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.direction = "ltr";
    return context;
  }

  enter(context) {
    const { x, y, k } = this.transform;
    context.setTransform(this.ratio * k, 0, 0, this.ratio * k, this.ratio * x, this.ratio * y);
  }

  stroke(context, { colour, width, alpha, dashed }, path) {
    const { k } = this.transform;
    context.strokeStyle = colour;
    context.globalAlpha = alpha;
    context.lineWidth = width * Math.min(1, Math.max(0.5, k)) / k;
    context.setLineDash(dashed ? [7 / k, 5 / k] : []);
    context.stroke(path);
    context.globalAlpha = 1;
    context.setLineDash([]);
  }

  drawNode(context, node) {
    const { colours } = this, voice = node.counted ? node.voice : null;
    const sign = voice && voice.score < 0 ? colours.negative : colours.positive;
    const { growth } = this, half = node.half * growth, height = HEIGHT * growth;
    context.beginPath();
    context.roundRect(node.x - half, node.y - height / 2, 2 * half, height, 7 * growth);
    context.fillStyle = colours.paper;
    context.fill();
    const full = voice ? 0.08 + 0.87 * voice.strength * (voice.finding ? 1 : 0.5) : 0;
    if (voice) {
      context.globalAlpha = full;
      context.fillStyle = sign;
      context.fill();
      context.globalAlpha = 1;
    }
    const found = voice && voice.finding;
    context.strokeStyle = node.verdict === "conflict" ? colours.conflict : found ? sign : colours.line;
    context.lineWidth = (found || node.verdict === "conflict" ? 1.8 : 1.2) * growth;
    if (node.verdict === "conflict") context.setLineDash([4, 3]);
    context.stroke();
    context.setLineDash([]);
    if (this.transform.k * growth < READABLE) return;
    context.fillStyle = full > 0.6 ? colours["on-colour"] : colours.ink;
    context.font = FONT.replace("12px", `${12 * growth}px`);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(node.label, node.x, node.y + 0.5 * growth);
  }

  ring(context, node, colour, width) {
    const { growth } = this, half = (node.half + 4) * growth, height = (HEIGHT + 8) * growth;
    context.beginPath();
    context.roundRect(node.x - half, node.y - height / 2, 2 * half, height, 10 * growth);
    context.strokeStyle = colour;
    context.lineWidth = width / Math.min(1, this.transform.k);
    context.stroke();
  }

  drawBands(context) {
    this.circuit.bands.forEach(([, top, bottom]) => {
      const [y, end] = [this.transform.applyY(top), this.transform.applyY(bottom)];
      context.fillStyle = this.colours.band;
      context.fillRect(0, y, this.width, end - y);
    });
  }

  /* The names of the layers stay at the left edge; where they are too close, some are left out. */
  drawBandNames(context) {
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.font = FONT;
    context.textAlign = "left";
    context.textBaseline = "middle";
    let last = Infinity;
    for (const [name, top, bottom] of this.circuit.bands) {
      const y = this.transform.applyY((top + bottom) / 2);
      if (last - y < 16) continue;
      last = y;
      const width = context.measureText(name).width;
      context.fillStyle = this.colours.paper;
      context.globalAlpha = 0.8;
      context.fillRect(8, y - 9, width + 10, 18);
      context.globalAlpha = 1;
      context.fillStyle = this.colours.quiet;
      context.fillText(name, 13, y + 0.5);
    }
  }

  point(event) {
    if (event.buttons) return;
    this.pointer = [event.clientX, event.clientY];
    if (this.pointing) return;
    this.pointing = requestAnimationFrame(() => {
      this.pointing = null;
      if (this.pointer) this.pointAt(this.at(this.pointer));
    });
  }

  pointAt(element) {
    if (element === this.pointed) return;
    this.pointed = element;
    this.frame.classList.toggle("over", element !== null);
    this.onPoint(element);
    this.drawAbove();
  }

  /* What is drawn where the mouse is: a node, or else the nearest edge within reach. */
  at([pageX, pageY]) {
    const { left, top } = this.frame.getBoundingClientRect();
    const [x, y] = this.transform.invert([pageX - left, pageY - top]);
    const { k } = this.transform, { growth } = this;
    const node = this.filter.nodes.find((each) =>
      Math.abs(each.x - x) < each.half * growth && Math.abs(each.y - y) < (HEIGHT / 2) * growth);
    return node || this.nearestEdge(x, y, REACH / k);
  }

  nearestEdge(x, y, reach) {
    this.lines = this.lines || flatten(this.filter.edges);
    const { points, boxes } = this.lines, stride = 2 * (STEPS + 1);
    let best = null, least = reach * reach;
    for (let index = 0; index < this.filter.edges.length; index++) {
      const box = 4 * index;
      if (x < boxes[box] - reach || x > boxes[box + 1] + reach || y < boxes[box + 2] - reach || y > boxes[box + 3] + reach) continue;
      for (let at = stride * index, end = at + 2 * STEPS; at < end; at += 2) {
        const found = distance(x, y, points[at], points[at + 1], points[at + 2], points[at + 3]);
        if (found < least) [best, least] = [this.filter.edges[index], found];
      }
    }
    return best;
  }
}

/* Paths of many curves take long to stroke, and so do many paths of one: a bundle lies between. */
function isSameStroke(one, other) {
  return one.colour === other.colour && one.width === other.width && one.alpha === other.alpha && one.dashed === other.dashed;
}

function smallest(items, value) {
  return items.reduce((found, item) => Math.min(found, value(item)), Infinity);
}

/* The curve of an edge: from the top of its source to the bottom of its target, where a head's q, k and v have ports of
   their own. An edge that leads back goes around: beside the column, or out of the side and in from above. */
function curveOf({ from, to, receiver }) {
  const across = to.x - from.x, rise = from.y - to.y;
  if (rise <= 0 && Math.abs(across) < 20) {
    const x = from.x - from.half, end = to.x - to.half, bow = Math.min(x, end) - 34 - 0.22 * Math.min(900, -rise);
    return [x, from.y, bow, from.y, bow, to.y, end, to.y];
  }
  if (rise <= 0) {
    const x = from.x + Math.sign(across) * from.half, y = to.y - HEIGHT / 2;
    return [x, from.y, (x + 2 * to.x) / 3, from.y, to.x, y - Math.max(40, -rise * 0.6), to.x, y];
  }
  const x = from.x, y = from.y - HEIGHT / 2, end = to.x + (PORTS[receiver] || 0), entry = to.y + HEIGHT / 2;
  const reach = Math.max(26, Math.min(160, (y - entry) * 0.5)), bow = Math.abs(end - x) < 20 && y - entry > 90 ? 46 : 0;
  return [x, y, x + bow, y - reach, end + bow, entry + reach, end, entry];
}

function trace(path, [x0, y0, ...rest]) {
  path.moveTo(x0, y0);
  path.bezierCurveTo(...rest);
}

/* Each curve as a chain of straight lines, and the box around it. */
function flatten(edges) {
  const points = new Float32Array(edges.length * 2 * (STEPS + 1)), boxes = new Float32Array(edges.length * 4);
  let at = 0;
  edges.forEach((edge, index) => {
    const [x0, y0, x1, y1, x2, y2, x3, y3] = curveOf(edge);
    const box = [Infinity, -Infinity, Infinity, -Infinity];
    for (let step = 0; step <= STEPS; step++) {
      const t = step / STEPS, s = 1 - t;
      const [a, b, c, d] = [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t];
      const x = a * x0 + b * x1 + c * x2 + d * x3, y = a * y0 + b * y1 + c * y2 + d * y3;
      points[at++] = x;
      points[at++] = y;
      box[0] = Math.min(box[0], x);
      box[1] = Math.max(box[1], x);
      box[2] = Math.min(box[2], y);
      box[3] = Math.max(box[3], y);
    }
    boxes.set(box, 4 * index);
  });
  return { points, boxes };
}

/* The squared distance of a point from a straight line between two others. */
function distance(x, y, x0, y0, x1, y1) {
  const dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
  const t = length ? Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / length)) : 0;
  const [ex, ey] = [x - x0 - t * dx, y - y0 - t * dy];
  return ex * ex + ey * ey;
}
