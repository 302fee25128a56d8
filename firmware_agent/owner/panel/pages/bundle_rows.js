// Two texts side by side, line by line; drawn only where somebody looks. Text only ever becomes text.

import { ask, h, put, sha256 } from "/pages/shared.js";

const LINES = 150; // in one piece
let drawn = null; // {shown, only}: what stands there

// {sha256, before, after, marks} of the bundle with that digest; null if it is another by now. Where this browser can, it
// is checked that what is shown is what would leave.
export async function texts(digest) {
  const before = await ask("/api/bundle/before", undefined, "text"); // one by one: what is on its way is bounded
  const after = await ask("/api/bundle/after", undefined, "text");
  const { marks } = await ask("/api/bundle/marks");
  const found = window.isSecureContext ? await sha256(new TextEncoder().encode(after)) : digest;
  return found === digest ? { sha256: digest, before, after, marks } : null;
}

export function show(box, shown, only) {
  if (box.firstChild && drawn?.shown === shown && drawn.only === only) return;
  const lines = { before: shown.before.split("\n"), after: shown.after.split("\n") };
  const marks = new Map();
  for (const mark of shown.marks) {
    if (!marks.has(mark[0])) marks.set(mark[0], []);
    marks.get(mark[0]).push(mark);
  }
  const count = lines.after.length - 1; // the last one ends with a line feed
  const numbers = only ? [...marks.keys()] : Array.from({ length: count }, (_, at) => at);
  const pieces = [];
  for (let at = 0; at < numbers.length; at += LINES) pieces.push(numbers.slice(at, at + LINES));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting || target.firstChild) continue;
      put(target, pieces[target.dataset.piece].map((number) => row(number, lines, marks.get(number) || [])));
      target.removeAttribute("data-lines");
    }
  }, { root: box, rootMargin: "800px" });
  const top = drawn?.only === only ? box.scrollTop : 0;
  drawn?.seen.disconnect();
  drawn = { shown, only, seen };
  // What was looked at is filled at once, so that nothing jumps.
  const open = new Set(Array.from(box.children, (piece) => piece.firstChild && piece.dataset.piece));
  put(box, pieces.map((piece, at) => {
    const keep = open.has(String(at)) && top > 0;
    return h("div", { class: "piece", "data-piece": at, "data-lines": keep ? null : Math.ceil(piece.length / 50) },
      keep && piece.map((number) => row(number, lines, marks.get(number) || [])));
  }));
  box.scrollTop = top;
  for (const piece of box.children) seen.observe(piece);
  box.onpointerdown = (event) => {
    box.dataset.from = event.target.closest("code")?.dataset.of || ""; // one column at a time can be selected
  };
}

function row(number, lines, marks) {
  return h("div", { class: marks.length ? "pair changed" : "pair", "data-line": number },
    h("span", { class: "number", "aria-hidden": "true" }, number + 1),
    ["before", "after"].map((of, at) => h("code", { "data-of": of }, cut(lines[of][number], marks, 1 + 2 * at, of))));
}

// A line with its marks. Offsets count code points.
function cut(line, marks, from, of) {
  if (!marks.length) return line;
  const points = Array.from(line);
  const parts = [];
  let at = 0;
  for (const mark of marks) {
    const [start, end, kind] = [mark[from], mark[from + 1], mark[5]];
    parts.push(points.slice(at, start).join(""), h("mark", { class: of, "data-kind": kind, title: kind }, points.slice(start, end).join("")));
    at = end;
  }
  return [...parts, points.slice(at).join("")];
}

// What is selected and not masked: [{text, whole}], a piece of each line; whole: no letter or digit beside it.
export function selected(box) {
  const choice = getSelection();
  if (!choice.rangeCount || choice.isCollapsed) return [];
  const range = choice.getRangeAt(0);
  const side = getComputedStyle(box).getPropertyValue("--both").trim() ? box.dataset.from : box.dataset.side;
  const found = new Map();
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const code = node.parentElement.closest("code");
    if (!code || node.parentElement.closest("mark") || (side && code.dataset.of !== side) || !range.intersectsNode(node)) continue;
    const start = node === range.startContainer ? range.startOffset : 0;
    const end = node === range.endContainer ? range.endOffset : node.data.length;
    const text = node.data.slice(start, end).trim();
    if (text.length < 2) continue;
    const at = node.data.indexOf(text, start);
    const beside = (node.data[at - 1] || "") + (node.data[at + text.length] || "");
    found.set(text, { text, whole: !/[\p{L}\p{N}]/u.test(beside) });
  }
  return [...found.values()];
}
