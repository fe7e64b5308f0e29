/**
 * How an agent is to be run on this device: the form by which one is added, changed, or taken from another device. Fields
 * are those of the node's interface; times are in minutes here, because people think of turns so.
 */

import { post, words } from "../core/api.js";
import { h } from "../core/dom.js";
import { changed, loadRoster, state } from "../core/store.js";
import { doing, isOpen, toast } from "../core/ui.js";
import { joinCommand, splitCommand } from "./command.js";
import { field, input, select } from "./parts.js";

/** @typedef {import("../core/types.js").AgentProfile} AgentProfile */

/**
 * @typedef {object} Form
 * @property {string} key of what it belongs to
 * @property {boolean} fixed whether the handle is given
 * @property {string} handle
 * @property {string} kind
 * @property {string} command
 * @property {string} profile
 * @property {string} script
 * @property {string} cwd
 * @property {string} env
 * @property {string} allow
 * @property {string} mode
 * @property {string} permissions
 * @property {string} interrupt
 * @property {string} turnMinutes
 * @property {string} silenceMinutes
 * @property {string} turnsPerHour
 * @property {string} memory
 * @property {boolean} force
 * @property {string} error
 */

/** @type {[string, string][]} */
const KINDS = [["acp", "A program that speaks ACP"], ["exec", "A command line agent, started for each prompt"], ["demo", "The built-in demo agent"]];
/** @type {[string, string][]} */
const PROFILES = ["claude", "codex", "gemini", "opencode"].map((name) => [name, name]);
/** @type {[string, string][]} */
export const PERMISSIONS = [["host", "Whoever uses this device"], ["creator", "Also the session’s creator, on another device"], ["refuse", "Nobody: all are refused"]];
/** @type {[string, string][]} */
export const INTERRUPTS = [["fail", "It fails, and can be retried"], ["retry", "It is begun again, at most twice"]];

/** @type {{open: Form | null}} */
export const editing = { open: null };

/**
 * A form as it is when nothing was said yet.
 *
 * @param {string} key
 * @param {Partial<Form>} [more]
 * @returns {Form}
 */
export function blank(key, more) {
  return {
    key, fixed: false, handle: "", kind: "acp", command: "", profile: "claude", script: "", cwd: "", env: "", allow: "", mode: "", permissions: "host",
    interrupt: "fail", turnMinutes: "60", silenceMinutes: "5", turnsPerHour: "240", memory: "8192", force: false, error: "", ...more,
  };
}

/**
 * A form with what is set now.
 *
 * @param {string} handle
 * @param {AgentProfile} set
 * @returns {Form}
 */
export function filled(handle, set) {
  const policy = /** @type {Record<string, any>} */ (set.policy ?? {});
  const minutes = (/** @type {number | undefined} */ seconds, /** @type {number} */ usual) => String((seconds ?? usual) / 60);
  return blank(`edit ${handle}`, {
    fixed: true, handle, kind: set.kind, command: joinCommand(set.command ?? []), profile: set.exec_profile ?? "claude", script: set.script ?? "",
    cwd: set.cwd ?? "", env: (set.env ?? []).join(" "), allow: (set.allow ?? []).join(" "), mode: set.mode ?? "",
    permissions: policy["permissions"] ?? "host", interrupt: policy["on_interrupt"] ?? "fail",
    turnMinutes: minutes(policy["turn_seconds"], 3_600), silenceMinutes: minutes(policy["silence_seconds"], 300),
    turnsPerHour: String(policy["turns_per_hour"] ?? 240), memory: String(policy["memory_mb"] ?? 8_192),
  });
}

/** @param {Form | null} form */
export function openForm(form) {
  editing.open = form;
  changed();
}

/** @param {string} text */
const list = (text) => text.split(/[\s,]+/).filter(Boolean).map((each) => each.replace(/^@/, ""));

/**
 * What the node is sent.
 *
 * @param {Form} form
 */
function body(form) {
  const { parts, error } = splitCommand(form.command);
  if (error && form.kind !== "demo") throw new Error(error);
  const seconds = (/** @type {string} */ minutes) => Math.round(Number(minutes) * 60);
  return {
    handle: form.handle.trim().replace(/^@/, ""),
    kind: form.kind,
    ...(form.kind === "demo" ? {} : { command: parts }),
    ...(form.kind === "exec" ? { profile: form.profile } : {}),
    ...(form.kind === "demo" && form.script.trim() ? { script: form.script.trim() } : {}),
    ...(form.cwd.trim() ? { cwd: form.cwd.trim() } : {}),
    ...(form.kind === "acp" && form.mode.trim() ? { mode: form.mode.trim() } : {}),
    env: list(form.env),
    allow: list(form.allow),
    policy: {
      permissions: form.permissions, on_interrupt: form.interrupt, turn_seconds: seconds(form.turnMinutes), silence_seconds: seconds(form.silenceMinutes),
      turns_per_hour: Number(form.turnsPerHour), memory_mb: Number(form.memory),
    },
    ...(form.force ? { force: true } : {}),
  };
}

/**
 * Adds or changes the agent; why that was refused is kept in the form.
 *
 * @param {Form} form
 * @param {() => void} [saved]
 */
export function save(form, saved) {
  return doing(`save ${form.key}`, async () => {
    try {
      const { handle, ...rest } = body(form);
      await post("/im/agents", { handle, ...rest });
      if (editing.open === form) editing.open = null;
      saved?.();
      await loadRoster();
      toast(form.fixed ? `@${handle} is run so from now on.` : `@${handle} is hosted here now. “Test” shows whether it answers.`);
    } catch (error) {
      form.error = words(error);
    }
  });
}

