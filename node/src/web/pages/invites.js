/**
 * How a further device, or a person, gets into the workspace: a ticket is made, shown once, and can be withdrawn until it is
 * used. A node that has not begun a workspace of its own can join one here.
 */

import { get, post, remove } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { changed, state } from "../core/store.js";
import { exact, until } from "../core/time.js";
import { doing, toast } from "../core/ui.js";
import { ask } from "./dialog.js";
import { joining } from "./join.js";
import { choice } from "./members.js";
import { action, copied, empty, field, head, input, section, select, shortKey, table, tag } from "./parts.js";
import { qr } from "./qr.js";
import { absent, loading, reading } from "./reading.js";

/** @typedef {import("../core/types.js").Invite} Invite */
/** @typedef {import("../core/types.js").Invited} Invited */

const HOUR = 3_600;
/** @type {[string, string][]} */
const EXPIRIES = [[String(HOUR), "1 hour"], [String(24 * HOUR), "24 hours"], [String(7 * 24 * HOUR), "7 days"], [String(30 * 24 * HOUR), "30 days"]];

/** @type {{person: boolean, handle: string, expires: string, error: string, made: Invited | null}} */
const form = { person: false, handle: "", expires: String(24 * HOUR), error: "", made: null };

/** @type {import("./reading.js").Reading<Invite[]>} */
const list = reading(async () => (await get("/invites")).invites);

addEventListener("hashchange", () => (form.made = null));

/** @returns {import("../core/dom.js").Child[]} */
export function invites() {
  const lead = "A ticket lets one device into the workspace, once.";
  if (!state.status) return [head("Invites", lead), loading()];
  list.want(state.members);
  return [
    head("Invites", lead),
    state.status.can_join ? joining() : null,
    form.made ? ticket(form.made) : creating(),
    section("Tickets of this device", null, absent(list) ?? tickets(list.data ?? [])),
  ];
}

/** Whether this device's member may invite somebody else. */
function mayInvite() {
  const mine = state.members.find((member) => member.handle === state.status?.handle);
  return mine === undefined || mine.role === "founder" || mine.role === "admin";
}

function creating() {
  const set = (/** @type {() => void} */ change) => (change(), (form.error = ""), changed());
  const others = mayInvite();
  const person = form.person && others;
  const handle = input(form.handle, (value) => set(() => (form.handle = value.replace(/^@/, ""))), {
    placeholder: "ada", maxlength: "39", required: true, "aria-invalid": form.error ? "true" : null, "aria-describedby": "invite-error",
  });
  return section(
    "New ticket",
    null,
    h(
      "form",
      { class: "form-grid", on: { submit: (event) => (event.preventDefault(), void create()) } },
      h(
        "fieldset",
        { class: "choices side-by-side wide-field" },
        h("legend", { class: "hidden" }, "For whom"),
        choice("mine", !person, () => set(() => (form.person = false)), "For a further device of mine", `It writes as @${state.status?.handle ?? ""}, as this one does.`),
        others
          ? choice("person", person, () => set(() => (form.person = true)), "For another person", "A new member of the workspace, or a further device of one.")
          : h("p", { class: "small quiet" }, "Other people are invited by the founder and by admins."),
      ),
      person ? field("invite", "Handle", handle, "Letters a–z, digits and single hyphens. It stays with the person.") : null,
      field("invite", "Good for", select(form.expires, (value) => set(() => (form.expires = value)), EXPIRIES)),
      h("div", { class: "wide-field row" }, action("invite", [icon("key"), "Make a ticket"], () => {}, { type: "submit", class: "primary" }), h("span", { id: "invite-error", class: "error-text small", role: "alert" }, form.error)),
    ),
  );
}

function create() {
  return doing("invite", async () => {
    const body = { expires_in_seconds: Number(form.expires), ...(form.person && mayInvite() ? { handle: form.handle.trim() } : {}) };
    try {
      form.made = await post("/invites", body);
    } catch (error) {
      form.error = error instanceof Error ? error.message : String(error);
      return;
    }
    form.handle = "";
    void list.again();
  });
}

/** The ticket, while its page is open. @param {Invited} made */
function ticket(made) {
  const command = `starling join ${made.ticket}`;
  const own = made.handle === state.status?.handle;
  const done = () => ((form.made = null), changed());
  return section(
    own ? "Ticket for a further device of yours" : `Ticket for @${made.handle}`,
    h("button", { type: "button", on: { click: done } }, "Done"),
    h("p", { class: "note note-warn" }, icon("key"), h("span", null, h("b", null, "A ticket is a key."), " Whoever has it can use it once, and then reads and writes in the workspace. Give it only to whom it is for. It is not shown again.")),
    h(
      "div",
      { class: made.qr ? "ticket with-qr" : "ticket" },
      made.qr ? qr(made.qr, "QR code of the ticket") : null,
      h(
        "div",
        { class: "ticket-words" },
        block("On the other device, run", command, "command"),
        block("Or paste the ticket into its page, under Invites", made.ticket, "ticket"),
        h("p", { class: "small quiet", title: exact(made.expires_at) }, `It expires ${until(made.expires_at)}. This node has to be reachable then.`),
      ),
    ),
  );
}

/** @param {string} label @param {string} text @param {string} what */
function block(label, text, what) {
  return h("div", { key: what, class: "code-block", "data-copy": what }, h("span", { class: "field-name" }, label), copied(text, what));
}

/** @param {Invite[]} all */
function tickets(all) {
  if (all.length === 0) return empty("No ticket was made on this device yet.");
  const open = (/** @type {Invite} */ each) => !each.used_by && new Date(each.expires_at).getTime() > Date.now();
  const sorted = all.toSorted((a, b) => Number(open(b)) - Number(open(a)) || b.expires_at.localeCompare(a.expires_at));
  return table("Tickets", ["Ticket", "For", "State", "Expires", ""], sorted.map((each) => ({
    key: each.id,
    cells: [
      h("code", null, each.id),
      `@${each.handle}`,
      each.used_by ? h("span", { class: "row" }, tag("ok", "used"), h("span", { class: "small quiet" }, `by ${deviceName(each.used_by)}`)) : open(each) ? tag("warn", "open") : tag("", "expired"),
      each.used_by ? "" : h("span", { title: exact(each.expires_at) }, until(each.expires_at)),
      open(each) ? h("button", { type: "button", class: "danger", "aria-label": `Withdraw ticket ${each.id}`, on: { click: () => withdraw(each) } }, "Withdraw…") : "",
    ],
  })));
}

/** @param {string} key */
function deviceName(key) {
  return state.members.flatMap((member) => member.devices).find((device) => device.device === key)?.label || shortKey(key);
}

/** @param {Invite} one */
function withdraw(one) {
  ask({
    title: `Withdraw ticket ${one.id}?`,
    act: "Withdraw",
    danger: true,
    body: () => h("p", null, `Nobody can join with it any more. If @${one.handle} still needs one, make a new ticket.`),
    done: async () => {
      list.learn((await remove(`/invites/${encodeURIComponent(one.id)}`)).invites);
      if (form.made?.id === one.id) form.made = null;
      toast(`Ticket ${one.id} is withdrawn.`);
    },
  });
}
