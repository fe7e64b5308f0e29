/**
 * A new session: an agent and a first message, nothing else. What the newcomer sees first is the same form with a first
 * message already in it.
 */

import { post } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { draft, keepDraft } from "../core/keep.js";
import { go, link } from "../core/router.js";
import { agentOf, changed, hearSession, learnDetail, loadDetail, state } from "../core/store.js";
import { ago } from "../core/time.js";
import { clear, composer, setText, writing } from "./composer.js";
import { presence } from "./status.js";

/** @returns {string} */
function chosen() {
  const kept = draft("new").agent;
  if (kept && agentOf(kept)) return kept;
  const first = state.agents.find((agent) => agent.here) ?? state.agents.find((agent) => agent.online) ?? state.agents[0];
  return first?.handle ?? "";
}

/** The form as a page of its own. */
export function newSession() {
  return h(
    "section",
    { key: "new", class: "pane thread new-session", "aria-label": "New session" },
    h(
      "header",
      { class: "pane-head" },
      h("a", { class: "back icon-button", href: link("sessions"), "aria-label": "Back to the list" }, icon("back")),
      h("h1", null, "New session"),
    ),
    h("div", { class: "scroll new-form" }, form("What would you like to know, or have done?")),
  );
}

/** What a newcomer sees. */
export function welcome() {
  const first = state.sessions.size === 0 && state.listed.open === "all";
  if (!first) {
    return h(
      "section",
      { key: "welcome", class: "pane thread welcome" },
      h("div", { class: "welcome-inner" }, icon("sessions"), h("p", { class: "quiet" }, "Choose a session, or begin one."), h("p", null, h("a", { class: "button primary", href: link("new") }, icon("plus"), "New session")), shortcuts()),
    );
  }
  const one = writing("new");
  if (one.text === "" && !draft("new").agent) setText("new", "Hello! What can you do?");
  return h(
    "section",
    { key: "first", class: "pane thread welcome", "aria-label": "Welcome" },
    h(
      "div",
      { class: "welcome-inner" },
      h("h1", null, "Say hello to your first agent"),
      h("p", { class: "quiet" }, state.agents.some((agent) => agent.handle === "scribe") ? "@scribe is built in and needs no account. Your own agents can be added at any time." : "Choose an agent of your workspace, or add one of your own."),
      form("Your first message"),
      h(
        "p",
        { class: "row small" },
        h("a", { href: link("agents") }, "Add Claude Code, Codex or another agent"),
        state.status?.can_join ? h("a", { href: link("invites") }, "Join a workspace that exists") : null,
      ),
    ),
  );
}

function shortcuts() {
  const keys = /** @type {const} */ ([["c", "New session"], ["j / k", "Next, previous"], ["Ctrl K", "Go to a session"], ["?", "All keys"]]);
  return h("dl", { class: "keys" }, keys.map(([key, what]) => [h("dt", null, h("kbd", null, key)), h("dd", null, what)]));
}

/** @param {string} placeholder */
function form(placeholder) {
  const agent = chosen();
  if (state.agents.length === 0) {
    return h("p", { class: "note" }, icon("agent"), "No agent is in this workspace yet. ", h("a", { class: "button", href: link("agents") }, "Add an agent"));
  }
  const known = agentOf(agent);
  return h(
    "div",
    { class: "form" },
    agentChoice(agent, (handle) => {
      keepDraft("new", { text: writing("new").text, agent: handle });
      changed();
    }),
    known && !known.online
      ? h("p", { class: "note" }, icon("clock"), `@${agent} runs on ${known.host_label}, last seen ${ago(known.last_seen)}. The session is saved here and answered when the two meet.`)
      : null,
    composer({ id: "new", label: "First message", placeholder, action: "Start", autofocus: true, send: (text, request) => create(agent, text, request) }),
  );
}

/** @param {string} agent @param {string} text @param {string} request */
async function create(agent, text, request) {
  const { session } = await post("/im/quick-sessions", { agent_id: agent, first_message: text, request_id: request });
  const { meta } = session;
  const known = state.sessions.get(meta.id);
  if (!known) {
    hearSession({
      id: meta.id, title: meta.title ?? null, agent_id: meta.agent_id, created_by: meta.created_by, status: meta.status,
      updated_at: meta.updated_at, last_message_preview: meta.last_message_preview, revision: meta.revision, archived: false,
      ref: `session:${meta.id}`,
    });
  }
  learnDetail(session);
  // Events were faster than the answer: it may be older than what they told.
  if (known) void loadDetail(meta.id);
  keepDraft("new", { text, agent });
  clear("new");
  go(link("sessions", meta.id));
}

/**
 * @param {string} agent the one that is chosen
 * @param {(handle: string) => void} choose
 */
function agentChoice(agent, choose) {
  return h(
    "fieldset",
    { class: "agents-choice" },
    h("legend", { class: "hidden" }, "Agent"),
    state.agents.map((each) =>
      h(
        "label",
        { key: each.handle, class: "agent-option" },
        h("input", { type: "radio", name: "agent", value: each.handle, prop: { checked: each.handle === agent }, on: { change: () => choose(each.handle) } }),
        presence(each.handle),
        h("span", { class: "handle" }, `@${each.handle}`),
        h("span", { class: "quiet small" }, each.here ? "this device" : each.host_label),
      ),
    ),
  );
}
