/**
 * Agents of the workspace: who runs where, who works, and how those of this device are run. They are added, changed, tried,
 * handed over and removed here. What they do while they work is on the page about activity.
 */

import { get, post, remove, requestId } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { go, link } from "../core/router.js";
import { changed, loadRoster, state } from "../core/store.js";
import { doing, isOpen, toast, toggle } from "../core/ui.js";
import { agentForm, blank, editing, filled, INTERRUPTS, openForm, PERMISSIONS } from "./agentform.js";
import { joinCommand } from "./command.js";
import { adding } from "./detected.js";
import { ask } from "./dialog.js";
import { action, counted, empty, facts, field, head, lamp, seen, select, shortKey, tag } from "./parts.js";
import { absent, fresh, loading, reading } from "./reading.js";

/** @typedef {import("../core/types.js").Agent} Agent */
/** @typedef {import("../core/types.js").AgentProfile} AgentProfile */

/** What `starling agent test` asks, too. */
const QUESTION =
  'This is a test of the connection. Please give this session the title "Connection test", then reply with one short sentence. Change no files and run no commands.';

/** @type {Map<string, import("./reading.js").Reading<string>>} */
const logs = new Map();

/** @returns {import("../core/dom.js").Child[]} */
export function agents() {
  const lead = "Each runs on one device, which keeps it, its program and its secrets. Everybody in the workspace can write to it.";
  if (!state.status) return [head("Agents", lead), loading()];
  const here = state.agents.filter((agent) => agent.here);
  const elsewhere = state.agents.filter((agent) => !agent.here);
  return [
    head("Agents", lead),
    h("section", { key: "here", class: "stack", "aria-label": "On this device" }, h("h2", { class: "group-name" }, "On this device"), here.length === 0 ? empty("This device hosts no agent yet. Add one below.") : here.map(hostedCard)),
    elsewhere.length === 0 ? null : h("section", { key: "elsewhere", class: "stack", "aria-label": "On other devices" }, h("h2", { class: "group-name" }, "On other devices"), elsewhere.map(otherCard)),
    adding(),
    fresh(),
  ];
}

/** @param {Agent} agent */
function hostedCard(agent) {
  const { handle, profile } = agent;
  const changing = editing.open?.key === `edit ${handle}` ? editing.open : null;
  return h(
    "article",
    { key: handle, class: "card part agent-card", "data-agent": handle, "aria-label": `@${handle}` },
    cardHead(
      agent,
      action(`test ${handle}`, "Test", () => void test(handle), { title: "Opens a session in which it is asked for a title and one sentence" }),
      profile ? h("button", { type: "button", "aria-expanded": String(changing !== null), on: { click: () => openForm(changing ? null : filled(handle, profile)) } }, "Change") : null,
      h("button", { type: "button", on: { click: () => askHandOver(agent) } }, "Hand over…"),
      h("button", { type: "button", class: "danger", on: { click: () => askRemove(agent) } }, "Remove…"),
    ),
    changing ? agentForm(changing, { act: "Save", unfolded: true }) : profile ? agentFacts(profile, agent.capabilities ?? null) : h("p", { class: "small quiet" }, "How it is run is not told by the program of this node."),
    logPart(handle),
  );
}

/** @param {Agent} agent @param {...import("../core/dom.js").Child} actions */
function cardHead(agent, ...actions) {
  return h(
    "div",
    { class: "part-head" },
    h(
      "div",
      { class: "agent-name" },
      h("span", { class: "avatar from-agent-avatar", "aria-hidden": "true" }, icon("agent")),
      h("div", null, h("h3", null, `@${agent.handle}`), h("p", { class: "small quiet row" }, lamp(agent.online, host(agent)), load(agent))),
    ),
    h("div", { class: "row agent-actions" }, actions),
  );
}

/** @param {Agent} agent */
function host(agent) {
  if (agent.here) return "this device";
  const label = `${agent.host_label || shortKey(agent.host)} of @${agent.owner}`;
  return agent.online ? label : h("span", null, `${label}, `, seen(agent.last_seen));
}

/** @param {Agent} agent */
function load(agent) {
  return [
    agent.running ? h("a", { class: "status status-working", href: link("sessions", agent.running) }, state.sessions.get(agent.running)?.title ?? "Working") : null,
    agent.queued > 0 ? tag("warn", `${agent.queued} in the queue`) : null,
  ];
}

/** @param {AgentProfile} profile @param {import("../core/types.js").Capabilities | null} able */
function agentFacts(profile, able) {
  const policy = /** @type {Record<string, any>} */ (profile.policy ?? {});
  const command = profile.kind === "demo" ? (profile.script ? `demo agent with ${profile.script}` : "built-in demo agent") : joinCommand(profile.command ?? []);
  return facts([
    ["Runs", profile.kind === "demo" ? command : h("span", null, h("code", null, command), h("span", { class: "quiet" }, profile.kind === "acp" ? " by ACP" : ` for each prompt, as ${profile.exec_profile}`))],
    ["Says it is", able?.program],
    ["Earlier turns", able ? (able.resumes ? "it takes its own session up again" : "it is given the transcript") : null],
    ["Directory", profile.cwd ? h("code", null, profile.cwd) : "one of its own"],
    ["Sessions of", (profile.allow ?? []).length > 0 ? (profile.allow ?? []).map((each) => `@${each}`).join(", ") : "every member"],
    ["Sees", (profile.env ?? []).length > 0 ? h("code", null, (profile.env ?? []).join(" ")) : null],
    ["Mode", profile.mode],
    ["Has modes", able && able.modes.length > 0 ? able.modes.map((mode) => mode.id).join(", ") : null],
    ["Permissions", named(PERMISSIONS, policy["permissions"])],
    ["Interrupted", named(INTERRUPTS, policy["on_interrupt"])],
    ["Limits", limits(policy)],
  ]);
}

