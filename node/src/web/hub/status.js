/**
 * The state of a session as a chip: one word, one colour, and the reason where there is one.
 */

import { h } from "../core/dom.js";
import { agentOf, state, waitingOf } from "../core/store.js";

/** @typedef {import("../core/types.js").Item} Item */

/** @typedef {"asking" | "working" | "waiting" | "untitled" | "error" | "archived" | "active"} Shown */

const NAMES = {
  asking: "Asks you",
  working: "Working",
  waiting: "Waiting",
  untitled: "New",
  error: "Failed",
  archived: "Archived",
  active: "",
};

/**
 * @param {Pick<Item, "id" | "status">} item
 * @returns {Shown}
 */
export function shownStatus(item) {
  switch (item.status) {
    case "running":
      return asks(item.id) ? "asking" : "working";
    case "error":
      return "error";
    case "archived":
      return "archived";
    case "needs_title":
      return waitingOf(item.id) ? "waiting" : "untitled";
    case "active":
      return waitingOf(item.id) ? "waiting" : "active";
  }
}

/**
 * @param {Pick<Item, "id" | "status">} item
 * @returns {import("../core/dom.js").VElement | null} nothing for a session that rests
 */
export function statusChip(item) {
  const shown = shownStatus(item);
  if (shown === "active") return null;
  const reason = waitingOf(item.id)?.reason;
  const name = shown === "asking" && !asks(item.id, true) ? "Asks" : NAMES[shown];
  return h("span", { class: `status status-${shown}`, title: reason, "data-status": shown }, name);
}

/**
 * Whether the session's agent waits for a permission.
 *
 * @param {string} id
 * @param {boolean} [us] whether it can be given here
 */
export function asks(id, us = false) {
  return state.permissions.some((each) => each.session_id === id && (each.can_answer || !us));
}

/**
 * Whether an agent's node can be reached, as a dot and in words for those who do not see it.
 *
 * @param {string} handle
 */
export function presence(handle) {
  const agent = agentOf(handle);
  if (!agent) return null;
  const words = agent.here ? "on this device" : agent.online ? "online" : "offline";
  return h("span", { class: `dot ${agent.online ? "dot-on" : "dot-off"}`, role: "img", "aria-label": words, title: words });
}
