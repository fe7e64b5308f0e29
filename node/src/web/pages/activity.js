/**
 * What agents do, in all sessions, as it happens: requests for permission first, then turns, the newest first. It is what
 * the node still remembers and what this page heard since; it is stored nowhere, and sessions keep the answers.
 */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { link } from "../core/router.js";
import { changed, nameOf, state } from "../core/store.js";
import { clockOf } from "../core/time.js";
import { isOpen, toggle } from "../core/ui.js";
import { permissionCards } from "../hub/permission.js";
import { plain } from "../hub/plain.js";
import { counted, field, head, select, tag } from "./parts.js";

/** @typedef {import("../core/turns.js").Told} Told */
/** @typedef {import("../core/types.js").ActivityEvent} ActivityEvent */
/** @typedef {{key: string, session: string, agent: string, at: number, newest: number, told: Told[]}} Group one turn; `at` is 0 for one before this page */

/** Steps of a turn that are shown before it is unfolded. */
const STEPS = 8;
/** Characters of a streamed text. */
const TEXT_MAX = 1_200;

/** @type {{agent: string, held: Told[] | null}} `held`: what was told when it was paused */
const page = { agent: "", held: null };

/** @returns {import("../core/dom.js").Child[]} */
export function activity() {
  const told = page.held ?? state.told;
  const newest = told.at(-1)?.number ?? 0;
  const later = state.told.filter((each) => each.number > newest).length;
  const groups = grouped(told).filter((group) => !page.agent || group.agent === page.agent);
  return [
    head("Activity", "What agents do in all sessions, as it happens.", pauseButton(later)),
    permissions(),
    h("div", { key: "filter", class: "row activity-filter" }, agentFilter(told), h("span", { class: "row small" }, working())),
    page.held ? h("p", { key: "held", class: "note", role: "status" }, icon("pause"), h("span", null, later > 0 ? `Paused. ${later} newer ${later === 1 ? "step is" : "steps are"} held back.` : "Paused. Newer steps are held back.")) : null,
    groups.length === 0 ? nothing() : h("ol", { key: "groups", class: "stack" }, groups.map(groupCard)),
  ];
}

function permissions() {
  const cards = permissionCards();
  return cards.length > 0 ? h("section", { key: "permissions", class: "stack", "aria-label": "Requests for permission" }, cards) : null;
}

/** @param {number} later */
function pauseButton(later) {
  const turn = () => {
    page.held = page.held ? null : state.told.map((each) => ({ ...each }));
    changed();
  };
  const words = page.held ? (later > 0 ? `Go on (${later} new)` : "Go on") : "Pause";
  return h("button", { type: "button", "aria-pressed": String(page.held !== null), on: { click: turn } }, icon(page.held ? "play" : "pause"), words);
}

/** @param {Told[]} told */
function agentFilter(told) {
  const handles = new Set([...state.agents.map((agent) => agent.handle), ...told.map((each) => agentIn(each.event.session_id)), page.agent]);
  handles.delete("");
  const set = (/** @type {string} */ value) => ((page.agent = value), changed());
  const options = [...handles].sort().map((handle) => /** @type {[string, string]} */ ([handle, `@${handle}`]));
  return field("activity", "Agent", select(page.agent, set, [["", "All agents"], ...options]));
}

/** Who has work at the moment, whether or not something was heard. */
function working() {
  const busy = [...state.sessions.values()].filter((item) => item.status === "running" && (!page.agent || page.agent === item.agent_id));
  if (busy.length === 0) return h("span", { class: "quiet" }, "Nobody works at the moment.");
  return busy.map((item) => h("a", { key: item.id, class: "status status-working", href: link("sessions", item.id) }, `@${item.agent_id} works`));
}

function nothing() {
  return h(
    "div",
    { key: "nothing", class: "card none-card" },
    icon("activity"),
    h("p", null, page.agent ? `Nothing was heard of @${page.agent} yet.` : "Nothing was heard of any agent yet."),
    h("p", { class: "small quiet" }, "As soon as an agent works in any session, its steps are shown here."),
    h("a", { class: "button", href: link("new") }, icon("plus"), "New session"),
  );
}

/** @param {string} session */
function agentIn(session) {
  return state.sessions.get(session)?.agent_id ?? state.details.get(session)?.meta.agent_id ?? "";
}

