/**
 * The page's own icons: strokes on a field of 24 by 24, in the colour of the text around them. They say nothing by
 * themselves, so screen readers pass them over; what they stand for is told by a label beside them.
 */

import { h } from "./dom.js";

const PATHS = {
  activity: ["M3 12h4l3-8 4 16 3-8h4"],
  agent: ["M5 9h14v10H5z", "M12 9V5", "M12 5h.01", "M9.5 13.5v1.5", "M14.5 13.5v1.5", "M2.5 13v3", "M21.5 13v3"],
  archive: ["M3 4h18v4H3z", "M5 8v12h14V8", "M10 12h4"],
  back: ["M15 5l-7 7 7 7"],
  check: ["M5 12.5l4.5 4.5L19 7"],
  checks: ["M2.5 12.5L7 17l8-9", "M11.5 16l1 1L21 8"],
  clock: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 7v5l3.5 2"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  copy: ["M9 9h11v11H9z", "M5 15H4V4h11v1"],
  device: ["M4.500 5h15v10.500h-15z", "M2 19.500h20"],
  disk: ["M5 4h11l3 3v13H5z", "M8 4v5h7V4", "M8 20v-6h8v6"],
  doctor: ["M12 20s-8-4.6-8-10.2A4.3 4.3 0 0 1 12 7a4.3 4.3 0 0 1 8 2.800C20 15.400 12 20 12 20z", "M7 12h3l1.500-3 2 5 1.200-2H17"],
  down: ["M6 9l6 6 6-6"],
  error: ["M12 3.500L22 20H2z", "M12 10v4", "M12 17h.01"],
  invite: ["M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z", "M2.500 20a6.500 6.500 0 0 1 13 0", "M19 8v6", "M16 11h6"],
  key: ["M8 20a5 5 0 1 1 4.300-7.500L21 12l-2 2.500-2-1.500-2 1.500-2.700-.5A5 5 0 0 1 8 20z", "M7 15h.01"],
  link: ["M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700l-1.500 1.500", "M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700l1.500-1.500"],
  members: ["M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z", "M2.500 20a6.500 6.500 0 0 1 13 0", "M15.500 4.500a3.500 3.500 0 0 1 0 6.500", "M18 14.500a6.500 6.500 0 0 1 3.500 5.500"],
  menu: ["M4 7h16", "M4 12h16", "M4 17h16"],
  offline: ["M3 3l18 18", "M8.500 15.500a5 5 0 0 1 6.500-.5", "M5 12a10 10 0 0 1 5-2.800", "M14 9.200A10 10 0 0 1 19 12", "M12 19h.01"],
  overview: ["M4 13a8 8 0 0 1 16 0", "M12 13l4-4", "M4 17h16"],
  pause: ["M9 5v14", "M15 5v14"],
  peers: ["M12 8a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z", "M5.500 21a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z", "M18.500 21a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z", "M11 8l-4.500 8", "M13 8l4.500 8", "M8 18.500h8"],
  pin: ["M9 4h6l-1 6 3 3H7l3-3z", "M12 13v7"],
  play: ["M7 5l12 7-12 7z"],
  plus: ["M12 5v14", "M5 12h14"],
  retry: ["M4 12a8 8 0 1 0 2.500-5.800L4 8.500", "M4 4v4.500h4.500"],
  search: ["M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13z", "M15.500 15.500L20 20"],
  send: ["M12 19V5", "M6 11l6-6 6 6"],
  sessions: ["M4 5h16v11H9l-5 4z"],
  stop: ["M7 7h10v10H7z"],
  sync: ["M4 11a8 8 0 0 1 14-4.500L20 9", "M20 4v5h-5", "M20 13a8 8 0 0 1-14 4.500L4 15", "M4 20v-5h5"],
  tool: ["M14.500 6.500a4 4 0 0 1 5-2l-2.500 2.500 1.500 1.500 2.500-2.500a4 4 0 0 1-5.500 5L8 18.500A2 2 0 0 1 5.500 16z"],
  unarchive: ["M3 4h18v4H3z", "M5 8v12h14V8", "M12 17v-6", "M9.500 13.500L12 11l2.500 2.500"],
};

/** @typedef {keyof typeof PATHS} IconName */

/** @type {Map<string, import("./dom.js").VElement>} */
const made = new Map();

/**
 * @param {IconName} name
 * @returns {import("./dom.js").VElement}
 */
export function icon(name) {
  const known = made.get(name);
  if (known) return known;
  const paths = PATHS[name].map((d) => h("path", { d }));
  const whole = h("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, paths);
  made.set(name, whole);
  return whole;
}
