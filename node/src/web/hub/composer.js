/**
 * Where messages are written: a field with a draft of its own that outlives a reload, references by `@`, by button and by
 * drag, and sending that can be repeated without writing twice. It sends only when a person says so.
 */

import { requestId, words } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { draft, keepDraft } from "../core/keep.js";
import { DRAG_TYPE } from "../core/reference.js";
import { changed } from "../core/store.js";
import { pickerList, pickerKey, watchPicker, openPicker, closePicker } from "./picker.js";

/**
 * @typedef {object} Writing
 * @property {string} text
 * @property {boolean} sending
 * @property {string} error
 * @property {string} request the name of this write, until it is done
 * @property {HTMLTextAreaElement | null} field
 * @property {boolean} over something is dragged over it
 */

/** @type {Map<string, Writing>} */
const writings = new Map();

/**
 * @param {string} id of the session, or `new`
 * @returns {Writing}
 */
export function writing(id) {
  const known = writings.get(id);
  if (known) return known;
  const { text } = draft(id);
  const made = { text, sending: false, error: "", request: requestId(), field: null, over: false };
  writings.set(id, made);
  return made;
}

/**
 * @param {string} id
 * @param {string} text
 */
export function setText(id, text) {
  const one = writing(id);
  if (one.text !== text) one.request = requestId();
  one.text = text;
  one.error = "";
  keepDraft(id, { ...draft(id), text });
}

/**
 * @typedef {object} ComposerOptions
 * @property {string} id
 * @property {string} label
 * @property {string} placeholder
 * @property {string} action what the button does
 * @property {(text: string, request: string) => Promise<void>} send
 * @property {boolean} [autofocus]
 * @property {import("../core/dom.js").Child} [extra] beside the buttons
 */

/** @param {ComposerOptions} options */
export function composer(options) {
  const { id } = options;
  const one = writing(id);
  const bytes = one.text.length > 20_000 ? new Blob([one.text]).size : one.text.length;
  const blocked = one.sending || one.text.trim() === "" || bytes > 65_536;
  return h(
    "form",
    {
      key: `composer ${id}`,
      class: `composer ${one.over ? "drop" : ""}`,
      "data-composer": id,
      on: {
        submit: (event) => {
          event.preventDefault();
          void submit(options);
        },
        ...dropping(id),
      },
    },
    h("label", { class: "hidden", for: `text-${id}` }, options.label),
    h("textarea", {
      id: `text-${id}`,
      rows: "1",
      placeholder: options.placeholder,
      "aria-describedby": one.error ? `error-${id}` : null,
      prop: { value: one.text },
      on: fieldListeners(options),
      made: (/** @type {HTMLTextAreaElement} */ field) => adopt(one, field, options.autofocus === true),
    }),
    pickerList(id, (reference) => replaceMention(id, reference)),
    one.error ? h("p", { id: `error-${id}`, class: "error-text", role: "alert" }, one.error) : null,
    h(
      "div",
      { class: "composer-foot" },
      h(
        "button",
        {
          type: "button", class: "quiet-button", title: "Insert a reference to a session (@)", "aria-label": "Insert a reference",
          on: { click: () => openPicker(id, fieldOf(id)) },
        },
        icon("link"),
      ),
      options.extra,
      bytes > 60_000 ? h("span", { class: "small quiet" }, `${bytes.toLocaleString("en")} of 65,536 bytes`) : null,
      h("span", { class: "grow" }),
      h("button", { type: "submit", class: "primary send", disabled: blocked }, icon("send"), one.sending ? "Sending…" : options.action),
    ),
  );
}

/**
 * @param {Writing} one
 * @param {HTMLTextAreaElement} field
 * @param {boolean} focus
 */
function adopt(one, field, focus) {
  one.field = field;
  grow(field);
  field.setSelectionRange(one.text.length, one.text.length);
  // On a phone the keyboard would cover what was opened to be read.
  if (focus && matchMedia("(pointer: fine)").matches) field.focus({ preventScroll: true });
}

/**
 * The field that is written in. The same session may be open in a panel and below it, and the one that was used last may be
 * gone.
 *
 * @param {string} id
 * @returns {HTMLTextAreaElement | null}
 */