/** @param {[string, string][]} names @param {unknown} value */
function named(names, value) {
  return names.find(([each]) => each === value)?.[1] ?? null;
}

/** @param {Record<string, any>} policy */
function limits(policy) {
  const { turn_seconds: turn, silence_seconds: silence, turns_per_hour: turns, memory_mb: memory } = /** @type {Record<string, number | undefined>} */ (policy);
  return [
    turn ? `${time(turn)} a turn` : "", silence ? `${time(silence)} of silence` : "",
    turns === undefined ? "" : turns === 0 ? "any number of turns" : `${counted(turns, "turn")} an hour`,
    memory === undefined ? "" : memory === 0 ? "any memory" : `${memory.toLocaleString("en-GB")} MB`,
  ].filter(Boolean).join(", ");
}

/** @param {number} seconds */
function time(seconds) {
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** @param {string} handle */
function logPart(handle) {
  const name = `log ${handle}`;
  const open = isOpen(name);
  const log = logs.get(handle) ?? reading(async () => (await get(`/im/agents/${encodeURIComponent(handle)}/logs`)).stderr);
  logs.set(handle, log);
  if (open) log.want();
  const text = log.data || "It said nothing on standard error since this node started.";
  return h(
    "div",
    { class: "log-part" },
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "quiet-button fold", "aria-expanded": String(open), on: { click: () => toggle(name) } }, icon("down"), "What it says on standard error"),
      open ? h("button", { type: "button", class: "quiet-button", disabled: log.busy, on: { click: () => void log.again() } }, icon("retry"), "Read again") : null,
    ),
    open ? (log.data === null ? absent(log) : h("pre", { class: "log scroll", tabindex: "0", "aria-label": `Standard error of @${handle}` }, text)) : null,
  );
}

/** @param {Agent} agent */
function otherCard(agent) {
  const taking = editing.open?.key === `take ${agent.handle}` ? editing.open : null;
  const take = () => openForm(taking ? null : blank(`take ${agent.handle}`, { fixed: true, handle: agent.handle }));
  return h(
    "article",
    { key: agent.handle, class: "card part agent-card", "data-agent": agent.handle, "aria-label": `@${agent.handle}` },
    cardHead(agent, h("button", { type: "button", "aria-expanded": String(taking !== null), on: { click: take } }, "Host it here…")),
    taking
      ? [
          h("p", { class: "small quiet" }, `When its device has handed @${agent.handle} over to this one, say here how it is run, and it moves.`),
          h(
            "label",
            { class: "choice" },
            h("input", { type: "checkbox", prop: { checked: taking.force }, on: { change: (/** @type {any} */ event) => ((taking.force = event.target.checked), changed()) } }),
            h("span", null, h("b", null, "Its device is gone for good: take it by force"), h("span", { class: "small quiet block" }, "What was under way there ends as interrupted. If that device does come back, answers of both may stand against each other.")),
          ),
          agentForm(taking, { act: "Host it here" }),
        ]
      : null,
  );
}

/** A session like any other: its thread shows what happens. @param {string} handle */
function test(handle) {
  return doing(`test ${handle}`, async () => {
    const { session } = await post("/im/quick-sessions", { agent_id: handle, first_message: QUESTION, request_id: requestId() });
    go(link("sessions", session.meta.id));
  });
}

/** @param {Agent} agent */
function askRemove(agent) {
  ask({
    title: `Remove @${agent.handle}?`,
    act: "Remove",
    danger: true,
    body: () => h("p", null, `Its sessions stay and can be read, and nobody answers there any more. ${agent.running ? "What it does now is ended. " : ""}The program itself is left alone.`),
    done: async () => {
      await remove(`/im/agents/${encodeURIComponent(agent.handle)}`);
      await loadRoster();
      toast(`@${agent.handle} is removed.`);
    },
  });
}

/** @param {Agent} agent */
function askHandOver(agent) {
  const others = state.members.flatMap((member) => member.devices.filter((device) => !device.here).map((device) => ({ ...device, owner: member.handle })));
  const form = { to: others[0]?.device ?? "" };
  const name = (/** @type {typeof others[0]} */ device) => `${device.label || shortKey(device.device)} of @${device.owner}`;
  const options = others.map((device) => /** @type {[string, string]} */ ([device.device, name(device)]));
  ask({
    title: `Hand @${agent.handle} over?`,
    act: "Hand over",
    ready: () => form.to !== "",
    body: () => others.length === 0
      ? h("p", null, "This is the only device of the workspace: there is nobody to take it.")
      : [
          h("p", null, "Its history goes along; its program does not. The other device takes it by adding it on its own page, under Agents, “Host it here”. Until then nothing new is begun."),
          field("handover", "To", select(form.to, (value) => ((form.to = value), changed()), options)),
        ],
    done: async () => {
      await post(`/im/agents/${encodeURIComponent(agent.handle)}/handover`, { device: form.to });
      await loadRoster();
      const to = others.find((device) => device.device === form.to);
      toast(`@${agent.handle} may go${to ? ` to ${name(to)}` : ""} now, and does when that device adds it.`);
    },
  });
}

