/**
 * The way to the node: JSON in, JSON out. A refusal becomes an `ApiError` with the stable code and the node's own words; a
 * node that does not answer becomes one with the code `unreachable`. The cookie of the login goes with each request by
 * itself.
 */

/** A refusal, or no answer. */
export class ApiError extends Error {
  /**
   * @param {string} code stable, such as `quick_session_archived`
   * @param {string} detail for people
   * @param {number} status of HTTP; 0 when there was no answer
   */
  constructor(code, detail, status) {
    super(detail);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
  }
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export const get = (path) => call("GET", path);

/**
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export const post = (path, body) => call("POST", path, body ?? {});

/**
 * With a body, because of its type: the node takes no write without one from a browser.
 *
 * @param {string} path
 * @returns {Promise<any>}
 */
export const remove = (path) => call("DELETE", path, {});

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
async function call(method, path, body) {
  /** @type {RequestInit} */
  const init = { method };
  if (body) {
    init.body = JSON.stringify(body);
    init.headers = { "content-type": "application/json" };
  }
  const response = await answer(path, init);
  const json = await response.json().catch(() => null);
  if (response.ok) return json;
  const code = json?.code ?? `http_${response.status}`;
  throw new ApiError(code, json?.detail ?? json?.title ?? `the node answered ${response.status}`, response.status);
}

/**
 * @param {string} path
 * @param {RequestInit} init
 */
async function answer(path, init) {
  try {
    return await fetch(path, init);
  } catch {
    throw new ApiError("unreachable", "this node does not answer; is `starling up` running?", 0);
  }
}

/**
 * A name for a write, so that the same write again is the same write.
 *
 * @returns {string}
 */
export function requestId() {
  return `web-${crypto.randomUUID()}`;
}

/**
 * What to tell a person of anything that was thrown.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function words(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Sessions of the list, page by page.
 *
 * @param {Record<string, string | undefined>} filter
 * @returns {Promise<{sessions: import("./types.js").Item[], next_cursor?: string}>}
 */
export function listSessions(filter) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value) query.set(name, value);
  return get(`/im/quick-sessions?${query}`);
}

/**
 * Path of a session.
 *
 * @param {string} id
 * @param {string} [what] such as `messages`
 */
export function sessionPath(id, what) {
  const path = `/im/quick-sessions/${encodeURIComponent(id)}`;
  return what ? `${path}/${what}` : path;
}
