/** The pages about the node, in the order in which they are listed. */

import { activity } from "./activity.js";
import { agents } from "./agents.js";
import { dialog } from "./dialog.js";
import { doctor } from "./doctor.js";
import { invites } from "./invites.js";
import { members } from "./members.js";
import { overview } from "./overview.js";
import { peers } from "./peers.js";
import { sync } from "./sync.js";

/**
 * @typedef {object} Page
 * @property {string} name in the address
 * @property {string} title
 * @property {import("../core/icons.js").IconName} icon
 * @property {(here: import("../core/router.js").Place) => import("../core/dom.js").Child[]} view
 */

/** @type {Page[]} */
export const PAGES = [
  { name: "overview", title: "Overview", icon: "overview", view: overview },
  { name: "activity", title: "Activity", icon: "activity", view: activity },
  { name: "agents", title: "Agents", icon: "agent", view: () => [...agents(), dialog()] },
  { name: "peers", title: "Peers", icon: "peers", view: peers },
  { name: "sync", title: "Sync", icon: "sync", view: sync },
  { name: "members", title: "Members", icon: "members", view: () => [...members(), dialog()] },
  { name: "invites", title: "Invites", icon: "invite", view: () => [...invites(), dialog()] },
  { name: "doctor", title: "Doctor", icon: "doctor", view: doctor },
];
