/**
 * The list of sessions under a composer, opened by `@` or by button: typing narrows it, arrows move, Enter or Tab takes one,
 * Escape closes it. Focus stays in the field, so that screen readers hear the choice as an active descendant.
 */

import { h } from "../core/dom.js";
import { changed, nameOf, state } from "../core/store.js";
import { reference } from "../core/reference.js";
import { newestFirst } from "./order.js";

const SHOWN = 8;

/** @type {{id: string, query: string, index: number, byButton: boolean} | null} */
let picker = null;

/**
 * Opens, narrows or closes the list, after each change of the field.
 *
 * @param {string} id of the composer
 * @param {HTMLTextAreaElement} field
 */
export function watchPicker(id, field) {
  const before = field.value.slice(0, field.selectionStart);
  const mention = /(?:^|\s)@([^\s@]{0,40})$/.exec(before);
  if (mention) picker = { id, query: mention[1] ?? "", index: 0, byButton: false };
  else if (picker?.id === id) picker = null;
}

/**
 * @param {string} id
 * @param {HTMLTextAreaElement | null} field
 */
export function openPicker(id, field) {
  picker = { id, query: "", index: 0, byButton: true };
  field?.focus();
  changed();
}

/** @param {string} id */
export function closePicker(id) {
  if (picker?.id !== id) return;
  picker = null;
  changed();
}

/** @param {string} query */
function choices(query) {
  const text = query.toLowerCase();
  return [...state.sessions.values()]
    .filter((item) => [item.title ?? "", item.agent_id, item.id].some((part) => part.toLowerCase().includes(text)))
    .sort(newestFirst)
    .slice(0, SHOWN);
}

/**
 * @param {string} id
 * @param {(reference: string) => void} choose
 */
export function pickerList(id, choose) {
  if (picker?.id !== id) return null;
  const { index } = picker;
  const items = choices(picker.query);
  return h(
    "ul",
    { key: "picker", class: "picker card", role: "listbox", "aria-label": "Sessions to refer to" },
    items.length === 0 ? h("li", { class: "quiet" }, "No session fits.") : null,
    items.map((item, at) =>
      h(
        "li",
        {
          key: item.id,
          role: "option",
          "aria-selected": String(at === index),
          on: {
            mousedown: (event) => {
              event.preventDefault();
              choose(reference(item.id));
            },
          },
        },
        h("span", { class: "row-title" }, nameOf(item)),
        h("span", { class: "quiet small" }, `@${item.agent_id}`),
      ),
    ),
  );
}

/**
 * @param {string} id
 * @param {KeyboardEvent} event
 * @param {(reference: string) => void} choose
 * @returns {boolean} whether the key was for the list
 */
export function pickerKey(id, event, choose) {
  if (picker?.id !== id) return false;
  const items = choices(picker.query);
  const taken = items[picker.index];
  if (event.key === "Escape") closePicker(id);
  else if (event.key === "ArrowDown") picker.index = Math.min(picker.index + 1, items.length - 1);
  else if (event.key === "ArrowUp") picker.index = Math.max(picker.index - 1, 0);
  else if ((event.key === "Enter" || event.key === "Tab") && taken) choose(reference(taken.id));
  else return false;
  event.preventDefault();
  event.stopPropagation();
  changed();
  return true;
}
