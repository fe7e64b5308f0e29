/**
 * References to sessions: the chip in a text, and the card that shows what it leads to. A session that has not arrived yet
 * is asked for once and says so; it gets its title when it comes.
 */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { DRAG_TYPE, reference } from "../core/reference.js";
import { link } from "../core/router.js";
import { changed, nameOf, state, wantDetail } from "../core/store.js";
import { ui } from "../core/ui.js";
import { plain } from "./plain.js";
import { statusChip } from "./status.js";

/** Lines of a message in a card. */
const EXCERPT = 280;

/**
 * @param {string} id
 * @param {string | undefined} digits of the line, if one is meant
 */
export function chip(id, digits) {
  const line = digits ? Number(digits) : null;
  const known = state.sessions.get(id);
  const name = known ? nameOf(known) : state.missing.has(id) ? "Not here yet" : "Session";
  const label = line ? `${name} · L${line}` : name;
  return h(
    "a",
    {
      class: known ? "chip" : "chip chip-missing",
      href: link("sessions", id, line),
      draggable: "true",
      "data-reference": id,
      "aria-label": `Session: ${label}${known ? "" : ` (${id})`}`,
      on: { ...hovering(id, line), ...dragging(id, line) },
      made: () => wantItem(id),
    },
    icon("sessions"),
    h("span", null, label),
  );
}

/** @param {string} id */
function wantItem(id) {
  if (!state.sessions.has(id)) wantDetail(id);
}

/**
 * Listeners that show the card.
 *
 * @param {string} id
 * @param {number | null} line
 */
function hovering(id, line) {
  /** @param {Event} event */
  const show = (event) => {
    const at = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    ui.preview = { id, line, at };
    wantDetail(id);
    changed();
  };
  return { mouseenter: show, focus: show, mouseleave: hidePreview, blur: hidePreview, click: hidePreview };
}

/** Takes the card away. */
export function hidePreview() {
  if (!ui.preview) return;
  ui.preview = null;
  changed();
}

/**
 * Listeners that let an element be dragged as a reference.
 *
 * @param {string} id
 * @param {number | null} line
 */
export function dragging(id, line) {
  return {
    /** @param {DragEvent} event */
    dragstart: (event) => {
      event.stopPropagation();
      const text = reference(id, line);
      event.dataTransfer?.setData(DRAG_TYPE, text);
      event.dataTransfer?.setData("text/plain", text);
      if (event.dataTransfer) event.dataTransfer.effectAllowed = "copy";
      document.body.classList.add("dragging");
    },
    dragend: () => document.body.classList.remove("dragging"),
  };
}

/** The card of the chip under the pointer or the focus. */
export function previewCard() {
  const { preview } = ui;
  if (!preview) return null;
  const { at } = preview;
  const below = at.bottom + 260 < innerHeight;
  /** @type {Record<string, string>} */
  const style = { left: `${Math.max(8, Math.min(at.left, innerWidth - 348))}px` };
  if (below) style["top"] = `${at.bottom + 6}px`;
  else style["bottom"] = `${innerHeight - at.top + 6}px`;
  const card = h("div", { class: "card preview", role: "tooltip", style }, ...cardBody(preview.id, preview.line));
  return h("aside", { key: "card", "aria-label": "Preview" }, card);
}

/**
 * @param {string} id
 * @param {number | null} line
 */
function cardBody(id, line) {
  const detail = state.details.get(id);
  const item = state.sessions.get(id);
  if (!detail && state.missing.has(id)) {
    return [
      h("p", { class: "card-title" }, "This session is not here yet"),
      h("p", { class: "quiet" }, "It shows up by itself when a device that has it is reached."),
      h("code", { class: "small" }, id),
    ];
  }
  const title = detail?.meta.title ?? item?.title;
  const agent = detail?.meta.agent_id ?? item?.agent_id;
  const entry = line ? detail?.entries.find((each) => each.line_number === line) : detail?.entries.at(-1);
  return [
    h("p", { class: "card-title" }, nameOf({ title: title ?? null })),
    h("p", { class: "quiet row" }, agent ? `@${agent}` : "", item ? statusChip(item) : null),
    entry
      ? h("blockquote", null, h("b", null, `${entry.author} `), excerpt(entry.body))
      : h("p", { class: "quiet" }, line && detail ? `It has no line ${line} yet.` : (item?.last_message_preview ?? "…")),
  ];
}

/** @param {string} body */
function excerpt(body) {
  const text = plain(body);
  return text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text;
}
