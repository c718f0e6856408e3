"use strict";
// Plays a story: the instant that is shown, the part of the axis in view, keys, tables. A recording stands in the page
// itself; live.js feeds a story that goes on.

const $ = id => document.getElementById(id);

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

class Player {
  constructor() {
    this.chart = new Chart($("chart"));
    this.story = null;
    this.isLive = false;
    // A live page follows the present until its reader looks back.
    this.follows = false;
    this.plays = false;
    this.cursor = 0;
    this.view = {from: 0, to: 60};
    this.drawn = 0;
    this.told = {};
    this.listen();
    const turn = now => { this.turn(now); requestAnimationFrame(turn); };
    requestAnimationFrame(turn);
  }

  // A recording's lists become maps of numbers, as those of a live page are.
  show(story) {
    this.plays = false;
    this.told = {};
    this.begin({...story, spans: new Map(story.spans.map((span, number) => [number, span])),
      marks: new Map(story.marks.map((mark, number) => [number, mark]))}, false);
    this.cursor = story.marks.findLast(mark => mark.kind === "violation")?.at ?? story.length;
    this.seeAll();
    // A broken rule has its cause in what was done before it; a long quiet time before that would take the room.
    const first = story.marks.find(mark => mark.kind !== "event")?.at ?? 0;
    if (story.isWrong && first > story.length / 3) this.see(first - (story.length - first) * 0.3, this.view.to);
  }

  begin(story, isLive) {
    this.isLive = isLive;
    this.follows = isLive;
    story.says = (time, step) => isLive || story.began
      ? this.wallClock(story.began + time * 1000, step) : this.simulatedClock(time, step);
    this.story = story;
    this.chart.story = story;
    for (const element of document.querySelectorAll(".recording")) element.hidden = isLive;
    $("legend").replaceChildren(...this.legend());
    $("facts").replaceChildren(...(story.facts ?? []).map(fact => make("li", {textContent: fact})));
    this.tellVerdict();
    this.changed();
  }

  tellVerdict() {
    const {title, verdict, isWrong} = this.story;
    const told = JSON.stringify([title, verdict, isWrong]);
    if (this.told.verdict === told) return;
    this.told.verdict = told;
    document.title = (isWrong ? "✖ " : "") + title;
    $("title").textContent = title;
    $("verdict").textContent = verdict;
    $("verdict").className = isWrong ? "wrong" : "good";
  }

  wallClock(milliseconds, step) {
    const date = new Date(milliseconds);
    const pad = number => String(number).padStart(2, "0");
    const seconds = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
    return step < 1 ? `${seconds}.${Math.floor(date.getMilliseconds() / 100)}` : seconds;
  }