/** @param {Form} form @returns {Set} */
export const setter = (form) => (some) => {
  Object.assign(form, some, { error: "" });
  changed();
};

/**
 * @param {Form} form
 * @param {{act: string, unfolded?: boolean}} how
 */
export function agentForm(form, how) {
  const set = setter(form);
  return h(
    "form",
    { key: form.key, class: "agent-form", "data-form": form.key, on: { submit: (event) => (event.preventDefault(), void save(form)) } },
    h("div", { class: "form-grid" }, form.fixed ? null : handleField(form, set), programFields(form, set)),
    moreFields(form, set, how.unfolded),
    form.error ? h("p", { class: "error-text", role: "alert" }, form.error) : null,
    h(
      "div",
      { class: "row" },
      h("button", { type: "submit", class: "primary", disabled: isOpen(`save ${form.key}`) }, how.act),
      h("button", { type: "button", on: { click: () => openForm(null) } }, "Cancel"),
    ),
  );
}

/** @typedef {(some: Partial<Form>) => void} Set */

/** @param {Form} form @param {Set} set */
function handleField(form, set) {
  return field(form.key, "Handle", input(form.handle, (handle) => set({ handle }), { required: true, maxlength: "40", placeholder: "helper" }), "Everybody in the workspace calls it so. Letters a–z, digits and single hyphens.");
}

/** @param {Form} form @param {Set} set */
function programFields(form, set) {
  const command = input(form.command, (text) => set({ command: text }), { class: "mono", placeholder: form.kind === "exec" ? form.profile : "npx -y @zed-industries/claude-code-acp", required: form.kind === "acp" });
  return [
    field(form.key, "Kind", select(form.kind, (kind) => set({ kind }), KINDS)),
    form.kind === "exec" ? field(form.key, "Which one", select(form.profile, (profile) => set({ profile }), PROFILES)) : null,
    form.kind === "demo"
      ? field(form.key, "Script", input(form.script, (script) => set({ script }), { class: "mono", placeholder: "/srv/starling/demo.txt" }), "Path of a file with one step a line. Empty: the built-in answers.")
      : h("div", { key: "command", class: "wide-field" }, field(form.key, "Command", command, form.kind === "exec" ? "Program and first arguments. Empty: the program of that name." : "Program and arguments, with quotes as in a shell. Nothing is expanded.")),
  ];
}

/**
 * What has a usual value, folded.
 *
 * @param {Form} form
 * @param {Set} set
 * @param {boolean} [unfolded]
 */
export function moreFields(form, set, unfolded) {
  return h("details", { class: "more-fields", open: unfolded ?? false }, h("summary", null, "Directory, permissions and limits"), h("div", { class: "form-grid" }, policyFields(form, set)));
}

/** An agent that has run has said which modes it has. @param {Form} form @param {Set} set */
function modeField(form, set) {
  const modes = state.agents.find((agent) => agent.handle === form.handle)?.capabilities?.modes ?? [];
  const known = `modes of ${form.key}`.replaceAll(" ", "-");
  return [
    field(form.key, "Mode", input(form.mode, (mode) => set({ mode }), modes.length > 0 ? { list: known } : {}), "By the agent’s own name for it. Empty: the agent’s usual one."),
    modes.length > 0 ? h("datalist", { key: known, id: known }, modes.map(({ id, name }) => h("option", { key: id, value: id }, name))) : null,
  ];
}

/** @param {Form} form @param {Set} set */
function policyFields(form, set) {
  const number = (/** @type {keyof Form & string} */ name, /** @type {Record<string, string>} */ more) =>
    input(String(form[name]), (value) => set({ [name]: value }), { type: "number", inputmode: "decimal", required: true, ...more });
  return [
    field(form.key, "Working directory", input(form.cwd, (cwd) => set({ cwd }), { class: "mono", placeholder: "/srv/project" }), "An absolute path. Empty: a directory of its own."),
    field(form.key, "Who answers its permission requests", select(form.permissions, (permissions) => set({ permissions }), PERMISSIONS), "Nobody’s answer within 10 minutes is a refusal."),
    field(form.key, "Whose sessions start turns", input(form.allow, (allow) => set({ allow }), { placeholder: state.members.map((member) => member.handle).join(" ") }), "Handles. Empty: every member’s."),
    field(form.key, "Variables that it may see", input(form.env, (env) => set({ env }), { class: "mono", placeholder: "ANTHROPIC_API_KEY" }), "Names only, beyond HOME, PATH and the like."),
    form.kind === "acp" ? modeField(form, set) : null,
    field(form.key, "A turn that the node’s stop interrupts", select(form.interrupt, (interrupt) => set({ interrupt }), INTERRUPTS)),
    field(form.key, "Longest turn, in minutes", number("turnMinutes", { min: "0.02", max: "1440", step: "any" })),
    field(form.key, "Longest silence, in minutes", number("silenceMinutes", { min: "0.02", max: "1440", step: "any" }), "Without a sign of it, its turn is ended. Waiting for a person is no silence."),
    field(form.key, "Turns an hour", number("turnsPerHour", { min: "0", max: "100000", step: "1" }), "0: any number."),
    field(form.key, "Memory, in MB", number("memory", { min: "0", step: "1" }), "For it and all that it starts (Linux). 0: any amount."),
  ];
}
