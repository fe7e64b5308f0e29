/**
 * A session's title, edited where it stands: click or Enter begins, Enter saves, Escape cancels. Only the session's creator
 * may set it. The limit counts characters, never bytes.
 */

import { post, sessionPath, words } from "../core/api.js";
import { h } from "../core/dom.js";
import { changed, hearAnswer, loadDetail, nameOf, state } from "../core/store.js";
import { ui } from "../core/ui.js";

const TITLE_MAX = 80;

/** @param {import("../core/types.js").Detail} detail */
export function titleLine(detail) {
  const { meta } = detail;
  const editing = ui.title;
  if (editing?.session === meta.id) return editor(editing);
  const mine = meta.created_by === state.status?.handle && !detail.archived;
  const text = nameOf(meta);
  if (!mine) return h("h1", { key: "title", class: meta.title ? "" : "quiet" }, text);
  return h(
    "h1",
    { key: "title", class: meta.title ? "" : "quiet" },
    h("button", { type: "button", class: "title-button", title: "Edit the title", on: { click: () => begin(meta.id, meta.title ?? "") } }, text),
  );
}

/** @param {string} session @param {string} text */
function begin(session, text) {
  ui.title = { session, text, error: "" };
  changed();
}

/** @param {NonNullable<typeof ui.title>} editing */
function editor(editing) {
  return h(
    "form",
    { key: "edit", class: "title-form", on: { submit: (event) => (event.preventDefault(), void save(editing)) } },
    h("h1", { class: "hidden" }, "Edit the title"),
    h("label", { class: "hidden", for: "title-field" }, "Title"),
    h("input", {
      id: "title-field",
      autocomplete: "off",
      "aria-invalid": editing.error ? "true" : null,
      "aria-describedby": "title-hint",
      prop: { value: editing.text },
      on: {
        input: (/** @type {any} */ event) => {
          editing.text = event.target.value;
          editing.error = "";
          changed();
        },
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          event.stopPropagation();
          cancel();
        },
        blur: () => editing.error === "" && ui.title === editing && void save(editing),
      },
      made: (/** @type {HTMLInputElement} */ field) => field.select(),
    }),
    h(
      "span",
      { id: "title-hint", class: editing.error ? "small error-text" : "small quiet", role: editing.error ? "alert" : null },
      editing.error || `${[...editing.text.trim()].length} of ${TITLE_MAX}`,
    ),
  );
}

function cancel() {
  ui.title = null;
  changed();
}

/** @param {NonNullable<typeof ui.title>} editing */
async function save(editing) {
  const { session } = editing;
  const text = editing.text.trim();
  const before = state.details.get(session)?.meta.title ?? "";
  if (text === before) return cancel();
  if (text === "" || [...text].length > TITLE_MAX) {
    editing.error = text === "" ? "A title has at least one character." : `A title has at most ${TITLE_MAX} characters.`;
    return changed();
  }
  try {
    const done = await post(sessionPath(session, "title"), { title: text });
    if (ui.title === editing) ui.title = null;
    hearAnswer(session, { title: done.title ?? text, status: done.status, revision: done.revision });
    await loadDetail(session);
  } catch (error) {
    editing.error = words(error);
  }
  changed();
}
