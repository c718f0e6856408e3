"use strict";
// A story that goes on: server-sent events feed it, and buttons act on the cluster. After chart.js and page.js.

class Live {
  constructor(player) {
    this.player = player;
    this.known = {};
    this.buildPanels();
    player.onTurn = now => this.turn(now);
    this.connect();
  }

  // The stream

  connect() {
    const source = new EventSource("/events");
    source.onmessage = event => this.take(JSON.parse(event.data));
    source.onerror = () => {
      this.tellConnection(false);
      // A refusal, such as 503, ends it for good; after a break the browser connects again by itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), 5000);
    };
  }

  // A new stream begins with the whole story, whatever this page has missed.
  take(message) {
    const {update} = message;
    const player = this.player;
    if (update.story) {
      const story = {...update.story, spans: new Map(), marks: new Map()};
      // A cluster that was started again counts its seconds from a later instant: a view of the old ones shows nothing.
      const isSame = player.story?.began === story.began;
      const {follows, view} = player;
      const span = player.isLive ? player.span : 60;
      if (!isSame) player.told = {};
      this.change(story, update);
      player.begin(story, true);
      player.follows = isSame ? follows : true;
      if (isSame) player.see(view.from, view.to); else player.see(story.length - span, story.length);
    } else {
      this.change(player.story, update);
    }
    this.received = {at: performance.now(), length: update.length};
    player.story.verdict = update.verdict;
    player.story.isWrong = update.isWrong;
    player.tellVerdict();
    this.tellConnection(true);
    this.tell(message);
    player.changed();
  }

  change(story, update) {
    for (const {number, value} of update.spans) story.spans.set(number, value);
    for (const {number, value} of update.marks) story.marks.set(number, value);
    if (update.oldest > (story.oldest ?? 0)) {
      for (const [number, span] of story.spans) if (span.to < update.oldest) story.spans.delete(number);
      for (const [number, mark] of story.marks) if (mark.at < update.oldest) story.marks.delete(number);
      story.oldest = update.oldest;
    }
    story.length = Math.max(story.length ?? 0, update.length);
  }

  // The axis moves on between two messages, but not ahead of a server that says nothing.
  turn(now) {
    if (!this.received) return;
    const since = (now - this.received.at) / 1000;
    this.player.story.length = this.received.length + Math.min(Math.max(since, 0), 1.5);
    if (since > 3) this.tellConnection(false);
    if (this.rests && now - (this.restsAt ?? 0) > 200) {
      this.restsAt = now;
      for (const rest of this.rests) rest(since);
    }
  }

  tellConnection(isThere) {
    if (this.isConnected === isThere) return;
    this.isConnected = isThere;
    this.away.hidden = isThere;
  }

  // What stands beside

  buildPanels() {
    document.querySelector("main").classList.add("live");
    $("figures").hidden = false;
    this.away = make("p", {className: "away", hidden: true, textContent: "✖ No connection to zweimaster: what is shown is old."});
    this.away.setAttribute("role", "alert");
    $("figures").after(this.away);
    this.said = make("p", {id: "said"});
    this.said.setAttribute("role", "status");
    this.leases = make("tbody");
    this.downs = make("div", {className: "act"});
    this.pods = make("tbody");
    this.nodes = make("div");
    const table = (body, ...heads) => make("div", {className: "scroll"}, make("table", {},
      make("thead", {}, make("tr", {}, ...heads.map(text => make("th", {scope: "col", textContent: text})))), body));
    const section = (title, ...children) => make("section", {}, make("h2", {textContent: title}), ...children);
    $("beside").replaceChildren(
      section("Leases", table(this.leases, "Key", "Leader", "Runs on", "Term", "Rest"), this.downs),
      section("Act on the cluster", this.said, this.nodes),
      section("Pods", table(this.pods, "Name", "Ready", "Status", "Restarts", "Age")),
      section("Keep it", make("p", {}, make("a", {href: "/recording", download: "zweimaster.html",
        textContent: "Save the last hour as a file that plays"}))));
    this.buildWindows();
    this.buildDrawer();
  }

  buildWindows() {
    const windows = make("select", {id: "window"}, ...[["20 s", 20], ["1 min", 60], ["5 min", 300], ["15 min", 900],
      ["1 hour", 3600]].map(([text, value]) => make("option", {value, textContent: text, selected: value === 60})));
    windows.onchange = () => {
      const {player} = this;
      player.see(player.cursor - Number(windows.value), player.follows ? player.length : player.cursor);
    };
    $("out").before(make("label", {}, "Show ", windows));
    $("whole").hidden = true;
  }

