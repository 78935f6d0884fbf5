// A Space's page keeps itself up to date: badge, cause, what the App tab shows, which log is live.

import { LogView } from "./logs.js";
import { theme } from "./page.js";

const page = document.getElementById("space");
const { base, api, user } = page.dataset;
const first = JSON.parse(document.getElementById("space-data").textContent);

const badge = document.getElementById("stage");
const cause = document.getElementById("cause");
const frameBox = document.getElementById("app-frame");
const panels = [...document.querySelectorAll("[data-panel]")];
const logs = document.getElementById("logs");

let status = first.status;
let frame = null;
let framedVersion = null;
let shownLog = { kind: "", id: "" };
let chosenLog = first.openLog === "container" ? "run" : "build";
let opened = Boolean(first.openLog);
let closedByHand = false;
let previous = false; // the log of the build or run before the newest

// ---- the app's frame ----

function frameUrl({ origin, path, sign }) {
  const url = new URL(path, origin);
  for (const [key, value] of new URLSearchParams(location.search)) {
    if (key !== "logs") url.searchParams.append(key, value);
  }
  url.searchParams.set("__theme", theme());
  if (sign) url.searchParams.set("__sign", sign);
  url.hash = location.hash || url.hash;
  return url;
}

async function showFrame() {
  if (!frameBox || framedVersion === status.version) return;
  const before = framedVersion;
  framedVersion = status.version;
  const place = before === null ? first.frame : (await ask("?frame=1"))?.frame ?? first.frame;
  const made = document.createElement("iframe");
  made.title = page.dataset.title;
  made.allow = first.allow;
  made.sandbox.add(...first.sandbox);
  made.src = frameUrl(place);
  frame = { element: made, origin: place.origin };
  frameBox.replaceChildren(made);
}

function dropFrame() {
  frameBox?.replaceChildren();
  frame = null;
  framedVersion = null;
}

addEventListener("message", (event) => {
  // Only the app's own window on the app's own origin, and only these two wishes.
  if (!frame || event.source !== frame.element.contentWindow || event.origin !== frame.origin) return;
  const wish = event.data;
  if (typeof wish !== "object" || wish === null) return;
  if (wish.type === "USER_PLAN_REQUEST") {
    event.source.postMessage({ type: "USER_PLAN", plan: { user: user ? "free" : "anonymous" } }, frame.origin);
  } else if (typeof wish.queryString === "string" || typeof wish.hash === "string") {
    const next = new URL(location.href);
    if (typeof wish.queryString === "string") next.search = wish.queryString.slice(0, 2000);
    if (typeof wish.hash === "string") next.hash = wish.hash.slice(0, 2000);
    history.replaceState(null, "", next);
  }
});

// ---- the logs ----

const view = logs && new LogView(document.getElementById("log"), document.getElementById("log-state"));