function fieldOf(id) {
  const one = writing(id);
  if (!one.field?.isConnected) one.field = document.querySelector(`[data-composer="${id}"] textarea`);
  return one.field;
}

/** @param {HTMLTextAreaElement} field */
function grow(field) {
  field.style.setProperty("height", "auto");
  field.style.setProperty("height", `${Math.min(field.scrollHeight + 2, innerHeight * 0.4)}px`);
}

/** @param {ComposerOptions} options */
function fieldListeners(options) {
  const { id } = options;
  return {
    input: (/** @type {any} */ event) => {
      setText(id, event.target.value);
      grow(event.target);
      watchPicker(id, event.target);
      changed();
    },
    keydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.isComposing) return;
      if (pickerKey(id, event, (reference) => replaceMention(id, reference))) return;
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        void submit(options);
      } else if (event.key === "Escape") {
        /** @type {HTMLElement} */ (event.target).blur();
      }
    },
    focus: (/** @type {any} */ event) => {
      writing(id).field = event.target;
    },
    blur: () => setTimeout(() => closePicker(id), 200),
  };
}

/** @param {ComposerOptions} options */
async function submit(options) {
  const one = writing(options.id);
  const text = one.text.trim();
  if (!text || one.sending) return;
  one.sending = true;
  one.error = "";
  changed();
  try {
    await options.send(text, one.request);
    one.request = requestId();
    // What was typed while it was under way stays.
    if (one.text.trim() === text) clear(options.id);
  } catch (error) {
    one.error = words(error);
  }
  one.sending = false;
  changed();
}

/** @param {string} id */
export function clear(id) {
  const one = writing(id);
  one.text = "";
  keepDraft(id, { ...draft(id), text: "" });
  const field = fieldOf(id);
  if (field) {
    field.value = "";
    grow(field);
  }
}

/** @param {string} id */
function dropping(id) {
  /** @param {boolean} over */
  const set = (over) => {
    if (writing(id).over === over) return;
    writing(id).over = over;
    changed();
  };
  return {
    /** @param {DragEvent} event */
    dragover: (event) => {
      if (!event.dataTransfer?.types.includes(DRAG_TYPE)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      set(true);
    },
    dragleave: () => set(false),
    /** @param {DragEvent} event */
    drop: (event) => {
      const text = event.dataTransfer?.getData(DRAG_TYPE);
      set(false);
      document.body.classList.remove("dragging");
      if (!text) return;
      event.preventDefault();
      const form = /** @type {Element} */ (event.currentTarget);
      writing(id).field = form.querySelector("textarea");
      insert(id, text);
    },
  };
}

/**
 * Puts a reference where the caret is, apart from its neighbours, and lets the person go on writing after it.
 *
 * @param {string} id
 * @param {string} reference
 */
function insert(id, reference) {
  const one = writing(id);
  const field = fieldOf(id);
  const start = field?.selectionStart ?? one.text.length;
  const end = field?.selectionEnd ?? start;
  splice(id, start, end, reference);
}

/**
 * @param {string} id
 * @param {number} start
 * @param {number} end
 * @param {string} reference
 */
function splice(id, start, end, reference) {
  const one = writing(id);
  const before = one.text.slice(0, start);
  const after = one.text.slice(end);
  const left = before === "" || /\s$/.test(before) ? "" : " ";
  const right = /^\s/.test(after) ? "" : " ";
  const added = `${left}${reference}${right}`;
  setText(id, before + added + after);
  const field = fieldOf(id);
  if (field) {
    field.value = one.text;
    grow(field);
    field.focus();
    const caret = before.length + added.length;
    field.setSelectionRange(caret, caret);
  }
  changed();
}

/**
 * The `@…` before the caret becomes the reference.
 *
 * @param {string} id
 * @param {string} reference
 */
function replaceMention(id, reference) {
  const one = writing(id);
  const caret = fieldOf(id)?.selectionStart ?? one.text.length;
  const mention = /(?:^|\s)(@[^\s@]*)$/.exec(one.text.slice(0, caret));
  closePicker(id);
  splice(id, caret - (mention?.[1]?.length ?? 0), caret, reference);
}
