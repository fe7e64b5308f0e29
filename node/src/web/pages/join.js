/**
 * Joining a workspace that exists, with a ticket, on a node whose own was never used. The node begins anew in the other
 * workspace, so it is away for a moment; when it answers again the page is loaded anew.
 */

import { get, post, words } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { changed, state } from "../core/store.js";
import { field, section } from "./parts.js";

const ASK_MS = 1_000;
const PATIENCE_MS = 300_000;

/** @type {{ticket: string, stage: "" | "asking" | "waiting" | "late", error: string}} */
const page = { ticket: "", stage: "", error: "" };

const STAGES = {
  asking: "The node takes the ticket…",
  waiting: "The node calls the device that made the ticket, and begins anew in its workspace. That takes some seconds.",
  late: "The node has not got in yet. Is the other device running, and can it be reached? The ticket is kept, and tried again.",
};

export function joining() {
  const busy = page.stage === "asking" || page.stage === "waiting";
  return section(
    "Join a workspace",
    null,
    h("p", { class: "quiet" }, "This node has a workspace of its own that nobody used yet. With a ticket from another device it joins that one’s workspace instead."),
    h("p", { class: "note note-warn" }, icon("key"), h("span", null, "A ticket is a key, good once. Use only one that you got from somebody you trust: you will share what is written in that workspace.")),
    h(
      "form",
      { class: "join-form", on: { submit: (event) => (event.preventDefault(), void join()) } },
      field("join", "Ticket", h("textarea", {
        class: "ticket-field", rows: "3", spellcheck: "false", autocomplete: "off", disabled: busy, "aria-invalid": page.error ? "true" : null, "aria-describedby": "join-told",
        prop: { value: page.ticket },
        on: { input: (/** @type {any} */ event) => ((page.ticket = event.target.value), (page.error = ""), changed()) },
      })),
      h("div", { class: "row" }, h("button", { type: "submit", class: "primary", disabled: busy || page.ticket.trim() === "" }, busy ? "Joining…" : "Join")),
      h("p", { id: "join-told", class: page.error ? "error-text" : "quiet", role: page.error ? "alert" : "status" }, page.error || (page.stage ? STAGES[page.stage] : "")),
    ),
  );
}

async function join() {
  const before = state.status?.workspace;
  stage("asking");
  try {
    // What people copy may be the whole command.
    await post("/join", { ticket: page.ticket.trim().replace(/^starling\s+join\s+/, "") });
  } catch (error) {
    page.error = words(error);
    return stage("");
  }
  stage("waiting");
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    await new Promise((done) => setTimeout(done, ASK_MS));
    if (await joined(before)) return location.reload();
  }
  stage("late");
}

/** @param {string | undefined} before the workspace that it was in */
async function joined(before) {
  try {
    await get("/healthz");
    return (await get("/status")).workspace !== before;
  } catch (error) {
    // Away, or with new secrets: then a login is asked for, which the page anew says.
    return error instanceof Error && "status" in error && error.status === 401;
  }
}

/** @param {typeof page.stage} now */
function stage(now) {
  page.stage = now;
  changed();
}
