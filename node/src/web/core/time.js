/**
 * Times for people: in this browser's language and zone, relative where that is easier to grasp. Input is RFC 3339.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "long" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });

/** @param {Date} date */
function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/**
 * `just now`, `5 min`, `14:32`, `Tue 3 Mar`: short, for the edge of a row.
 *
 * @param {string} text
 * @param {number} [now] ms
 */
export function short(text, now = Date.now()) {
  const at = new Date(text);
  const ago = now - at.getTime();
  if (ago < MINUTE) return "now";
  if (ago < HOUR) return `${Math.floor(ago / MINUTE)} min`;
  if (midnight(at) === midnight(new Date(now))) return clock.format(at);
  return at.getFullYear() === new Date(now).getFullYear() ? day.format(at) : dayOfYear.format(at);
}

/**
 * `3 minutes ago`, `2 days ago`.
 *
 * @param {string | null | undefined} text
 * @param {number} [now] ms
 */
export function ago(text, now = Date.now()) {
  if (!text) return "never";
  const passed = now - new Date(text).getTime();
  if (passed < 5_000) return "just now";
  return `${span(passed)} ago`;
}

/**
 * `in 23 hours`, `expired`.
 *
 * @param {string} text
 * @param {number} [now] ms
 */
export function until(text, now = Date.now()) {
  const left = new Date(text).getTime() - now;
  // Seven days that were just begun are seven days.
  return left <= 0 ? "expired" : `in ${span(left + MINUTE)}`;
}

/**
 * @param {number} ms
 * @returns {string} in the largest unit that fits
 */
export function span(ms) {
  const units = /** @type {const} */ ([[DAY, "day"], [HOUR, "hour"], [MINUTE, "minute"], [1_000, "second"]]);
  for (const [unit, name] of units) {
    const count = Math.floor(ms / unit);
    if (count >= 1) return `${count} ${name}${count === 1 ? "" : "s"}`;
  }
  return "less than a second";
}

/**
 * The heading under which a day's sessions stand.
 *
 * @param {string} text
 * @param {number} [now] ms
 */
export function dayName(text, now = Date.now()) {
  const at = new Date(text);
  const days = Math.round((midnight(new Date(now)) - midnight(at)) / DAY);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days < 7) return weekday.format(at);
  return at.getFullYear() === new Date(now).getFullYear() ? day.format(at) : dayOfYear.format(at);
}

/** @param {string} text */
export function exact(text) {
  return full.format(new Date(text));
}

/** @param {string} text */
export function clockOf(text) {
  return clock.format(new Date(text));
}
