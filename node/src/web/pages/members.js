/**
 * Who is in the workspace, and with which devices; and how a device or a member is taken out. That cannot be undone, so what
 * comes of it is said before, and the name has to be typed. What the rules of the workspace forbid is not offered.
 */

import { post } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { link } from "../core/router.js";
import { changed, loadRoster, loadStatus, state } from "../core/store.js";
import { toast } from "../core/ui.js";
import { ask } from "./dialog.js";
import { copied, counted, field, head, input, lamp, seen, shortKey, tag } from "./parts.js";
import { fresh, loading } from "./reading.js";

/** @typedef {import("../core/types.js").Member} Member */
/** @typedef {import("../core/types.js").Device} Device */

/** Who may take others out. */
const ADMINS = new Set(["founder", "admin"]);

/** @returns {import("../core/dom.js").Child[]} */
export function members() {
  const lead = "People of the workspace and their devices. Each device has a key of its own and signs what it writes.";
  const invite = h("a", { class: "button primary", href: link("invites") }, icon("invite"), "Invite");
  if (state.members.length === 0) return [head("Members", lead, invite), loading()];
  const sorted = state.members.toSorted((a, b) => Number(isMe(b)) - Number(isMe(a)) || a.handle.localeCompare(b.handle));
  return [head("Members", lead, invite), h("div", { key: "members", class: "stack" }, sorted.map(memberCard)), fresh()];
}

/** @param {Member} member */
function isMe(member) {
  return member.handle === state.status?.handle;
}

/** Whether this device's member may take the standing of another one's devices. @param {Member} member */
function mayTake(member) {
  if (isMe(member)) return true;
  const mine = state.members.find(isMe);
  return mine !== undefined && ADMINS.has(mine.role) && member.role !== "founder";
}

/** @param {Member} member */
function memberCard(member) {
  const may = mayTake(member) && !state.status?.revoked;
  return h(
    "section",
    { key: member.handle, class: "card part", "aria-label": `@${member.handle}` },
    h(
      "div",
      { class: "part-head" },
      h("div", { class: "row" }, h("span", { class: "avatar", "aria-hidden": "true" }, member.handle.slice(0, 1).toUpperCase()), h("h2", null, `@${member.handle}`), tag("", member.role), isMe(member) ? tag("ok", "you") : null),
      may && !isMe(member) ? h("button", { type: "button", class: "danger", on: { click: () => askRemove(member) } }, "Remove…") : null,
    ),
    member.devices.length === 0 ? h("p", { class: "quiet" }, "No device of this member is left.") : h("ul", { class: "device-rows" }, member.devices.map((device) => deviceRow(device, may))),
  );
}

/** @param {Device} device @param {boolean} may */
function deviceRow(device, may) {
  const name = device.label || shortKey(device.device);
  const agents = state.agents.filter((agent) => agent.host === device.device).map((agent) => `@${agent.handle}`);
  return h(
    "li",
    { key: device.device, "data-device": device.device },
    h(
      "div",
      { class: "device-words" },
      h("span", { class: "row" }, lamp(device.online || device.here, h("b", null, name)), device.here ? tag("ok", "this device") : null),
      h("span", { class: "quiet small indent row" }, copied(device.device, "device key", shortKey(device.device)), h("span", null, device.here || device.online ? "online" : seen(device.last_seen)), agents.length > 0 ? h("span", null, `hosts ${agents.join(", ")}`) : null),
    ),
    device.here
      ? h("span", { class: "small quiet aside-note" }, "Can only be revoked from another device.")
      : may ? h("button", { type: "button", class: "danger", "aria-label": `Revoke ${name}`, on: { click: () => askRevoke(device, name) } }, "Revoke…") : null,
  );
}

/** @param {Device} device @param {string} name */
function askRevoke(device, name) {
  takeOut({
    title: `Revoke ${name}?`,
    what: `${name} writes nothing more and is let in nowhere. Its key never comes back: to use the machine again, it needs a new invitation and becomes a new device.`,
    name,
    act: "Revoke for good",
    path: `/im/devices/${encodeURIComponent(device.device)}/revoke`,
  });
}

/** @param {Member} member */
function askRemove(member) {
  const devices = member.devices.length;
  takeOut({
    title: `Remove @${member.handle}?`,
    what: `@${member.handle} and ${devices === 1 ? "the one device" : `all ${devices} devices`} lose their standing: they write nothing more and are let in nowhere. Their keys never come back.`,
    name: member.handle,
    act: "Remove for good",
    path: `/im/members/${encodeURIComponent(member.handle)}/remove`,
  });
}

/**
 * @typedef {object} TakingOut
 * @property {string} title
 * @property {string} what comes of it
 * @property {string} name to be typed
 * @property {string} act
 * @property {string} path
 */

/** @param {TakingOut} one */
function takeOut(one) {
  const form = { keepNone: false, typed: "" };
  const set = (/** @type {() => void} */ change) => (change(), changed());
  ask({
    title: one.title,
    act: one.act,
    danger: true,
    ready: () => form.typed.trim().replace(/^@/, "") === one.name,
    body: () => [
      h("p", null, one.what),
      h(
        "fieldset",
        { class: "choices" },
        h("legend", null, "What becomes of what was written there?"),
        choice("keep", !form.keepNone, () => set(() => (form.keepNone = false)), "Keep all that this node has", "For a device that was lost, or a person who leaves: no word is lost. What arrives later counts nowhere."),
        choice("none", form.keepNone, () => set(() => (form.keepNone = true)), "Keep only what others built upon", "For a stolen device: its messages go, but those that somebody in good standing answered."),
      ),
      h("p", { class: "small quiet" }, "What is on that device stays readable there: nothing can call it back."),
      field("confirm", `Type “${one.name}” to confirm`, input(form.typed, (value) => set(() => (form.typed = value)))),
    ],
    done: async () => {
      const told = await post(one.path, { keep_none: form.keepNone });
      await Promise.all([loadRoster(), loadStatus()]);
      toast(outcome(told));
    },
  });
}

/**
 * @param {string} value
 * @param {boolean} checked
 * @param {() => void} choose
 * @param {string} name
 * @param {string} hint
 */
export function choice(value, checked, choose, name, hint) {
  return h(
    "label",
    { key: value, class: "choice" },
    h("input", { type: "radio", name: "choice", value, prop: { checked }, on: { change: choose } }),
    h("span", null, h("b", null, name), h("span", { class: "small quiet block" }, hint)),
  );
}

/** @param {{devices: string[], agents: string[], kept_sessions: number, already: boolean}} told */
function outcome(told) {
  if (told.already) return "That was done before; nothing changed.";
  const parts = [`${counted(told.devices.length, "device")} lost ${told.devices.length === 1 ? "its" : "their"} standing`];
  if (told.agents.length > 0) parts.push(`nobody runs ${told.agents.map((each) => `@${each}`).join(", ")} now`);
  parts.push(`what was written stays in ${counted(told.kept_sessions, "session")}`);
  return `${parts.join("; ")}.`;
}
