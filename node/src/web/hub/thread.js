/**
 * A session: its title, its lines, what its agent is doing, what it waits for, and where the next message is written.
 */

import { post, sessionPath } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { flag, markSeen, pins, setFlag, togglePin } from "../core/keep.js";
import { reference } from "../core/reference.js";
import { link } from "../core/router.js";
import { changed, company, hearAnswer, loadDetail, nameOf, state, waitingOf, wantDetail } from "../core/store.js";
import { ago } from "../core/time.js";
import { runningTurn } from "../core/turns.js";
import { copy, doing, isOpen } from "../core/ui.js";
import { chip } from "./chip.js";
import { composer } from "./composer.js";
import { message } from "./message.js";
import { permissionCards } from "./permission.js";
import { presence, statusChip } from "./status.js";
import { titleLine } from "./title.js";
import { liveTurn } from "./turn.js";

/** @typedef {import("../core/types.js").Detail} Detail */

/**
 * @param {string} id
 * @param {number | null} line to be shown first
 * @param {boolean} [embedded] in a panel, beside what the page is about
 */
export function thread(id, line, embedded = false) {
  wantDetail(id);
  const detail = state.details.get(id);
  if (!detail) return missing(id);
  // What is in view is read; a page in the background is not looked at.
  if (document.visibilityState === "visible") markSeen(id, detail.meta.revision);
  return h(
    "section",
    { key: `thread ${id}`, class: "pane thread", "aria-label": embedded ? `Preview of ${nameOf(detail.meta)}` : nameOf(detail.meta) },
    head(detail, embedded),
    h(
      "div",
      {
        class: "scroll thread-scroll",
        tabindex: "-1",
        made: (/** @type {HTMLElement} */ element) => keepAtEnd(element, line),
      },
      h("div", { class: "thread-lines", role: "log", "aria-label": "Messages" }, body(detail, line)),
    ),
    foot(detail, embedded),
  );
}

/** @param {string} id */
function missing(id) {
  const error = state.missing.get(id);
  const words = !error
    ? "Loading…"
    : error.code === "quick_session_not_found"
      ? "This session is not on this device yet. It opens by itself when a device that has it is reached."
      : error.message;
  return h(
    "section",
    { key: `thread ${id}`, class: "pane thread" },
    h("header", { class: "pane-head" }, backLink(), h("h1", { class: "quiet" }, error ? "Not here yet" : "Session")),
    h("p", { class: "empty", role: "status" }, words, error ? h("code", { class: "small block" }, id) : null),
  );
}

function backLink() {
  return h("a", { class: "back icon-button", href: link("sessions"), "aria-label": "Back to the list" }, icon("back"));
}

/** @param {Detail} detail @param {boolean} embedded */
function head(detail, embedded) {
  const { meta } = detail;
  const pinned = pins().includes(meta.id);
  return h(
    "header",
    { class: "pane-head thread-head" },
    embedded ? null : backLink(),
    h(
      "div",
      { class: "thread-name" },
      titleLine(detail),
      h(
        "p",
        { class: "quiet small row" },
        presence(meta.agent_id),
        h("span", { class: "handle" }, `@${meta.agent_id}`),
        h("span", null, `by ${meta.created_by}, ${ago(meta.created_at)}`),
        statusChip(meta),
      ),
    ),
    h(
      "div",
      { class: "actions" },
      meta.status === "running" ? action(meta.id, "stop", "Stop", "stop") : null,
      meta.status === "error" ? action(meta.id, "retry", "Retry", "retry") : null,
      h(
        "button",
        { type: "button", class: "icon-button", title: "Copy reference", "aria-label": "Copy reference", on: { click: () => copy(reference(meta.id), "Reference") } },
        icon("copy"),
      ),
      h(
        "button",
        {
          type: "button", class: "icon-button", title: pinned ? "Unpin" : "Pin", "aria-label": "Pin", "aria-pressed": String(pinned),
          on: { click: () => (togglePin(meta.id), changed()) },
        },
        icon("pin"),
      ),
      detail.archived
        ? action(meta.id, "unarchive", "Unarchive", "unarchive")
        : action(meta.id, "archive", "Archive", "archive"),
    ),
  );
}

/**
 * @param {string} id
 * @param {"stop" | "retry" | "archive" | "unarchive"} what
 * @param {string} name
 * @param {import("../core/icons.js").IconName} sign
 */
function action(id, what, name, sign) {
  return h(
    "button",
    { key: what, type: "button", disabled: isOpen(`${what} ${id}`), on: { click: () => act(id, what) } },
    icon(sign),
    h("span", { class: "label" }, name),
  );
}

