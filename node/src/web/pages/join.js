/**
 * Joining a workspace that exists, with a ticket, on a node whose own was never used. The node begins anew in the other
 * workspace, so it is away for a moment; when it answers again the page is loaded anew.
 */

import { ApiError, get, post, words } from "../core/api.js";
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
  waiting: "The node calls the device that made the ticket, and begins anew in its workspace. That takes up to a minute, in which this page has no answer from it.",
  late: "The node has not come back. Look at what it says in its terminal, or start it again with `starling up`.",
};

export function joining() {
  const busy = page.stage === "asking" || page.stage === "waiting";
  return section(
    "Join a workspace",
    null,
    h("p", { class: "quiet" }, "With a ticket from another device, this node joins that one’s workspace. The workspace that it began for itself, which nobody used yet, is given up for it."),
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
      h("p", { id: "join-told", class: page.error ? "error-text" : "quiet", role: page.error ? "alert" : "status" }, told()),
    ),
  );
}

function told() {
  if (page.error) return page.error;
  if (page.stage) return STAGES[page.stage];
  const last = state.status?.join_error;
  return last ? `The last time it came to nothing: ${last}` : "";
}

async function join() {
  const before = state.status;
  stage("asking");
  try {
    // What people copy may be the whole command.
    await post("/join", { ticket: page.ticket.trim().replace(/^starling\s+join\s+/i, "") });
  } catch (error) {
    page.error = words(error);
    return stage("");
  }
  stage("waiting");
  const until = Date.now() + PATIENCE_MS;
  let away = false;
  while (Date.now() < until) {
    await new Promise((done) => setTimeout(done, ASK_MS));
    const now = await status();
    if (now === "signed_out" || (now && now.workspace !== before?.workspace)) return location.reload();
    if (now?.join_error && (away || now.started_at !== before?.started_at)) {
      page.error = `It has not joined, and goes on as it was: ${now.join_error}`;
      return stage("");
    }
    away ||= now === null;
  }
  stage("late");
}

/** @returns {Promise<import("../core/types.js").Status | "signed_out" | null>} nothing while the node is away */
async function status() {
  try {
    return await get("/status");
  } catch (error) {
    return error instanceof ApiError && error.status === 401 ? "signed_out" : null;
  }
}

/** @param {typeof page.stage} now */
function stage(now) {
  page.stage = now;
  changed();
}
