// The live log: follows one stream of server-sent events, and keeps the page small.

import { appendColoured } from "./ansi.js";

const MOST_LINES = 5000;
const BATCH = 500;

/** Shows the log of one build or run in `element`; `state` says in words how it stands. */
export class LogView {
  #element;
  #state;
  #source = null;
  #waiting = [];
  #drawing = 0;
  #dropped = 0;
  #retry = 0;

  constructor(element, state) {
    this.#element = element;
    this.#state = state;
  }

  /** Follow `url` from its first line. `live()` tells whether a stream that ended may go on. */
  open(url, live) {
    this.close();
    this.#element.replaceChildren();
    this.#dropped = 0;
    this.#say("connecting …");
    const source = new EventSource(url);
    this.#source = source;
    source.onopen = () => {
      // Every connection replays the log from its start.
      this.#waiting = [];
      this.#element.replaceChildren();
      this.#dropped = 0;
      this.#say("live");
    };
    source.onmessage = (event) => this.#take(event.data);
    source.onerror = () => {
      source.close();
      if (this.#source !== source) return;
      // It may have ended for good: the page's next look at the Space tells.
      this.#retry = setTimeout(() => {
        if (live()) this.open(url, live);
        else this.#say(this.#element.childElementCount ? "ended" : "nothing was logged");
      }, 1500);
    };
  }

  close() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
    this.#waiting = [];
  }

  #take(data) {
    if (!data) return;
    let entry;
    try {
      entry = JSON.parse(data);
    } catch {
      return;
    }
    this.#waiting.push(entry);
    this.#drawing ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#drawing = 0;
    const element = this.#element;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    if (this.#waiting.length > MOST_LINES) {
      this.#dropped += this.#waiting.length - MOST_LINES;
      this.#waiting = this.#waiting.slice(-MOST_LINES);
    }
    const lines = document.createDocumentFragment();
    for (const entry of this.#waiting.splice(0, BATCH)) lines.append(this.#line(entry));
    element.append(lines);
    while (element.childElementCount > MOST_LINES) {
      element.firstElementChild.remove();
      this.#dropped++;
    }
    if (this.#dropped && !element.firstElementChild?.classList.contains("cut")) {
      const cut = document.createElement("div");
      cut.className = "cut";
      cut.textContent = `… earlier lines are not shown here`;
      element.prepend(cut);
    }
    if (atEnd) element.scrollTop = element.scrollHeight;
    if (this.#waiting.length) this.#drawing = requestAnimationFrame(() => this.#draw());
  }

  #line(entry) {
    const line = document.createElement("div");
    line.className = "line";
    const time = document.createElement("time");
    const at = new Date(entry.timestamp);
    time.textContent = Number.isNaN(at.getTime()) ? "" : at.toTimeString().slice(0, 8);
    const text = document.createElement("span");
    appendColoured(text, String(entry.data ?? "").replace(/\n$/, ""));
    line.append(time, text);
    return line;
  }

  #say(words) {
    this.#state.textContent = words;
  }
}