/**
 * @param {string} id
 * @param {"stop" | "retry" | "archive" | "unarchive"} what
 */
export function act(id, what) {
  return doing(`${what} ${id}`, async () => {
    const done = await post(sessionPath(id, what));
    hearAnswer(id, { status: done.status, revision: done.revision, archived: done.status === "archived" });
    await loadDetail(id);
  });
}

/** @param {Detail} detail @param {number | null} line */
function body(detail, line) {
  const { meta, entries } = detail;
  return [
    detail.continues ? h("p", { class: "note" }, "It goes on from ", chip(detail.continues, undefined)) : null,
    detail.warnings.map((warning) => h("p", { key: warning.code, class: "note note-warn" }, icon("error"), warning.detail)),
    meta.summary ? h("details", { class: "note" }, h("summary", null, "Summary"), h("p", null, meta.summary)) : null,
    entries.map((entry) => message(detail, entry, entry.line_number === line)),
    detail.uncounted > 0
      ? h("p", { class: "note" }, `${detail.uncounted} records do not count: their author was removed from the workspace.`)
      : null,
    liveTurn(meta, runningTurn(state, meta.id, meta.attempt_id)),
    permissionCards(meta.id),
    standing(detail),
  ];
}

/**
 * What the session waits for, or why it failed.
 *
 * @param {Detail} detail
 */
function standing(detail) {
  const { meta } = detail;
  if (meta.status === "error") {
    return h(
      "div",
      { key: "error", class: "note note-error", role: "alert" },
      icon("error"),
      h("div", null, h("b", null, `@${meta.agent_id} did not finish. `), meta.error ?? ""),
      action(meta.id, "retry", "Retry", "retry"),
    );
  }
  const waiting = waitingOf(meta.id);
  if (waiting) {
    const seen = waiting.last_seen ? ` Last seen ${ago(waiting.last_seen)}.` : "";
    return h(
      "p",
      { key: "waiting", class: "note", role: "status" },
      icon("clock"),
      h("span", null, `It waits: ${waiting.reason}.${seen} The message is saved and goes on by itself.`),
    );
  }
  return null;
}

/** @param {Detail} detail @param {boolean} embedded */
function foot(detail, embedded) {
  const { meta } = detail;
  if (detail.archived) {
    return h(
      "footer",
      { key: "archived", class: "thread-foot archived" },
      h("p", { class: "quiet" }, "This session is archived; nothing more is written to it."),
      action(meta.id, "unarchive", "Unarchive", "unarchive"),
    );
  }
  const second = meta.last_completed_input_line !== undefined && company().others === 0;
  return h(
    "footer",
    { key: "composer", class: "thread-foot" },
    second && !flag("alone") ? secondDevice() : null,
    composer({
      id: meta.id,
      label: `Message to @${meta.agent_id}`,
      placeholder: meta.status === "running" ? `@${meta.agent_id} is working; write on, it is answered next` : `Message @${meta.agent_id}`,
      action: "Send",
      // In a panel the focus stays with the choice.
      autofocus: !embedded,
      send: async (text, request) => {
        await post(sessionPath(meta.id, "messages"), { body: text, request_id: request });
        await loadDetail(meta.id);
      },
    }),
  );
}

/** The next step of a newcomer. */
function secondDevice() {
  return h(
    "p",
    { key: "second", class: "note note-next" },
    icon("invite"),
    h("span", null, "That works here. With a second device, sessions are on both, also offline. "),
    h("a", { class: "button", href: link("invites") }, "Add a device"),
    h("button", { type: "button", class: "icon-button", "aria-label": "Not now", title: "Not now", on: { click: () => (setFlag("alone"), changed()) } }, icon("close")),
  );
}

/**
 * New lines are followed as long as the end is in view; a line that was asked for is shown instead.
 *
 * @param {HTMLElement} element
 * @param {number | null} line
 */
function keepAtEnd(element, line) {
  let atEnd = line === null;
  const target = line === null ? null : element.querySelector(`[data-line="${line}"]`);
  if (target) target.scrollIntoView({ block: "center" });
  else element.scrollTop = element.scrollHeight;
  element.addEventListener("scroll", () => {
    atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 60;
  }, { passive: true });
  const inner = element.firstElementChild;
  const follow = new ResizeObserver(() => {
    if (!element.isConnected) follow.disconnect();
    else if (atEnd) element.scrollTop = element.scrollHeight;
  });
  if (inner) follow.observe(inner);
  follow.observe(element);
}
