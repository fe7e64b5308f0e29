/**
 * Permission requests of agents, as cards: what is asked, by whom, where, and the two answers. One that only the host may
 * answer says so.
 */

import { post, sessionPath } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { link } from "../core/router.js";
import { agentOf, loadPermissions, nameOf, state } from "../core/store.js";
import { ago } from "../core/time.js";
import { doing, isOpen } from "../core/ui.js";

/** @typedef {import("../core/types.js").Permission} Permission */

/**
 * The cards of one session, or of all.
 *
 * @param {string} [session]
 */
export function permissionCards(session) {
  const waiting = state.permissions.filter((each) => session === undefined || each.session_id === session);
  return waiting.map((each) => card(each, session === undefined));
}

/** @param {Permission} one @param {boolean} linked */
function card(one, linked) {
  const name = `permission ${one.session_id} ${one.request}`;
  const busy = isOpen(name);
  const host = one.here ? "this device" : (agentOf(one.agent_id)?.host_label ?? "another device");
  const title = nameOf(state.sessions.get(one.session_id));
  /** @param {boolean} allow */
  const answer = (allow) =>
    doing(name, async () => {
      await post(sessionPath(one.session_id, `permissions/${one.request}`), { allow });
      await loadPermissions();
    });
  return h(
    "div",
    { key: name, class: "card permission", role: "group", "aria-label": `@${one.agent_id} asks for a permission` },
    h("p", { class: "row" }, icon("key"), h("b", null, `@${one.agent_id}`), ` asks, on ${host}`, h("span", { class: "small quiet" }, ago(one.asked_at))),
    h("p", { class: "permission-title" }, one.title),
    linked ? h("p", { class: "small" }, "In ", h("a", { href: link("sessions", one.session_id) }, title)) : null,
    one.can_answer
      ? h(
          "div",
          { class: "row" },
          h("button", { type: "button", class: "primary", disabled: busy, on: { click: () => answer(true) } }, "Allow once"),
          h("button", { type: "button", disabled: busy, on: { click: () => answer(false) } }, "Refuse"),
        )
      : h("p", { class: "small quiet" }, "It is answered on the device that hosts the agent."),
  );
}
