/**
 * Agents to add: those whose programs are known and looked for on this machine, with one click, and any other program by
 * hand.
 */

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { state } from "../core/store.js";
import { isOpen } from "../core/ui.js";
import { agentForm, blank, editing, moreFields, openForm, save, setter } from "./agentform.js";
import { joinCommand } from "./command.js";
import { empty, input, section, tag } from "./parts.js";
import { absent, reading } from "./reading.js";

/** @typedef {import("../core/types.js").Detected} Detected */

/** @type {import("./reading.js").Reading<Detected[]>} */
const detected = reading(async () => (await get("/im/agents/detected")).agents);

/** @type {Map<string, import("./agentform.js").Form>} what was typed, by the way that it is for */
const forms = new Map();

export function adding() {
  detected.want();
  const again = h("button", { type: "button", disabled: detected.busy, on: { click: () => void detected.again() } }, icon("retry"), detected.busy ? "Looking…" : "Look again");
  return h(
    "div",
    { key: "adding", class: "stack" },
    h("h2", { class: "group-name" }, "Add an agent"),
    section("Found on this machine", again, absent(detected) ?? found(detected.data ?? [])),
    other(),
  );
}

/** @param {Detected[]} all */
function found(all) {
  const installed = all.filter((each) => each.installed);
  const missing = all.filter((each) => !each.installed);
  return [
    installed.length === 0 ? empty("No agent that is known by name was found on this machine.") : h("ul", { class: "found" }, installed.map(way)),
    missing.length === 0
      ? null
      : h("details", { key: "missing" }, h("summary", { class: "small quiet" }, `${missing.length} known ${missing.length === 1 ? "way is" : "ways are"} not installed`), h("ul", { class: "found" }, missing.map(way))),
  ];
}

/** @param {Detected} one */
function way(one) {
  const key = `add ${one.kind} ${one.profile ?? ""} ${one.command.join(" ")}`;
  const words = h(
    "div",
    { class: "found-words" },
    h("p", { class: "row" }, h("b", null, one.name), tag("", one.kind === "acp" ? "ACP" : "command line"), one.version ? h("span", { class: "small quiet" }, one.version) : null),
    h("code", { class: "small quiet" }, joinCommand(one.command)),
    one.note ? h("p", { class: "small quiet" }, one.note) : null,
  );
  if (!one.installed) return h("li", { key, class: "not-there" }, words);
  const form = forms.get(key) ?? blank(key, { handle: free(one.handle), kind: one.kind, profile: one.profile ?? "claude", command: joinCommand(one.command) });
  forms.set(key, form);
  const set = setter(form);
  const add = () => save(form, () => forms.clear());
  return h(
    "li",
    { key, "data-detected": one.handle },
    h(
      "form",
      { class: "agent-form", on: { submit: (event) => (event.preventDefault(), void add()) } },
      h(
        "div",
        { class: "found-head" },
        words,
        h(
          "div",
          { class: "found-add" },
          h("label", null, h("span", { class: "hidden" }, `Handle of ${one.name}`), h("span", { "aria-hidden": "true", class: "quiet" }, "@"), input(form.handle, (handle) => set({ handle }), { required: true, maxlength: "39" })),
          h("button", { type: "submit", class: "primary", disabled: isOpen(`save ${key}`), "aria-label": `Add ${one.name}` }, icon("plus"), "Add"),
        ),
      ),
      moreFields(form, set),
      form.error ? h("p", { class: "error-text", role: "alert" }, form.error) : null,
    ),
  );
}

/** A handle that nobody in the workspace has. @param {string} handle */
function free(handle) {
  const taken = new Set([...state.agents, ...state.members].map((each) => each.handle));
  if (!taken.has(handle)) return handle;
  for (let at = 2; ; at += 1) if (!taken.has(`${handle}-${at}`)) return `${handle}-${at}`;
}

function other() {
  const open = editing.open?.key === "add other" ? editing.open : null;
  return section(
    "Any other program",
    h("button", { type: "button", "aria-expanded": String(open !== null), on: { click: () => openForm(open ? null : blank("add other")) } }, icon("plus"), "Add by hand"),
    open ? agentForm(open, { act: "Add" }) : h("p", { class: "small quiet" }, "A command that speaks ACP on its standard input and output, a command line agent, or the built-in demo agent with a script of yours."),
  );
}