  simulatedClock(time, step) {
    const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;
    // As the verdict and the facts have it.
    if (time < 1000) return `${time.toFixed(digits)} s`;
    const seconds = (time % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
    return `${Math.floor(time / 60)}:${seconds}`;
  }

  legend() {
    const kinds = new Set([...this.story.spans.values()].map(span => span.kind));
    const items = Object.keys(KINDS).filter(kind => this.isLive || kinds.has(kind)).map(kind => {
      const swatch = svg("svg", {width: 34, height: 14, class: `k-${kind}`, "aria-hidden": "true"},
        svg("rect", {class: "state", x: 1, y: kind === "alive" ? 5 : 1, width: 32, height: kind === "alive" ? 5 : 12,
          fill: fillOf(kind)}));
      return make("li", {}, swatch, `${KINDS[kind].letter} ${KINDS[kind].says}`);
    });
    return items.concat(Object.values(MARKS).map(({glyph, says}) => make("li", {textContent: `${glyph} ${says}`})));
  }

  // Moving, zooming

  get length() { return this.isLive ? this.story.length : Math.max(this.story.length, 0.001); }
  get span() { return this.view.to - this.view.from; }

  changed() { this.drawn = 0; }

  seeAll() {
    const margin = this.isLive ? 0 : this.length * 0.02;
    this.see(Math.max(this.isLive ? this.length - 3600 : 0, 0), this.length + margin);
  }

  see(from, to) {
    this.view = {from, to: Math.max(to, from + 0.05)};
    this.changed();
  }

  zoom(factor) {
    const most = this.isLive ? 3600 : this.length * 1.02;
    const span = Math.min(Math.max(this.span * factor, 0.1), Math.max(most, 0.1));
    if (this.follows) return this.see(this.length - span, this.length);
    const part = (this.cursor - this.view.from) / this.span;
    let from = this.cursor - span * (part >= 0 && part <= 1 ? part : 0.5);
    if (!this.isLive) from = Math.max(0, Math.min(from, most - span));
    this.see(from, from + span);
  }

  // Shows an instant; the view comes along.
  moveTo(instant) {
    this.follows = this.isLive && instant >= this.length - 0.05;
    this.cursor = Math.min(Math.max(instant, this.earliest), this.length);
    const span = this.span;
    if (this.cursor < this.view.from) this.see(this.cursor - span * 0.1, this.cursor + span * 0.9);
    if (this.cursor > this.view.to) this.see(this.cursor - span * 0.9, this.cursor + span * 0.1);
    this.changed();
  }

  get earliest() { return this.isLive ? Math.max(0, this.length - 3600) : 0; }

  togglePlay() {
    if (this.isLive) {
      this.follows = !this.follows;
      if (this.follows) this.see(this.length - this.span, this.length);
      return this.changed();
    }
    this.plays = !this.plays;
    if (this.plays && this.cursor >= this.length) this.moveTo(0);
    this.changed();
  }

  listen() {
    $("play").onclick = () => this.togglePlay();
    $("in").onclick = () => this.zoom(0.5);
    $("out").onclick = () => this.zoom(2);
    $("whole").onclick = () => this.seeAll();
    $("which").onchange = () => this.changed();
    $("slider").oninput = event => {
      this.plays = false;
      this.moveTo(Number(event.target.value));
    };
    $("chart").onpointerdown = event => {
      if (event.button !== 0 || !this.story) return;
      const time = this.chart.time(event.offsetX);
      if (time >= this.view.from) this.moveTo(time);
    };
    $("chart").onwheel = event => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8);
    };
    $("chart").onkeydown = event => this.key(event);
    new ResizeObserver(() => this.changed()).observe($("chart"));
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.story) return;
    const step = this.span * (event.shiftKey ? 0.1 : 0.01);
    const actions = {
      ArrowLeft: () => this.moveTo(this.cursor - step), ArrowRight: () => this.moveTo(this.cursor + step),
      Home: () => this.moveTo(this.earliest), End: () => this.moveTo(this.length),
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), " ": () => this.togglePlay(),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  // Drawing

  turn(now) {
    if (!this.story) return;
    const passed = Math.min((now - (this.turned ?? now)) / 1000, 0.5);
    this.turned = now;
    if (this.isLive) this.onTurn?.(now);
    if (this.plays) {
      this.moveTo(this.cursor + passed * Number($("speed").value));
      if (this.cursor >= this.length) this.plays = false;
    }
    // Ten times a second is enough for an axis that moves by itself.
    if (this.drawn && (!this.follows || now - this.drawn < 100)) return;
    if (document.hidden) return;
    this.drawn = now;
    if (this.follows) {
      this.cursor = this.length;
      const span = this.span;
      this.view = {from: this.length - span, to: this.length};
    }
    this.chart.draw(this.view, this.follows ? null : this.cursor);
    this.tellControls();
    this.tellStates();
    this.tellMarks();
  }

  tellControls() {
    const says = this.isLive ? (this.follows ? "Hold" : "Follow") : this.plays ? "Pause" : "Play";
    if ($("play").textContent !== says) $("play").textContent = says;
    const clock = this.story.says(this.cursor, 0.1);
    $("clock").textContent = this.isLive || !this.story.began
      ? clock : `${clock}, ${this.simulatedClock(this.cursor, 0.1)}`;
    const slider = $("slider");
    slider.min = this.earliest;
    slider.max = this.length;
    slider.value = this.cursor;
    slider.setAttribute("aria-valuetext", clock);
  }

  // All states at the instant, in words: what the drawing says without a drawing.
  tellStates() {
    const states = this.chart.states(this.isLive && this.follows ? this.length - 1e-6 : Math.min(this.cursor, this.length - 1e-6));
    const lanes = this.chart.lanes.map(lane => ({name: lane.name, rows: lane.rows.map(row => [row.name,
      states.get(row).map(span => inWords(span)).join("; ")])
      .filter(([, text]) => text)}));
    const told = JSON.stringify(lanes);
    if (told === this.told.states) return;
    this.told.states = told;
    $("states").replaceChildren(...lanes.map(lane => make("div", {}, make("h3", {textContent: lane.name}),
      make("dl", {}, ...lane.rows.flatMap(([name, text]) =>
        [make("dt", {textContent: name}), make("dd", {textContent: text})])))));
  }

  // The marks in view, at most 300 of them; the latest in time is near the instant.
  tellMarks() {
    const faults = $("which").value === "faults";
    const marks = [...this.story.marks].filter(([, mark]) =>
      mark.at >= this.view.from && mark.at <= this.view.to && !(faults && mark.kind === "event"))
      .sort(([, one], [, other]) => one.at - other.at);
    const shown = this.isLive ? marks.slice(-300).reverse() : marks.slice(0, 300);
    const near = marks.findLast(([, mark]) => mark.at <= this.cursor + 1e-6)?.[0];
    const told = JSON.stringify([shown.map(([number]) => number), this.follows ? null : near, marks.length]);
    if (told === this.told.marks) return;
    this.told.marks = told;
    const rows = shown.map(([number, mark]) => {
      const lane = mark.place && this.story.lanes[mark.place.lane];
      const row = make("tr", {className: `${mark.kind}${number === near && !this.follows ? " near" : ""}`},
        make("td", {}, make("button", {type: "button", textContent: this.story.says(mark.at, 0.001)})),
        make("td", {textContent: `${MARKS[mark.kind].glyph} ${MARKS[mark.kind].says}`}),
        make("td", {textContent: lane ? `${lane.name} ${lane.rows[mark.place.row] ?? ""}` : ""}), make("td", {textContent: mark.text}));
      row.onclick = () => this.moveTo(mark.at);
      return row;
    });
    if (marks.length > shown.length) {
      rows.push(make("tr", {}, make("td", {colSpan: 4,
        textContent: `and ${marks.length - shown.length} more: zoom in to see them`})));
    }
    if (!rows.length) rows.push(make("tr", {}, make("td", {colSpan: 4, textContent: "Nothing in this part of the time."})));
    $("marks").replaceChildren(...rows);
    const mark = rows.find(row => row.classList.contains("near"));
    const box = $("marks").closest(".scroll");
    if (mark) box.scrollTop = mark.offsetTop - box.clientHeight / 2;
  }
}

const player = new Player();
const recorded = $("story");
if (recorded) {
  const stories = [JSON.parse(recorded.textContent)].flat();
  const choice = $("chosen");
  $("choice").hidden = stories.length < 2;
  choice.replaceChildren(...stories.map(({title, isWrong}, value) =>
    make("option", {value, textContent: `${isWrong ? MARKS.violation.glyph : "✓"} ${title}`})));
  choice.onchange = () => player.show(stories[choice.value]);
  choice.value = Math.max(0, stories.findIndex(story => story.isWrong));
  player.show(stories[choice.value]);
}
