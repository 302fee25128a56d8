// What both pages need: words, elements, requests to the printer, and the key of this phone.

// --- Elements: text only ever becomes text, so nothing that the printer says can become markup. ---

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  put(element, ...children);
  return element;
}

// Replaces what is in an element; null and false are nothing.
export function put(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child != null && child !== false));
}

export const byId = (id) => document.getElementById(id);

// --- Words: one text file a language, `key = sentence` a line. A language is added by adding a file. ---

const words = new Map();
const fallback = new Map();
export let languages = ["en"];
export let language = "en";

function read(text, into) {
  for (const line of text.split(/\r?\n/)) {
    const cut = line.indexOf("=");
    if (cut > 0 && !line.startsWith("#")) into.set(line.slice(0, cut).trim(), line.slice(cut + 1).trim());
  }
}

async function load(name, into) {
  const answer = await fetch(`/pages/words.${name}.txt`);
  into.clear();
  if (answer.ok) read(await answer.text(), into);
}

function preferred(names) {
  const wanted = [remembered(), ...navigator.languages].filter(Boolean);
  for (const one of wanted) {
    for (let part = one; part; part = part.slice(0, Math.max(0, part.lastIndexOf("-")))) {
      const found = names.find((name) => name.toLowerCase() === part.toLowerCase());
      if (found) return found;
    }
  }
  return names.includes("en") ? "en" : names[0];
}

function remembered() {
  try {
    return localStorage.getItem("language");
  } catch {
    return null; // storage is switched off: the browser's own languages decide
  }
}

export async function useWords(names, name) {
  languages = names.length ? names : ["en"];
  language = name || preferred(languages);
  await Promise.all([load(language, words), load("en", fallback)]);
  document.documentElement.lang = language;
  document.documentElement.dir = words.get("direction") === "rtl" ? "rtl" : "ltr";
}

export async function speak(name) {
  try {
    localStorage.setItem("language", name);
  } catch {
    // it holds for this page then
  }
  await useWords(languages, name);
}

export const knows = (key) => words.has(key) || fallback.has(key);

// What the sentences call the thing itself: a printer, an engraver.
let machine = "";
export const useMachine = (profile) => {
  machine = profile;
};

// The sentence of a key, with {name} replaced by values.name and {machine} by the right noun.
export function t(key, values) {
  const sentence = words.get(key) ?? fallback.get(key) ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => {
    if (values && name in values) return String(values[name]);
    return name === "machine" ? say(`machine.${machine}`, t("machine")) : whole;
  });
}

// The same for a number: key.one, key.few, key.other ... as the language counts.
export function tn(key, count, values) {
  const exact = `${key}.${new Intl.PluralRules(language).select(count)}`;
  const form = words.has(exact) ? exact : `${key}.other`;
  const number = new Intl.NumberFormat(language).format(count);
  return t(form, { n: number, ...values });
}

// A sentence if the words have it, else what the printer says.
export const say = (key, other) => (knows(key) ? t(key) : other);

// Words for a text of the policy, if they were written for just this text (stem.of); else the policy's own text.
export function sayFor(stem, key, text, own) {
  const found = [words, fallback].find((one) => one.has(key) && (text === undefined || one.get(`${stem}.of`) === text));
  return found ? t(key) : own;
}

export function fill(root) {
  for (const element of root.querySelectorAll("[data-words]")) element.textContent = t(element.dataset.words);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
}

export function languagePicker(select, changed) {
  const own = (name) => {
    try {
      return new Intl.DisplayNames(name, { type: "language" }).of(name);
    } catch {
      return name;
    }
  };
  const show = () =>
    select.replaceChildren(
      ...languages.map((name) =>
        h("option", { value: name, lang: name, selected: name === language }, name === language ? t("language") : own(name)),
      ),
    );
  show();
  select.onchange = async () => {
    await speak(select.value);
    show();
    changed();
  };
}

// --- Requests. A Fault has the printer's name for what is wrong, or "unreachable". ---

export class Fault extends Error {
  constructor(name, text, status) {
    super(text || name);
    this.name = name;
    this.status = status;
  }

  // In the reader's language, if there are words for it.
  get words() {
    return say(`reason.${this.name}`, this.message);
  }
}

let token = "";
export const useToken = (value) => {
  token = value || "";
};

function request(path, body, signal) {
  const options = { cache: "no-store", credentials: "same-origin", signal };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json", ...(token && { "X-Token": token }) };
    options.body = JSON.stringify(body);
  }
  return fetch(path, options);
}

export async function ask(path, body, kind = "json") {
  let answer;
  let text;
  try {
    answer = await request(path, body, AbortSignal.timeout(body === undefined ? 8000 : 20000));
    text = await answer.text();
  } catch {
    throw new Fault("unreachable", "", 0);
  }
  return kind === "text" && answer.ok ? text : told(answer, text);
}

// The body of an answer that goes on until `signal`, or until the printer ends it.
export async function stream(path, body, signal) {
  let answer;
  try {
    answer = await request(path, body, signal);
    if (answer.ok) return answer.body;
  } catch {
    throw new Fault("unreachable", "", 0);
  }
  return told(answer, await answer.text().catch(() => ""));
}

function told(answer, text) {
  let found = null;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Fault("fault", "", answer.status);
  }
  if (!answer.ok || (found && found.error)) throw new Fault(found?.error || "fault", found?.text, answer.status);
  return found;
}

// --- The key of this phone (pair.js makes it): it cannot be read out, and signs what widens. Only over HTTPS. ---

export const canSign = Boolean(window.isSecureContext && window.crypto?.subtle && window.indexedDB);
export const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
export const sha256 = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));

export function stored(mode, work) {
  return new Promise((done, failed) => {
    const opening = indexedDB.open("firmware_agent", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onerror = () => failed(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("keys", mode);
      const request = work(transaction.objectStore("keys"));
      const end = (call, value) => {
        opening.result.close();
        call(value);
      };
      transaction.oncomplete = () => end(done, request.result);
      transaction.onabort = () => end(failed, transaction.error);
    };
  });
}

// {pair, point, id}, or null: id is the beginning of the SHA-256 of the public point, as the printer names the key.
export async function phoneKey() {
  if (!canSign) return null;
  try {
    return (await stored("readonly", (store) => store.get("phone"))) || null;
  } catch {
    return null; // a private window may refuse to keep anything
  }
}

export async function forgetKey() {
  if (canSign) await stored("readwrite", (store) => store.delete("phone")).catch(() => null);
}

// The signed command: {body, signature}. Its counter only goes up, also when the phone's clock went back.
export async function sign(key, device, nonce, action, values) {
  const counter = Math.max(Date.now(), (key.counter || 0) + 1);
  key.counter = counter;
  await stored("readwrite", (store) => store.put(key, "phone")).catch(() => null);
  const body = JSON.stringify(["firmware_agent command 1", device, key.id, counter, nonce, action, values]);
  const mark = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.pair.privateKey, new TextEncoder().encode(body));
  return { body, signature: hex(mark) };
}

// Signs in with the key of this phone; false if there is none.
export async function login(door) {
  const key = await phoneKey();
  if (!key) return false;
  await ask("/login", await sign(key, door.device, door.nonce, "login", {}));
  return true;
}
