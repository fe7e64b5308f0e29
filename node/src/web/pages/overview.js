/**
 * What this node is and how it does: who it is in the workspace, where it is reached, what it keeps, what it waits for. The
 * facts come with the status; how peers and sync are in full is on their own pages.
 */

import { post } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { link } from "../core/router.js";
import { company, loadStatus, state } from "../core/store.js";
import { exact, span, until } from "../core/time.js";
import { doing, toast } from "../core/ui.js";
import { action, copied, counted, empty, facts, head, lamp, section, seen, shortKey, size, tag, when } from "./parts.js";
import { fresh, loading } from "./reading.js";
import { waitingList } from "./waiting.js";

/** @typedef {import("../core/types.js").Status} Status */

/** Sessions by status, as people call it. */
const STANDS = /** @type {const} */ ([
  ["running", "working"], ["active", "at rest"], ["needs_title", "new"], ["error", "failed"], ["archived", "archived"],
]);
/** Characters of a hash that tell it apart. */
const HASH = 12;

/** @returns {import("../core/dom.js").Child[]} */
export function overview() {
  const { status } = state;
  if (!status) return [head("Overview", "What this node is, and how it does."), loading()];
  return [
    head("Overview", "What this node is, and how it does.", h("a", { class: "button", href: link("doctor") }, icon("doctor"), "Check this node")),
    figures(status),
    h("div", { key: "parts", class: "parts" }, h("div", { class: "stack" }, identity(status), storage(status)), h("div", { class: "stack" }, running(status), exported(status))),
    section("What waits", null, waitingList(status.waiting, "Nothing waits: every message has its answer, or is being answered.")),
    devices(),
    fresh(),
  ];
}

/** @param {Status} status */
function figures(status) {
  return h(
    "ul",
    { key: "figures", class: "figures", "aria-label": "Sessions by status" },
    STANDS.map(([name, words]) => {
      const count = status.sessions[name] ?? 0;
      return h("li", { key: name, class: `figure ${name === "error" && count > 0 ? "figure-bad" : ""} ${count === 0 ? "figure-none" : ""}` }, h("b", null, count.toLocaleString("en-GB")), h("span", null, words));
    }),
  );
}

/** @param {Status} status */
function identity(status) {
  return section(
    "Identity",
    status.revoked ? tag("fail", "removed") : null,
    facts([
      ["You", h("b", null, `@${status.handle}`)],
      ["This device", status.label],
      ["Device key", copied(status.device, "device key", shortKey(status.device))],
      ["Workspace", copied(status.workspace, "workspace key", shortKey(status.workspace))],
    ]),
  );
}

/** @param {Status} status */
function running(status) {
  const up = Date.now() - new Date(status.started_at).getTime();
  return section(
    "Node",
    null,
    facts([
      ["Running for", h("span", { title: `since ${exact(status.started_at)}` }, span(up))],
      ["Version", status.version],
      ["Web address", status.http ? copied(status.http, "web address") : null],
      ["Listens at", status.listen.length > 0 ? h("ul", { class: "addresses" }, status.listen.map((each) => h("li", { key: each }, copied(each, "address")))) : "nowhere: others cannot call this node"],
    ]),
  );
}

/** @param {Status} status */
function storage(status) {
  const kept = status.storage;
  if (!kept) return null;
  return section(
    "Storage",
    null,
    facts([
      ["Sessions", size(kept.store_bytes)],
      ["Git export", size(kept.export_bytes)],
      ["Home", copied(kept.home, "path")],
    ]),
  );
}

/** @param {Status} status */
function exported(status) {
  const made = status.export;
  const run = () =>
    doing("export", async () => {
      await post("/export");
      await loadStatus();
      toast("The export shows everything that is here.");
    });
  return section(
    "Git export",
    action("export", "Export now", run),
    made.error ? h("p", { class: "note note-error" }, icon("error"), h("span", null, `The last export failed: ${made.error}`)) : null,
    facts([
      ["Commit", made.commit ? copied(made.commit, "commit", made.commit.slice(0, HASH)) : "none yet"],
      ["Tree", made.tree ? copied(made.tree, "tree", made.tree.slice(0, HASH)) : null],
      ...pushed(made.push),
    ]),
    made.tree ? h("p", { class: "small quiet" }, "Devices that hold the same records have the same tree.") : null,
  );
}

/**
 * @param {import("../core/types.js").Push | undefined} push
 * @returns {[string, import("../core/dom.js").Child][]}
 */
function pushed(push) {
  if (!push) return [["Pushed to", h("span", { class: "quiet" }, "nowhere; ", h("code", null, "starling export --push REMOTE"))]];
  return [
    ["Pushed to", copied(push.remote, "remote")],
    ["Branch", h("code", null, push.branch)],
    ["Last push", push.at ? when(push.at) : "not since this node started"],
    ["Push failed", push.error ? h("span", { class: "error-text" }, push.error) : null],
    ["Next try", push.error && push.next_try ? until(push.next_try) : null],
  ];
}

function devices() {
  const { others, online } = company();
  const all = state.members.flatMap((member) => member.devices.map((device) => ({ ...device, handle: member.handle })));
  const words = others === 0 ? "This is the only device of the workspace." : `${online} of ${counted(others, "other device")} online.`;
  return section(
    "Devices",
    h("a", { href: link("members") }, "Members"),
    h("p", { class: "quiet" }, words, others === 0 ? [" ", h("a", { href: link("invites") }, "Add another one")] : null),
    all.length === 0
      ? empty("The members are being read.")
      : h(
          "ul",
          { class: "device-list" },
          all.map((device) =>
            h(
              "li",
              { key: device.device },
              lamp(device.online || device.here, device.label || shortKey(device.device)),
              h("span", { class: "quiet small" }, `@${device.handle} · `, device.here ? "this device" : device.online ? "online" : seen(device.last_seen)),
            ),
          ),
        ),
  );
}
