"use strict";
// Draws a story: lanes with rows on one axis of time. Only what is in view has elements, and those are kept from one
// drawing to the next, so that a title stays under the pointer and a long story stays quick.

const KINDS = {
  lease: {letter: "L", says: "lease held", pattern: "slashes"},
  lockDelay: {letter: "W", says: "waits out the lock-delay", pattern: "dots"},
  receipt: {letter: "R", says: "receipt: the earlier pod has ended", pattern: "lines"},
  manifest: {letter: "M", says: "manifest installed", pattern: "bars"},
  pod: {letter: "P", says: "pod runs", pattern: "plain"},
  alive: {letter: "A", says: "alive", pattern: "thin"},
  stopped: {letter: "S", says: "stopped, stands still", pattern: "wide"},
  down: {letter: "D", says: "down", pattern: "empty"},
  cut: {letter: "C", says: "cut off", pattern: "cross"},
  fault: {letter: "F", says: "a fault lasts", pattern: "checks"},
};
const MARKS = {
  fault: {glyph: "▼", says: "action or fault"},
  event: {glyph: "•", says: "event"},
  violation: {glyph: "✖", says: "rule broken"},
};
// A span's text often says what its kind says.
function inWords(span) {
  const {says} = KINDS[span.kind];
  return says.includes(span.text) ? says : `${says}: ${span.text}`;
}

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// A pattern for a kind; its colour comes by the class.
function pattern(kind) {
  const {pattern} = KINDS[kind];
  const size = pattern === "wide" ? 10 : 6;
  const shapes = {
    slashes: [svg("path", {d: "M-1,7 L7,-1", class: "stroke", "stroke-width": 1.6})],
    dots: [svg("circle", {cx: 3, cy: 3, r: 1.4, class: "dot"})],
    lines: [svg("path", {d: "M0,3 H6", class: "stroke", "stroke-width": 1.2})],
    bars: [svg("path", {d: "M3,0 V6", class: "stroke", "stroke-width": 1.2})],
    checks: [svg("rect", {width: 3, height: 3, class: "dot"}), svg("rect", {x: 3, y: 3, width: 3, height: 3, class: "dot"})],
    wide: [svg("rect", {width: 4, height: 10, class: "dot"})],
    cross: [svg("path", {d: "M0,0 L6,6 M6,0 L0,6", class: "stroke", "stroke-width": 1.1})],
  }[pattern] ?? [];
  const ground = pattern === "empty" ? [] : [svg("rect", {width: size, height: size, class: "ground"})];
  return svg("pattern", {id: `p-${kind}`, class: `k-${kind}`, width: size, height: size,
    patternUnits: "userSpaceOnUse"}, ...ground, ...shapes);
}

function fillOf(kind) { return KINDS[kind].pattern === "empty" ? "none" : `url(#p-${kind})`; }

class Chart {
  static rowHeight = 17;
  static laneHead = 19;
  static top = 56;

  constructor(element) {
    this.element = element;
    this.nodes = new Map();
    this.layers = Object.fromEntries(
      ["ground", "spans", "marks", "labels", "front"].map(name => [name, svg("g")]));
    element.replaceChildren(
      svg("defs", {}, ...Object.keys(KINDS).map(pattern)), ...Object.values(this.layers));
    this.width = 0;
  }

  // The story's `spans` is a map of numbers to spans, `marks` a map of numbers to marks.
  set story(story) {
    this.content = story;
    this.rows = [];
    let y = Chart.top;
    this.lanes = story.lanes.map((lane, index) => {
      const top = y;
      y += Chart.laneHead;
      const rows = lane.rows.map((name, row) => {
        const place = {lane: index, row, name, y};
        y += Chart.rowHeight;
        this.rows.push(place);
        return place;
      });
      y += 5;
      return {name: lane.name, top, rows};
    });
    this.height = y + 4;
    this.element.setAttribute("height", this.height);
    for (const node of this.nodes.values()) node.remove();
    this.nodes.clear();
  }

  get labelWidth() { return this.width < 560 ? 120 : 168; }
  get right() { return this.width - 6; }

  x(time) {
    const {from, to} = this.view;
    return this.labelWidth + (time - from) / (to - from) * (this.right - this.labelWidth);
  }

