// Pictures that were sealed for this page alone: asked for with a key that lives as long as the view, opened here.

import { Fault, stream } from "/pages/shared.js";

const HEAD = 44; // "FAS1", the sender's key of this use (32 bytes), count (8 bytes)
const TAG = 16;
const LARGEST = 4 * 1024 * 1024; // bytes of one sealed picture
const SILENT = 40000; // ms without a word from the printer, which says something every 15 s

// A key pair whose private half no script can read; null if this browser cannot make one.
export async function makeKey() {
  if (!window.isSecureContext || !window.crypto?.subtle || !window.createImageBitmap) return null;
  try {
    return await crypto.subtle.generateKey("X25519", false, ["deriveBits"]);
  } catch {
    return null;
  }
}

// Calls `picture(bytes)` with each one, and waits for it, until the printer ends it; `word` at each sign of life.
export async function watch(purpose, recipient, keys, signal, picture, word) {
  const mine = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
  const quiet = new AbortController(); // also where a browser cannot join two signals
  signal.addEventListener("abort", () => quiet.abort());
  const body = await stream(`/api/watch/${purpose}/${recipient}`, { key: base64(mine) }, quiet.signal);
  const pieces = new Pieces(body.getReader());
  const open = opener(keys.privateKey, mine, `${purpose} ${recipient}`);
  try {
    for (;;) {
      const timer = setTimeout(() => quiet.abort(), SILENT);
      const piece = await pieces.next().finally(() => clearTimeout(timer));
      if (!piece) return;
      word();
      if (piece.length) await picture(await open(piece));
    }
  } catch (fault) {
    if (fault instanceof Fault || signal.aborted) throw fault;
    throw new Fault("unreachable", "", 0);
  } finally {
    pieces.cancel();
  }
}

// Whole pieces out of whatever comes: each behind its length. A piece of no bytes is a sign of life.
class Pieces {
  constructor(reader) {
    this.reader = reader;
    this.held = new Uint8Array(0);
  }

  async next() {
    const head = await this.take(4);
    if (!head) return null;
    const size = new DataView(head.buffer, head.byteOffset).getUint32(0);
    if (size > LARGEST) throw new Fault("picture_wrong", "", 0);
    return size ? this.take(size) : new Uint8Array(0);
  }

  async take(size) {
    const found = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      if (!this.held.length) {
        const { done, value } = await this.reader.read();
        if (done) return null;
        this.held = value;
      }
      const part = this.held.subarray(0, size - at);
      found.set(part, at);
      at += part.length;
      this.held = this.held.subarray(part.length);
    }
    return found;
  }

  cancel() {
    this.held = new Uint8Array(0);
    this.reader.cancel().catch(() => null);
  }
}

// Opens sealed pictures. Counts must rise, so that none is shown twice; anything that does not open ends the view.
function opener(privateKey, mine, about) {
  const spent = new Set(); // senders' keys of before
  let sender = "";
  let key = null;
  let last = -1n;
  return async (piece) => {
    const wrong = new Fault("picture_wrong", "", 0);
    if (piece.length < HEAD + TAG || text(piece.subarray(0, 4)) !== "FAS1") throw wrong;
    const from = piece.slice(4, 36);
    if (text(from) !== sender) {
      if (spent.has(text(from)) || spent.size > 64) throw wrong;
      sender = text(from);
      spent.add(sender);
      key = await derive(privateKey, from, mine, about).catch(() => Promise.reject(wrong));
      last = -1n;
    }
    const count = new DataView(piece.buffer, piece.byteOffset).getBigUint64(36);
    if (count <= last) throw wrong;
    last = count;
    const iv = new Uint8Array(12);
    iv.set(piece.subarray(36, 44), 4);
    try {
      return await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: piece.subarray(0, HEAD) }, key, piece.subarray(HEAD));
    } catch {
      throw wrong;
    }
  };
}

async function derive(privateKey, from, mine, about) {
  const sender = await crypto.subtle.importKey("raw", from, "X25519", false, []);
  const secret = await crypto.subtle.deriveBits({ name: "X25519", public: sender }, privateKey, 256);
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const salt = new Uint8Array(64);
  salt.set(from);
  salt.set(mine, 32);
  const info = new TextEncoder().encode(`firmware_agent sealed picture 1 ${about}`);
  return crypto.subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt, info }, base, { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
}

const text = (bytes) => String.fromCharCode(...bytes);
const base64 = (bytes) => btoa(text(bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
