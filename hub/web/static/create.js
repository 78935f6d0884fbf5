// The create form: asks the server about the name while it is typed.

const form = document.getElementById("new-space");
const name = form.elements.namedItem("name");
const owner = form.elements.namedItem("owner");
const verdict = document.getElementById("name-verdict");
const short = form.elements.namedItem("short_description");
const left = document.getElementById("short-left");

let timer = 0;
let asked = 0;

async function check() {
  const mine = ++asked;
  const typed = name.value.trim();
  if (!typed) return show("", "");
  const query = new URLSearchParams({ owner: owner.value, name: typed });
  try {
    const answer = await fetch(`/new-space/check?${query}`, { headers: { Accept: "application/json" } });
    const found = await answer.json();
    if (mine !== asked) return;
    show(found.free ? "check-good" : "check-bad", `${found.free ? "✓" : "✗"} ${found.message}`);
    name.setCustomValidity(found.free ? "" : found.message);
  } catch {
    if (mine === asked) show("", "");
  }
}

function show(kind, text) {
  verdict.className = `help ${kind}`;
  verdict.textContent = text || verdict.dataset.rule;
  if (!text) name.setCustomValidity("");
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(check, 200);
}

name.addEventListener("input", later);
owner.addEventListener("change", later);
short.addEventListener("input", () => { left.textContent = `${60 - [...short.value].length} left`; });
if (name.value) check();