  tell(message) {
    const {status} = message;
    const number = value => value == null ? "–" : Math.round(value).toLocaleString("en");
    const figures = [["never two", `${number(message.looks)} looks`], ["store's index", number(message.index)],
      ["requests a second", number(message.requestsPerSecond)]];
    if (message.violations) figures[0] = ["TWO AT ONCE", `${number(message.violations)} times in ${number(message.looks)} looks`];
    this.once("figures", figures, () => $("figures").replaceChildren(...figures.map(([name, value]) =>
      make("span", {}, `${name}: `, make("b", {textContent: value})))));
    if (!status) return;
    this.tellLeases(status, message);
    this.once("pods", status.pods, () => this.pods.replaceChildren(...status.pods.map(pod =>
      make("tr", {}, ...[pod.name, pod.ready, pod.status, pod.restarts, pod.age].map(text =>
        make("td", {textContent: text}))))));
    this.tellNodes(status, message);
  }

  // Builds a part anew only when what it shows has changed, so that focus and selection stay.
  once(name, value, build) {
    const told = JSON.stringify(value);
    if (this.known[name] === told) return;
    this.known[name] = told;
    build();
  }

  tellLeases(status, message) {
    const runsOn = lease => status.nodes.filter(node => node.running.includes(lease.role)).map(node => node.name).join(", ");
    // A lease's key, as 'zweimaster leaders' has it.
    const rows = status.leases.map(lease => [lease.role === "scheduler" ? "scheduler" : "controller", lease.holder ?? (lease.problem ? "unknown" : "none"),
      runsOn(lease) || "none", lease.term ?? "–"]);
    this.once("leases", [rows, message.canActOnProcesses], () => {
      this.bars = rows.map(() => make("i"));
      this.restTexts = rows.map(() => make("span"));
      this.leases.replaceChildren(...rows.map((row, index) => {
        const bar = make("span", {className: "bar"}, this.bars[index]);
        bar.setAttribute("aria-hidden", "true");
        return make("tr", {}, make("th", {scope: "row", textContent: row[0]}),
          ...row.slice(1).map(text => make("td", {textContent: text})), make("td", {className: "number"}, bar, this.restTexts[index]));
      }));
      this.downs.replaceChildren(...status.leases.filter(() => message.canActOnProcesses).map((lease, index) => {
        const down = make("button", {type: "button", textContent: `Step down: ${rows[index][0]}`, disabled: !lease.holder});
        down.dataset.key = `step down ${rows[index][0]}`;
        down.onclick = () => this.act(lease.holder, "step-down", `${lease.role}-elector`);
        return down;
      }));
    });
    this.rests = status.leases.map((lease, index) => since => {
      const rest = lease.ttlSeconds == null ? null : Math.max(0, lease.ttlSeconds - since);
      this.restTexts[index].textContent = rest == null ? "–" : `${rest.toFixed(1)} s`;
      this.bars[index].style.width = `${100 * Math.min(1, (rest ?? 0) / message.ttlSeconds)}%`;
    });
  }

  // A part that changed between the press of a button and its release would take the click away.
  isPressed(part) { return part.querySelector("button:active") !== null; }

  tellNodes(status, message) {
    if (this.isPressed(this.nodes)) return;
    const view = [status.store.state, status.store.isPaused, status.nodes.map(node => [node.name, node.state, node.isCut,
      node.processes.map(process => [process.component, process.pid != null, process.isPaused])]), message.canCut];
    this.once("nodes", view, () => {
      const focused = document.activeElement?.dataset?.key;
      const chosen = Object.fromEntries([...this.nodes.querySelectorAll("select")].map(select => [select.dataset.key, select.value]));
      const parts = status.nodes.map(node => this.nodePart(node, message));
      parts.unshift(this.storePart(status.store, message));
      this.nodes.replaceChildren(...parts);
      for (const select of this.nodes.querySelectorAll("select")) {
        if (chosen[select.dataset.key]) select.value = chosen[select.dataset.key];
      }
      if (focused) this.nodes.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    });
  }

  button(node, text, verb, isPossible, component) {
    const button = make("button", {type: "button", textContent: text, disabled: !isPossible});
    button.dataset.key = `${node} ${verb}${component ? " of a process" : ""}`;
    button.setAttribute("aria-label", component ? `${text} the chosen process of ${node}` : `${text} ${node}`);
    button.onclick = () => this.act(node, verb, component?.());
    return button;
  }

  storePart(store, message) {
    const isUp = store.state === "up";
    const state = !message.ownsStore ? "not ours" : store.isPaused ? "paused" : store.state;
    const buttons = [];
    if (message.ownsStore) {
      buttons.push(this.button("store", "Kill", "kill", store.state !== "down"),
        this.button("store", "Start", "start", store.state === "down"),
        this.button("store", "Pause", "pause", isUp && !store.isPaused),
        this.button("store", "Resume", "resume", store.isPaused));
      buttons.push(this.logButton("store", () => "store"));
    }
    return this.part("store", state, make("div", {className: "act"}, ...buttons));
  }

