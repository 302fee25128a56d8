// Before there is a session: sign in with the key of this phone, or pair it.

import * as shared from "/pages/shared.js";

const { ask, h, put, t } = shared;
const page = document.getElementById("page");

// The secret leaves the address bar and the history before anything else happens.
function takeSecret() {
  const found = /^#pair=([0-9a-f]{32})$/i.exec(location.hash);
  if (location.hash) history.replaceState(null, "", location.pathname);
  return found ? found[1].toLowerCase() : "";
}

function thisPhone() {
  const agent = navigator.userAgent;
  if (/iPhone/.test(agent)) return "iPhone";
  if (/iPad/.test(agent)) return "iPad";
  return t(/Android|Mobile/.test(agent) ? "pair.phone" : "pair.computer");
}

// Not extractable: not even this page can read it. Null where the browser cannot keep one.
async function makeKey() {
  if (!shared.canSign) return null;
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  const key = { pair, point: shared.hex(raw), id: (await shared.sha256(raw)).slice(0, 16), counter: 0 };
  try {
    await shared.stored("readwrite", (store) => store.put(key, "phone"));
  } catch {
    return null;
  }
  return key;
}

async function pair(door, secret, fields) {
  const values = { ...(secret ? { secret } : { code: fields.code.value.replace(/\D/g, "") }), name: fields.name.value.trim() };
  const key = await makeKey();
  if (!key) return ask("/pair", values);
  const fresh = await ask("/doorbell"); // a nonce is good for one try
  const proof = await shared.sign(key, fresh.device, fresh.nonce, "pair", values);
  try {
    return await ask("/pair", { ...values, key: key.point, ...proof });
  } catch (fault) {
    if (fault.status) await shared.forgetKey(); // the printer said no: this key is of no use
    throw fault;
  }
}

function form(door, secret, note) {
  const closed = !door.open;
  const name = h("input", { id: "name", name: "name", maxlength: 40, required: true, autocomplete: "off", value: thisPhone(), "aria-describedby": "name-hint" });
  const code = h("input", {
    id: "code", name: "code", class: "code", inputmode: "numeric", autocomplete: "one-time-code", pattern: "\\s*(\\d\\s*){8}",
    maxlength: 12, required: true, "aria-describedby": "code-hint problem",
  });
  const problem = h("p", { id: "problem", class: "problem", role: "alert" });
  const button = h("button", { id: "pair", class: "main", type: "submit" }, t("pair.do"));
  const element = h("form", { id: "form", class: "card", novalidate: true },
    h("p", null, h("label", { for: "name" }, t("pair.name")), name, h("span", { id: "name-hint", class: "hint" }, t("pair.name.hint"))),
    !secret && h("p", null, h("label", { for: "code" }, t("pair.code")), code, h("span", { id: "code-hint", class: "hint" }, t("pair.code.hint"))),
    problem, button);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = !name.value.trim() ? name : !secret && code.value.replace(/\D/g, "").length !== 8 ? code : null;
    if (wrong) {
      wrong.setAttribute("aria-invalid", "true");
      problem.textContent = t(wrong === name ? "pair.name.missing" : "pair.code.missing");
      wrong.focus();
      return;
    }
    button.disabled = true;
    problem.textContent = "";
    try {
      await pair(door, secret, element.elements);
      enter();
    } catch (fault) {
      button.disabled = false;
      problem.textContent = fault.words;
      if (!secret) code.focus();
    }
  });
  put(
    page,
    h("h1", null, t(secret ? "pair.found" : "pair.title")),
    note && h("p", { class: "note", role: "status" }, note),
    h("p", { class: "lead" }, t(secret ? "pair.found.text" : "pair.text")),
    closed && !secret && h("div", { id: "closed", class: "note" }, h("h2", null, t("pair.closed")), h("p", null, t("pair.closed.text"))),
    door.backoff > 0 && h("p", { id: "backoff", class: "note" }, shared.tn("pair.backoff", Math.ceil(door.backoff / 60))),
    element,
    !shared.canSign && h("div", { id: "plain", class: "note warn" }, h("h2", null, t("warning.plain_http.title")), h("p", null, t("warning.plain_http"))),
    h("p", { class: "hint" }, t("pair.rest")),
  );
  page.setAttribute("aria-busy", "false");
}

function enter() {
  const tries = Number(sessionStorage.getItem("entered") || 0);
  if (tries >= 3) return trouble(t("pair.cookies")); // signed in, and yet no session: cookies are switched off
  sessionStorage.setItem("entered", tries + 1);
  location.replace("/");
}

function trouble(text) {
  const again = h("button", { id: "again", class: "main", type: "button" }, t("again"));
  again.addEventListener("click", () => location.reload());
  put(page, h("h1", null, t("pair.trouble")), h("p", { role: "alert" }, text), again);
  page.setAttribute("aria-busy", "false");
  sessionStorage.removeItem("entered");
}

async function start() {
  const secret = takeSecret();
  let door;
  try {
    door = await ask("/doorbell");
  } catch (fault) {
    await shared.useWords(["en", "zh"]).catch(() => null);
    shared.fill(document);
    return trouble(fault.words);
  }
  await shared.useWords(door.words);
  let note = "";
  const show = () => {
    shared.fill(document);
    document.title = t("pair.title");
    form(door, secret, note && t(note));
  };
  shared.languagePicker(document.getElementById("language"), show);
  shared.fill(document);
  document.title = t("pair.title");
  if (!secret && !sessionStorage.getItem("left")) {
    put(page, h("p", { role: "status" }, t("pair.signing")));
    try {
      if (await shared.login(door)) return enter();
    } catch (fault) {
      if (fault.name === "unreachable") return trouble(fault.words);
      note = "pair.again";
      door = await ask("/doorbell").catch(() => door);
    }
  }
  sessionStorage.removeItem("left");
  show();
}

window.addEventListener("hashchange", start); // the code was scanned while this page was open
start();