function showLogs(kind) {
  if (!view) return;
  if (kind) chosenLog = kind;
  logs.hidden = !opened;
  for (const button of document.querySelectorAll("[data-toggle-logs]")) {
    button.setAttribute("aria-expanded", String(opened));
  }
  for (const tab of logs.querySelectorAll("[data-log]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.log === chosenLog));
  }
  logs.querySelector("[data-previous]").setAttribute("aria-pressed", String(previous));
  const id = chosenLog === "build" ? status.build : status.run;
  if (!opened) {
    view.close();
    shownLog = { kind: "", id: "" };
  } else if (shownLog.kind !== chosenLog || shownLog.id !== id || shownLog.previous !== previous) {
    shownLog = { kind: chosenLog, id, previous };
    const mine = shownLog;
    const live = () => shownLog === mine && !previous && (chosenLog === "build" ? status.building : !status.settled || status.tone === "good");
    view.open(`${api}/logs/${chosenLog}${previous ? "?previous=true" : ""}`, live);
  }
}

for (const button of document.querySelectorAll("[data-toggle-logs]")) {
  button.addEventListener("click", () => {
    opened = !opened;
    closedByHand = !opened;
    previous &&= opened;
    showLogs(opened && !status.building && status.run ? "run" : chosenLog);
  });
}
for (const tab of logs?.querySelectorAll("[data-log]") ?? []) {
  tab.addEventListener("click", () => showLogs(tab.dataset.log));
}

const older = logs?.querySelector("[data-previous]");
older?.addEventListener("click", () => {
  previous = !previous;
  showLogs();
});

// ---- the state ----

async function ask(query = "") {
  try {
    const answer = await fetch(`${base}/status${query}`, { headers: { Accept: "application/json" } });
    if (answer.status === 404 || answer.status === 401) return location.reload();
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

function show(next) {
  const before = status;
  status = next;
  badge.textContent = next.stageName;
  badge.className = `badge ${next.tone}`;
  const troubled = next.panel === "app" && next.sentence && next.tone === "good" && next.title !== next.stageName;
  if (cause) {
    cause.hidden = !troubled;
    cause.querySelector("strong").textContent = troubled ? `${next.title}: ${next.sentence}` : "";
    cause.querySelector("span").textContent = troubled ? next.hint : "";
  }
  for (const panel of panels) {
    const name = panel.dataset.panel;
    panel.hidden = name === "message" ? ["app", "guide"].includes(next.panel) : name !== next.panel;
  }
  for (const [key, words] of [["title", next.title], ["sentence", next.sentence], ["hint", next.hint]]) {
    const place = document.querySelector(`[data-message="${key}"]`);
    if (place) { place.textContent = words; place.hidden = !words; }
  }
  const spinner = document.querySelector("[data-message='spinner']");
  if (spinner) spinner.hidden = !["waiting", "wake"].includes(next.panel);
  const paused = next.stage === "PAUSED";
  for (const part of document.querySelectorAll("[data-when]")) {
    part.hidden = (part.dataset.when === "paused") !== paused;
  }
  if (next.panel === "app") showFrame(); else dropFrame();
  if (next.panel === "wake" && before.panel !== "wake") wake();
  followLogs(before, next);
}

/** A build that begins opens its log by itself; when the app starts, the log goes on with its. */
function followLogs(before, next) {
  if (!view) return;
  const newBuild = next.build !== before.build; // also one that was over before we looked
  if (newBuild && !closedByHand && next.panel !== "app") {
    opened = true;
    showLogs("build");
  } else if (next.stage === "APP_STARTING" && before.stage !== "APP_STARTING" && next.run) {
    showLogs("run");
  } else {
    showLogs();
  }
}

async function wake() {
  try {
    await fetch(`${base}/wake`, { method: "POST", headers: { "X-CSRF-Token": page.dataset.token } });
  } catch {
    // The next look tells.
  }
}

async function watch() {
  for (;;) {
    const quick = !status.settled || status.panel === "guide" || status.panel === "wake";
    await new Promise((done) => setTimeout(done, quick ? 1000 : 2500));
    if (document.hidden) continue;
    const next = await ask();
    if (next) show(next);
  }
}

// ---- a token for the clone command ----

for (const button of document.querySelectorAll("[data-make-token]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    const body = new URLSearchParams({ name: `push to ${page.dataset.id}`, role: "write" });
    const answer = await fetch("/settings/tokens", {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRF-Token": page.dataset.token },
      body,
    });
    const found = answer.ok ? await answer.json() : null;
    const place = document.getElementById(button.dataset.makeToken);
    place.hidden = false;
    place.querySelector("pre").textContent = found?.token ?? "That did not work; see your settings.";
    button.hidden = Boolean(found);
    button.disabled = false;
  });
}

show(status);
if (status.panel === "wake") wake();
if (view && !opened && status.building && status.panel !== "app") opened = true;
showLogs(status.building ? "build" : undefined);
watch();