  time(x) {
    const {from, to} = this.view;
    return from + (x - this.labelWidth) / (this.right - this.labelWidth) * (to - from);
  }

  // An element of that key, made once; what is not asked for in a drawing goes.
  node(layer, key, make) {
    let node = this.nodes.get(key);
    if (!node) {
      node = make();
      node.known = {};
      this.nodes.set(key, node);
      this.layers[layer].append(node);
    }
    this.used.add(key);
    return node;
  }

  static set(node, attributes) {
    node.known ??= {};
    for (const [key, value] of Object.entries(attributes)) {
      if (node.known[key] === value) continue;
      node.known[key] = value;
      if (key === "text") node.textContent = value; else node.setAttribute(key, value);
    }
  }

  label(layer, key, attributes) {
    Chart.set(this.node(layer, key, () => svg("text")), attributes);
  }

  draw(view, cursor) {
    this.width = this.element.clientWidth;
    if (!this.content || this.width < 50) return;
    this.view = view;
    this.used = new Set();
    this.drawAxis();
    this.drawLanes();
    this.drawSpans();
    this.drawMarks();
    this.drawCursor(cursor);
    for (const [key, node] of this.nodes) {
      if (!this.used.has(key)) {
        node.remove();
        this.nodes.delete(key);
      }
    }
  }

