// On every page: the theme switch, copy buttons, dialogs, menus that close, forms sent once.

const dark = matchMedia("(prefers-color-scheme: dark)");

/** The theme that is shown now: "light" or "dark". */
export function theme() {
  return document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
}

function switchTheme() {
  const next = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // Then it holds for this page only.
  }
  document.dispatchEvent(new Event("themechange"));
}

async function copy(button) {
  const text = button.parentElement.querySelector("pre, code").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.parentElement.querySelector("pre, code"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return;
  }
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-theme-switch], [data-open], [data-close]");
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target) || (target && target.closest(".menu") === menu)) {
      menu.open = false;
    }
  }
  if (!target) return;
  if (target.hasAttribute("data-copy")) copy(target);
  if (target.hasAttribute("data-theme-switch")) switchTheme();
  if (target.dataset.open) document.getElementById(target.dataset.open).showModal();
  if (target.hasAttribute("data-close")) target.closest("dialog").close();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

for (const field of document.querySelectorAll("[data-submit-on-change]")) {
  field.addEventListener("change", () => field.form.requestSubmit());
}
for (const field of document.querySelectorAll("[data-must-equal]")) {
  const button = field.form.querySelector("button");
  const check = () => {
    button.disabled = field.value.trim().toLowerCase() !== field.dataset.mustEqual.toLowerCase();
  };
  field.addEventListener("input", check);
  check();
}
for (const select of document.querySelectorAll("[data-go]")) {
  select.addEventListener("change", () => { location.href = select.value; });
}
