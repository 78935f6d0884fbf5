// A log line as text with a few colours. Everything else that a terminal knows is dropped.

const SGR = /\u001b\[([0-9;:]{0,64})m/g;
const OTHER = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|[ -/]*[0-~]?)/g;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const STYLES = { 1: "sgr-bold", 2: "sgr-dim", 3: "sgr-italic", 4: "sgr-underline" };

/** Append `text` to `element`: text nodes and spans with known classes, never HTML. */
export function appendColoured(element, text) {
  let style = { colour: "", marks: new Set() };
  let from = 0;
  for (const found of text.matchAll(SGR)) {
    append(element, text.slice(from, found.index), style);
    style = apply(style, found[1]);
    from = found.index + found[0].length;
  }
  append(element, text.slice(from), style);
}

function append(element, piece, style) {
  const clean = piece.replace(OTHER, "").replace(CONTROL, "");
  if (!clean) return;
  const classes = [style.colour, ...style.marks].filter(Boolean);
  if (!classes.length) return element.append(clean);
  const span = document.createElement("span");
  span.className = classes.join(" ");
  span.textContent = clean;
  element.append(span);
}

function apply(style, codes) {
  let { colour } = style;
  let marks = new Set(style.marks);
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at];
    if (code === 0) { colour = ""; marks = new Set(); }
    else if (STYLES[code]) marks.add(STYLES[code]);
    else if (code === 22) { marks.delete("sgr-bold"); marks.delete("sgr-dim"); }
    else if (code === 23) marks.delete("sgr-italic");
    else if (code === 24) marks.delete("sgr-underline");
    else if (code >= 30 && code <= 37) colour = `fg-${code - 30}`;
    else if (code >= 90 && code <= 97) colour = `fg-${code - 90}`;
    else if (code === 39) colour = "";
    else if (code === 38 || code === 48) {
      const kind = numbers[at + 1];
      if (code === 38 && kind === 5 && numbers[at + 2] < 16) colour = `fg-${numbers[at + 2] % 8}`;
      at += kind === 5 ? 2 : kind === 2 ? 4 : 0;
    }
  }
  return { colour, marks };
}