  drawAxis() {
    const {from, to} = this.view;
    const width = this.right - this.labelWidth;
    const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 86400];
    const step = steps.find(step => width * step / (to - from) >= 74) ?? 864000;
    for (let index = Math.ceil(from / step); index * step <= to; index++) {
      const x = this.x(index * step).toFixed(1);
      Chart.set(this.node("ground", `tick ${step} ${index}`, () => svg("path", {class: "rule"})),
        {d: `M${x},18 V${this.height}`});
      this.label("ground", `time ${step} ${index}`,
        {x, y: 13, class: "soft", "text-anchor": "middle", text: this.content.says(index * step, step)});
    }
  }

  drawLanes() {
    for (const lane of this.lanes) {
      Chart.set(this.node("ground", `lane ${lane.name}`, () => svg("path", {class: "rule"})),
        {d: `M0,${lane.top} H${this.width}`});
      this.label("labels", `name ${lane.name}`, {x: 2, y: lane.top + 14, class: "lane on", text: lane.name});
    }
    for (const row of this.rows) {
      Chart.set(this.node("ground", `band ${row.lane} ${row.row}`, () => svg("rect", {class: "band", rx: 2})),
        {x: this.labelWidth, y: row.y + 1, width: this.right - this.labelWidth, height: Chart.rowHeight - 2});
      this.label("labels", `row ${row.lane} ${row.row}`, {x: 8, y: row.y + 12.5, class: "soft",
        text: Chart.cut(row.name, this.labelWidth - 8)});
    }
  }

  // As much of a text as has room, by the usual width of a letter.
  static letter = 5.8;

  static cut(text, room) {
    const count = Math.floor(room / Chart.letter);
    return text.length <= count ? text : count < 2 ? "" : text.slice(0, count - 1) + "…";
  }

  drawSpans() {
    const {from, to} = this.view;
    const last = new Map();
    for (const [number, span] of this.content.spans) {
      const end = span.to ?? this.content.length;
      if (span.from > to || end < from) continue;
      const lane = this.lanes[span.place.lane];
      const row = lane?.rows[span.place.row];
      if (!row) continue;
      const x = Math.max(this.labelWidth, this.x(span.from));
      const right = Math.min(this.right, this.x(end));
      const width = Math.max(1, right - x);
      // Thousands of spans in one pixel are one.
      const before = last.get(row);
      if (before && before.kind === span.kind && right < before.right + 0.5) continue;
      last.set(row, {kind: span.kind, right: x + width});
      const thin = KINDS[span.kind].pattern === "thin";
      const group = this.node("spans", `span ${number}`, () => svg("g", {},
        svg("title"), svg("rect", {class: "state"}), svg("text", {class: "on"})));
      const [title, rect, text] = group.children;
      Chart.set(group, {class: `span k-${span.kind}`});
      const until = span.to == null ? "lasts" : `to ${this.content.says(span.to, 0.1)}`;
      Chart.set(title, {text: `${lane.name}, ${row.name}: ${inWords(span)}\n`
        + `from ${this.content.says(span.from, 0.1)}, ${until}`});
      Chart.set(rect, {x: x.toFixed(1), y: row.y + (thin ? 6 : 2), width: width.toFixed(1),
        height: thin ? 5 : Chart.rowHeight - 4, fill: fillOf(span.kind)});
      const {letter} = KINDS[span.kind];
      const says = width < 12 ? "" : thin ? (width > 60 ? Chart.cut(span.text, width - 10) : "")
        : Chart.cut(`${letter} ${span.text}`, width - 6) || letter;
      Chart.set(text, {x: (x + 4).toFixed(1), y: row.y + 12.5, text: says});
    }
  }

  drawMarks() {
    const {from, to} = this.view;
    const seen = [...this.content.marks].filter(([, mark]) => mark.at >= from && mark.at <= to)
      .sort(([, one], [, other]) => one.at - other.at);
    const texts = this.markTexts(seen);
    const drawn = new Map();
    for (const [number, mark] of seen) {
      const x = this.x(mark.at);
      const {level, shown, isLeft} = texts.get(number) ?? {level: 0, shown: ""};
      // Of many marks in a few pixels one is enough.
      if (mark.kind !== "violation" && !shown && x - (drawn.get(mark.kind) ?? -9) < 3) continue;
      drawn.set(mark.kind, x);
      const group = this.node("marks", `mark ${number}`, () => svg("g", {},
        svg("title"), svg("path", {class: `mark ${mark.kind}`}),
        svg("text", {class: `glyph ${mark.kind}`, "text-anchor": "middle", text: ""}),
        svg("text", {class: `says ${mark.kind} on`})));
      const [title, line, glyph, says] = group.children;
      Chart.set(title, {text: `${MARKS[mark.kind].says} at ${this.content.says(mark.at, 0.1)}: ${mark.text}`});
      Chart.set(says, {x: (isLeft ? x - 8 : x + 8).toFixed(1), y: 32 + level * 15, text: shown,
        "text-anchor": isLeft ? "end" : "start"});
      Chart.set(line, {d: `M${x.toFixed(1)},${level === 1 ? 50 : 36} V${this.height}`});
      Chart.set(glyph, {x: x.toFixed(1), y: level === 1 ? 47 : 32, text: MARKS[mark.kind].glyph});
    }
  }

  // Texts of faults and broken rules stand in two lines below the axis, where there is room; broken rules come first.
  markTexts(marks) {
    const taken = [[], []];
    const texts = new Map();
    const free = (level, from, to) => taken[level].every(([begin, end]) => to < begin || from > end);
    for (const [number, mark] of marks.filter(([, mark]) => mark.kind === "violation")
      .concat(marks.filter(([, mark]) => mark.kind === "fault").slice(0, 400))) {
      const x = this.x(mark.at);
      const room = Math.max(this.right - x, x - this.labelWidth) - 10;
      const shown = Chart.cut(mark.text, Math.min(room, 300));
      const length = 14 + shown.length * Chart.letter;
      const isLeft = x + length > this.right;
      const [begin, end] = isLeft ? [x - length, x + 6] : [x - 6, x + length];
      const level = [0, 1].find(level => free(level, begin, end));
      if (level == null) continue;
      taken[level].push([begin, end]);
      texts.set(number, {level, shown, isLeft});
    }
    return texts;
  }

  drawCursor(cursor) {
    if (cursor == null || cursor < this.view.from || cursor > this.view.to) return;
    const x = this.x(cursor);
    Chart.set(this.node("front", "later", () => svg("rect", {class: "later"})),
      {x: x.toFixed(1), y: Chart.top, width: Math.max(0, this.right - x).toFixed(1), height: this.height - Chart.top});
    Chart.set(this.node("front", "cursor", () => svg("path", {class: "cursor"})),
      {d: `M${x.toFixed(1)},18 V${this.height}`});
  }

  // The state of each row at an instant; the later one of two that share it comes last.
  states(instant) {
    const found = new Map(this.rows.map(row => [row, []]));
    for (const span of this.content.spans.values()) {
      if (span.from > instant || (span.to ?? Infinity) <= instant) continue;
      const row = this.lanes[span.place.lane]?.rows[span.place.row];
      if (row) found.get(row).push(span);
    }
    return found;
  }
}
