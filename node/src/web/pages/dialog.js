/**
 * One question at a time, above the page. The browser's own `<dialog>` keeps focus and keys inside and gives the focus back;
 * what is asked, and what follows, is said by the page that opens it.
 */

import { words } from "../core/api.js";
import { h } from "../core/dom.js";
import { changed } from "../core/store.js";
import { doing, isOpen } from "../core/ui.js";

/** @typedef {import("../core/dom.js").Child} Child */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {() => Child} body looked at anew at each change
 * @property {string} act the words of the button that does it
 * @property {boolean} [danger]
 * @property {() => boolean} [ready] whether it may be done now
 * @property {() => Promise<void>} done closes the dialog unless it throws
 */

const ID = "question";

/** @type {Question | null} */
let open = null;
/** Why it was not done. It is told inside, because nothing is above a dialog. */
let error = "";

/** @param {Question} question */
export function ask(question) {
  open = question;
  error = "";
  changed();
}

function closeDialog() {
  const element = document.getElementById(ID);
  if (element instanceof HTMLDialogElement && element.open) element.close();
  else gone();
}

function gone() {
  if (!open) return;
  open = null;
  changed();
}

addEventListener("hashchange", gone);

/** The open question, for the end of a page's view. */
export function dialog() {
  const question = open;
  if (!question) return null;
  const busy = isOpen(ID);
  const ready = !busy && (question.ready?.() ?? true);
  const act = () =>
    doing(ID, async () => {
      try {
        error = "";
        await question.done();
        if (open === question) closeDialog();
      } catch (thrown) {
        error = words(thrown);
      }
    });
  return h(
    "dialog",
    {
      key: ID, id: ID, class: "card question", "aria-labelledby": "question-title",
      made: (/** @type {HTMLDialogElement} */ element) => element.showModal(),
      on: { close: gone, keydown: (event) => event.stopPropagation(), mousedown: (event) => event.target === event.currentTarget && closeDialog() },
    },
    h(
      "form",
      { class: "question-form", on: { submit: (event) => (event.preventDefault(), ready && void act()) } },
      h("h2", { id: "question-title" }, question.title),
      question.body(),
      error ? h("p", { class: "error-text", role: "alert" }, error) : null,
      h(
        "div",
        { class: "row question-foot" },
        h("button", { type: "button", on: { click: closeDialog } }, "Cancel"),
        h("button", { type: "submit", class: question.danger ? "danger-button" : "primary", disabled: !ready }, question.act),
      ),
    ),
  );
}
