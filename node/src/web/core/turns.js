/**
 * What agents do in their turns, gathered from `activity` events: streamed text, tool calls, the plan, usage, permissions.
 * It is kept in this page only, bounded, and gone with it; what an agent has to say for good is its reply.
 */

/** @typedef {import("./types.js").ActivityEvent} ActivityEvent */
/** @typedef {import("./store.js").State} State */

/**
 * @typedef {object} Turn
 * @property {string} attempt
 * @property {string} text
 * @property {string} thought
 * @property {{id: string, title: string, status: string}[]} tools
 * @property {{text: string, status: string}[]} plan
 * @property {{used: number, size: number} | null} usage
 * @property {{request: number, title: string, state: string}[]} permissions
 * @property {number | null} line the line of its reply, once it is known
 * @property {"running" | "done" | "failed"} state
 */

/**
 * @typedef {object} Told
 * @property {number} number
 * @property {number} at ms; 0 for what was before this page
 * @property {ActivityEvent} event
 */

/** Of one session. */
const TURNS_MAX = 20;
/** Whose turns are kept. */
const SESSIONS_MAX = 100;
const TEXT_MAX = 200_000;
const TOOLS_MAX = 200;
const TOLD_MAX = 300;

let told = 0;

/**
 * @param {State} state
 * @param {ActivityEvent} event
 * @param {number} at ms; 0 when it is not known
 */
export function noteActivity(state, event, at) {
  const turn = turnOf(state, event.session_id, event.attempt_id);
  apply(turn, event);
  const last = state.told.at(-1);
  if (event.kind === "text" && last?.event.kind === "text" && last.event.attempt_id === event.attempt_id) {
    last.event = { ...last.event, text: bounded((last.event.text ?? "") + (event.text ?? "")) };
    last.at = at;
    return;
  }
  told += 1;
  state.told.push({ number: told, at, event });
  if (state.told.length > TOLD_MAX) state.told.shift();
}

/**
 * @param {State} state
 * @param {string} session
 * @param {string} attempt
 * @returns {Turn}
 */
function turnOf(state, session, attempt) {
  const turns = state.turns.get(session) ?? [];
  // The session that was quiet for longest is the first.
  state.turns.delete(session);
  state.turns.set(session, turns);
  const [quietest] = state.turns.keys();
  if (state.turns.size > SESSIONS_MAX && quietest) state.turns.delete(quietest);
  const known = turns.find((turn) => turn.attempt === attempt);
  if (known) return known;
  /** @type {Turn} */
  const turn = {
    attempt, text: "", thought: "", tools: [], plan: [], usage: null, permissions: [], line: null, state: "running",
  };
  turns.push(turn);
  if (turns.length > TURNS_MAX) turns.shift();
  return turn;
}

/**
 * @param {Turn} turn
 * @param {ActivityEvent} event
 */
function apply(turn, event) {
  switch (event.kind) {
    case "text":
      turn.text = bounded(turn.text + (event.text ?? ""));
      break;
    case "thought":
      turn.thought = bounded(turn.thought + (event.text ?? ""));
      break;
    case "tool":
      applyTool(turn, event);
      break;
    case "plan":
      turn.plan = event.steps ?? [];
      break;
    case "usage":
      turn.usage = { used: event.used ?? 0, size: event.size ?? 0 };
      break;
    case "permission":
      applyPermission(turn, event);
      break;
  }
}

/** @param {Turn} turn @param {ActivityEvent} event */
function applyTool(turn, event) {
  const id = event.id ?? "";
  const known = turn.tools.find((tool) => tool.id === id);
  // The same name again is a new call of it when the last one has ended.
  if (known && !(ended(known.status) && event.status === "in_progress")) {
    if (event.title) known.title = event.title;
    if (event.status) known.status = event.status;
    return;
  }
  if (known) known.id = `${id}:${turn.tools.length}`;
  if (turn.tools.length < TOOLS_MAX) {
    turn.tools.push({ id, title: event.title || id, status: event.status ?? "pending" });
  }
}

/** @param {string} status */
function ended(status) {
  return status === "completed" || status === "failed";
}

/** @param {Turn} turn @param {ActivityEvent} event */
function applyPermission(turn, event) {
  const request = event.request ?? 0;
  const known = request > 0 ? turn.permissions.find((one) => one.request === request) : undefined;
  if (known) known.state = event.state ?? known.state;
  else turn.permissions.push({ request, title: event.title ?? "", state: event.state ?? "asked" });
}

/** @param {string} text */
function bounded(text) {
  return text.length > TEXT_MAX ? text.slice(text.length - TEXT_MAX) : text;
}

/**
 * Tells turns which line they ended with, as the session's own record says it.
 *
 * @param {State} state
 * @param {import("./types.js").Detail} detail
 */
export function settleTurns(state, detail) {
  const { meta } = detail;
  for (const turn of state.turns.get(meta.id) ?? []) {
    if (turn.attempt === meta.attempt_id) {
      turn.state = "running";
      continue;
    }
    if (turn.attempt === meta.last_failed_attempt_id) turn.state = "failed";
    else turn.state = "done";
    if (turn.attempt === meta.last_completed_attempt_id) turn.line = meta.last_completed_line ?? null;
  }
}

/**
 * @param {State} state
 * @param {string} session
 * @param {string | undefined} attempt
 * @returns {Turn | undefined}
 */
export function runningTurn(state, session, attempt) {
  return state.turns.get(session)?.find((turn) => turn.attempt === attempt);
}
