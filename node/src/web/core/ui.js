/**
 * What this page shows at the moment, beyond what it knows: filters, open panels, what is being edited, short notices. It is
 * forgotten with the page.
 */

import { changed } from "./store.js";
import { words } from "./api.js";

/**
 * @typedef {object} Preview
 * @property {string} id
 * @property {number | null} line
 * @property {DOMRect} at the chip that it belongs to
 */

/** @typedef {{number: number, text: string, kind: "info" | "error"}} Toast */

export const ui = {
  archived: false,
  agent: "",
  search: "",
  /** @type {Preview | null} */
  preview: null,
  /** @type {{query: string, index: number, pinned: string | null} | null} */
  quick: null,
  /** @type {{session: string, text: string, error: string} | null} */
  title: null,
  /** @type {Toast[]} */
  toasts: [],
  help: false,
  menu: false,
  /** @type {Set<string>} what is unfolded or under way, by names of the views' own */
  open: new Set(),
};

/** Long enough to read a sentence twice. */
const TOAST_MS = 6_000;
let toasts = 0;

/**
 * Says something in passing.
 *
 * @param {string} text
 * @param {"info" | "error"} [kind]
 */
export function toast(text, kind = "info") {
  toasts += 1;
  const number = toasts;
  ui.toasts = [...ui.toasts.slice(-3), { number, text, kind }];
  changed();
  setTimeout(() => dismiss(number), TOAST_MS);
}

/** @param {number} number */
export function dismiss(number) {
  ui.toasts = ui.toasts.filter((each) => each.number !== number);
  changed();
}

/**
 * Does something for a person, once at a time; a failure is told.
 *
 * @param {string} name of what is under way
 * @param {() => Promise<void>} work
 */
export async function doing(name, work) {
  if (ui.open.has(name)) return;
  ui.open.add(name);
  changed();
  try {
    await work();
  } catch (error) {
    toast(words(error), "error");
  } finally {
    ui.open.delete(name);
    changed();
  }
}

/** @param {string} name @returns {boolean} */
export function isOpen(name) {
  return ui.open.has(name);
}

/** @param {string} name @param {boolean} [open] */
export function toggle(name, open = !ui.open.has(name)) {
  if (open) ui.open.add(name);
  else ui.open.delete(name);
  changed();
}

/**
 * @param {string} text
 * @param {string} what for the notice
 */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(`this browser does not let pages copy; ${what}: ${text}`, "error");
  }
}