  nodePart(node, message) {
    const isDown = node.state === "down";
    const isPaused = node.processes.length > 0 && node.processes.every(process => process.isPaused);
    const acts = [this.button(node.name, "Kill", "kill", !isDown),
      this.button(node.name, "Stop", "stop", node.state === "up"),
      this.button(node.name, "Start", "start", isDown)];
    if (message.canActOnProcesses) {
      const pause = this.button(node.name, "Pause", "pause", !isDown && !isPaused);
      pause.title = "Stops its kubelet, too. The promise leaves that out: when it goes on, two pods may run for a moment.";
      acts.push(pause,
        this.button(node.name, "Resume", "resume", !isDown && node.processes.some(process => process.isPaused)));
    }
    if (message.canCut) {
      acts.push(this.button(node.name, "Cut off", "cut", !isDown && !node.isCut),
        this.button(node.name, "Mend", "mend", !isDown && node.isCut));
    }
    const select = make("select", {}, ...node.processes.map(process => make("option", {value: process.component,
      textContent: `${process.component}${process.isPaused ? ", paused" : process.pid == null ? ", down" : ""}`})));
    select.dataset.key = `${node.name} process`;
    select.setAttribute("aria-label", `A process of ${node.name}`);
    const component = () => select.value;
    const processes = [select];
    if (message.canActOnProcesses) {
      const kill = this.button(node.name, "Kill", "kill", !isDown, component);
      kill.title = "With an elector chosen, its guard gets the signal; the elector itself survives.";
      const pause = this.button(node.name, "Pause", "pause", !isDown, component);
      pause.title = "With an elector chosen, its guard gets the signal; the elector itself goes on.";
      processes.push(kill, pause, this.button(node.name, "Resume", "resume", !isDown, component));
    }
    processes.push(this.logButton(node.name, component));
    const state = `${isPaused ? "paused" : node.state}${node.isCut ? ", cut off" : ""}`;
    return this.part(node.name, state, make("div", {className: "act"}, ...acts),
      make("div", {className: "act"}, ...processes));
  }

  part(name, state, ...children) {
    return make("div", {className: "node"}, make("h3", {}, `${name} `, make("span", {className: "state", textContent: state})),
      ...children);
  }

  logButton(node, component) {
    const button = make("button", {type: "button", textContent: "Log"});
    button.dataset.key = `${node} log`;
    button.setAttribute("aria-label", `Log of ${node === "store" ? node : `the chosen process of ${node}`}`);
    button.onclick = () => this.openLog(node, component(), button);
    return button;
  }

  async act(node, verb, component) {
    const what = `${verb} ${node}${component ? `/${component}` : ""}`;
    this.say(`${what} …`);
    try {
      const query = component ? `?component=${encodeURIComponent(component)}` : "";
      const answer = await fetch(`/nodes/${encodeURIComponent(node)}/${verb}${query}`, {method: "POST"});
      const text = await answer.text();
      let error = null;
      if (!answer.ok) {
        error = text || `status ${answer.status}`;
        try { error = JSON.parse(text).error ?? error; } catch { /* A refusal is plain text, or nothing. */ }
      }
      this.say(`${what}: ${error ?? "done"}`, error != null);
    } catch (error) {
      this.say(`${what}: no answer (${error.message})`, true);
    }
  }

  say(text, isWrong = false) {
    this.said.textContent = text;
    this.said.className = isWrong ? "wrong" : "";
  }

  // The drawer with a log

  buildDrawer() {
    const close = make("button", {type: "button", textContent: "Close"});
    const again = make("button", {type: "button", textContent: "Read again"});
    this.drawerTitle = make("h2", {id: "drawer-title"});
    this.log = make("pre", {id: "log", tabIndex: 0});
    this.drawer = make("section", {id: "drawer", hidden: true}, make("header", {}, this.drawerTitle, again, close), this.log);
    this.drawer.setAttribute("aria-labelledby", "drawer-title");
    document.body.append(this.drawer);
    close.onclick = () => this.closeLog();
    again.onclick = () => this.readLog();
    this.drawer.onkeydown = event => { if (event.key === "Escape") this.closeLog(); };
    this.drawerClose = close;
  }

  openLog(node, component, opener) {
    this.logOf = {node, component};
    this.opener = opener.dataset.key;
    this.drawerTitle.textContent = node === "store" ? "store" : `${node}/${component}`;
    this.log.textContent = "…";
    this.drawer.hidden = false;
    this.drawerClose.focus();
    return this.readLog();
  }

  async readLog() {
    const {node, component} = this.logOf;
    try {
      const answer = await fetch(`/logs/${encodeURIComponent(node)}/${encodeURIComponent(component)}`);
      this.log.textContent = await answer.text() || "(empty)";
    } catch (error) {
      this.log.textContent = `no answer (${error.message})`;
    }
    this.log.scrollTop = this.log.scrollHeight;
  }

  closeLog() {
    this.drawer.hidden = true;
    this.nodes.querySelector(`[data-key="${CSS.escape(this.opener)}"]`)?.focus();
  }
}

const live = new Live(player);