/** @param {Told[]} told @returns {Group[]} */
function grouped(told) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const each of told) {
    const { session_id: session, attempt_id: key } = each.event;
    const group = groups.get(key) ?? { key, session, agent: agentIn(session), at: 0, newest: 0, told: [] };
    group.told.push(each);
    group.at = each.at;
    group.newest = each.number;
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.newest - a.newest);
}

/** @param {Group} group */
function groupCard(group) {
  const item = state.sessions.get(group.session);
  const running = state.details.get(group.session)?.meta.attempt_id === group.key || (item?.status === "running" && isNewest(group));
  const all = isOpen(`turn ${group.key}`);
  const steps = merged(group.told);
  const shown = all ? steps : steps.slice(-STEPS);
  const more = steps.length - STEPS;
  return h(
    "li",
    { key: group.key, class: "card turn-card", "data-turn": group.key },
    h(
      "div",
      { class: "turn-head" },
      h("span", { class: "avatar from-agent-avatar", "aria-hidden": "true" }, icon("agent")),
      h("h2", null, group.agent ? `@${group.agent}` : "An agent", h("span", { class: "quiet plain" }, " in "), h("a", { href: link("sessions", group.session) }, nameOf(item))),
      running ? h("span", { class: "status status-working" }, "Working") : tag("", "over"),
      clock(group.at),
    ),
    more > 0 ? h("button", { type: "button", class: "quiet-button", "aria-expanded": String(all), on: { click: () => toggle(`turn ${group.key}`) } }, all ? "Show fewer steps" : `Show ${counted(more, "earlier step")}`) : null,
    h("ol", { class: "turn-steps" }, shown.map(step)),
  );
}

/** @param {number} ms 0 when it is not known */
function clock(ms) {
  if (ms === 0) return h("span", { class: "small quiet" }, "earlier");
  const at = new Date(ms).toISOString();
  return h("time", { class: "small quiet", datetime: at }, clockOf(at));
}

/** Whether no later turn of the session was heard of. @param {Group} group */
function isNewest(group) {
  return state.told.findLast((each) => each.event.session_id === group.session)?.event.attempt_id === group.key;
}

/** A tool, the plan and the use of the context are shown once, as they are now. @param {Told[]} told */
function merged(told) {
  /** @type {Map<string, Told>} */
  const steps = new Map();
  for (const each of told) {
    const { event } = each;
    const once = event.kind === "tool" ? `tool ${event.id}` : event.kind === "plan" || event.kind === "usage" ? event.kind : event.kind === "permission" && event.request ? `permission ${event.request}` : String(each.number);
    const before = steps.get(once);
    steps.set(once, before ? { ...each, event: { ...event, title: event.title || (before.event.title ?? "") } } : each);
  }
  return [...steps.values()];
}

/** @param {Told} told */
function step({ number, event }) {
  return h("li", { key: String(number), class: `turn-step step-${event.kind}` }, h("span", { class: "step-kind" }, KINDS[event.kind]), h("div", null, said(event)));
}

const KINDS = { text: "writes", thought: "thinks", tool: "uses", plan: "plans", usage: "context", permission: "asks" };

/** @param {ActivityEvent} event @returns {import("../core/dom.js").Child} */
function said(event) {
  switch (event.kind) {
    case "text":
    case "thought":
      return h("p", { class: "step-text" }, end(plain(event.text ?? "")));
    case "tool":
      return [h("code", null, event.title || event.id), " ", progress(event.status)];
    case "plan":
      return h("ol", { class: "plan" }, (event.steps ?? []).map((each) => h("li", { "data-progress": each.status }, each.text)));
    case "usage":
      return event.size ? `${Math.round((100 * (event.used ?? 0)) / event.size)} % in use` : `${(event.used ?? 0).toLocaleString("en-GB")} tokens`;
    case "permission":
      return [h("code", null, event.title), " ", tag(event.state === "allowed" ? "ok" : event.state === "refused" ? "fail" : "warn", event.state ?? "asked")];
  }
}

/** @param {import("../core/types.js").Progress | undefined} status */
function progress(status) {
  if (status === "completed") return tag("ok", "done");
  if (status === "failed") return tag("fail", "failed");
  return status === "in_progress" ? tag("warn", "under way") : null;
}

/** @param {string} text */
function end(text) {
  return text.length > TEXT_MAX ? `…${text.slice(-TEXT_MAX)}` : text;
}
