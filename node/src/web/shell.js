/**
 * What is around every page: the ways to the others, the banners, and the layer above (panel, card, notices). Which page is
 * shown is decided here, by the place in the address.
 */

import { h } from "./core/dom.js";
import { icon } from "./core/icons.js";
import { link } from "./core/router.js";
import { changed, company, state } from "./core/store.js";
import { isUnread } from "./core/keep.js";
import { dismiss, ui } from "./core/ui.js";
import { previewCard } from "./hub/chip.js";
import { KEYS } from "./hub/keys.js";
import { listPane } from "./hub/list.js";
import { newSession, welcome } from "./hub/newsession.js";
import { keepInside, openQuick, quickPanel } from "./hub/quickopen.js";
import { thread } from "./hub/thread.js";
import { PAGES } from "./pages/pages.js";

/** @typedef {import("./core/router.js").Place} Place */

/** @param {Place} here */
export function shell(here) {
  if (state.standing === "signed_out") return signIn();
  const shown = main(here);
  return h(
    "div",
    { class: `shell ${ui.menu ? "menu-open" : ""}` },
    h("a", { class: "skip", href: "#main", on: { click: skip } }, "Skip to the content"),
    navigation(here),
    h("main", { id: "main", class: `main ${shown.kind}`, tabindex: "-1" }, banners(), shown.nodes),
  );
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/**
 * @param {Place} here
 * @returns {{kind: string, nodes: import("./core/dom.js").Child[]}}
 */
function main(here) {
  const page = PAGES.find((each) => each.name === here.page);
  if (page) return { kind: "page-main", nodes: [h("div", { key: page.name, class: "page scroll" }, page.view(here))] };
  if (here.page === "new") return { kind: "hub show-detail", nodes: [h("div", { class: "hub-panes" }, listPane("new"), newSession())] };
  const detail = here.id ? thread(here.id, here.line) : welcome();
  const kind = here.id || (state.listed.open === "all" && state.sessions.size === 0) ? "hub show-detail" : "hub show-list";
  return { kind, nodes: [h("div", { class: "hub-panes" }, listPane(here.id), detail)] };
}

/** @param {Place} here */
function navigation(here) {
  const unread = [...state.sessions.values()].filter((item) => !item.archived && isUnread(item)).length;
  const asking = state.permissions.length;
  const sessions = here.page === "sessions" || here.page === "new";
  return h(
    "nav",
    { class: "nav", "aria-label": "Pages" },
    h(
      "div",
      { class: "nav-head" },
      h("a", { class: "brand", href: link("sessions") }, h("img", { src: "/web/icon.svg", alt: "", width: "24", height: "24" }), h("span", null, "Starling")),
      h(
        "button",
        { type: "button", class: "icon-button menu-button", "aria-label": "Pages", "aria-expanded": String(ui.menu), on: { click: () => ((ui.menu = !ui.menu), changed()) } },
        icon(ui.menu ? "close" : "menu"),
      ),
    ),
    h(
      "button",
      { type: "button", class: "quick-button", "aria-keyshortcuts": "Control+K Meta+K", on: { click: openQuick } },
      icon("search"), h("span", { class: "label" }, "Go to…"), h("kbd", null, "Ctrl K"),
    ),
    h(
      "ul",
      { class: "nav-list" },
      entry("sessions", "Sessions", "sessions", sessions, unread),
      PAGES.map((page) => entry(page.name, page.title, page.icon, here.page === page.name, page.name === "activity" ? asking : 0)),
    ),
    self(),
  );
}

/**
 * @param {string} page
 * @param {string} name
 * @param {import("./core/icons.js").IconName} sign
 * @param {boolean} current
 * @param {number} count
 */
function entry(page, name, sign, current, count) {
  const badge = count > 0 ? h("span", { class: "badge", "aria-label": `${count} new` }, count > 99 ? "99+" : count) : null;
  return h("li", { key: page }, h("a", { href: link(page), "aria-current": current ? "page" : null }, icon(sign), h("span", { class: "label" }, name), badge));
}

/** Who this is, and how it stands with the others. */
function self() {
  const { status } = state;
  if (!status) return null;
  const { others, online } = company();
  const words = !state.live ? "no connection to the node" : status.paused ? "sync is paused" : others === 0 ? "only device" : among(others, online);
  const on = state.live && !status.paused && (online > 0 || others === 0);
  return h(
    "a",
    { class: "self", href: link("overview") },
    h("span", { class: `dot ${on ? "dot-on" : "dot-off"}`, "aria-hidden": "true" }),
    h("span", null, h("b", null, `@${status.handle}`), h("span", { class: "small quiet block" }, `${status.label} · ${words}`)),
  );
}

/** @param {number} others @param {number} online */
function among(others, online) {
  if (others === 1) return online === 1 ? "other device online" : "other device offline";
  return `${online} of ${others} other devices online`;
}

function banners() {
  const { others, online } = company();
  if (state.standing === "unreachable" || (state.standing === "ready" && !state.live)) {
    return banner("node", "warn", "This node does not answer. What you write stays in its field; the page goes on by itself when the node is back.");
  }
  if (state.status?.revoked) {
    return banner("revoked", "warn", "This device is no longer a member of the workspace: it shows what it has, and cannot write.");
  }
  if (state.status?.paused) {
    return banner("paused", "info", "Sync is paused on this node: nothing is sent or received.", h("a", { href: link("sync") }, "Resume"));
  }
  if (state.live && others > 0 && online === 0) {
    return banner("offline", "info", "Offline: no other device is reached. What you write is saved here, and delivered when they meet.", h("a", { href: link("peers") }, "Peers"));
  }
  return null;
}

/**
 * @param {string} key
 * @param {string} kind
 * @param {string} text
 * @param {import("./core/dom.js").Child} [more]
 */
function banner(key, kind, text, more) {
  return h("div", { key, class: `banner banner-${kind}`, role: "status", "data-banner": key }, icon("offline"), h("span", null, text), more);
}

function signIn() {
  return h(
    "main",
    { key: "sign-in", class: "sign-in" },
    h(
      "div",
      { class: "card" },
      h("img", { src: "/web/icon.svg", alt: "", width: "56", height: "56" }),
      h("h1", null, "Sign in to this node"),
      h("p", null, "For a login link that is good once, run this in a terminal on the node's machine:"),
      h("pre", null, h("code", null, "starling open")),
      h("p", { class: "quiet small" }, "It opens this page, signed in. With ", h("code", null, "--print"), " it prints the link for another browser on the same machine."),
      h("button", { type: "button", on: { click: () => location.reload() } }, icon("retry"), "Try again"),
    ),
  );
}

/** What lies above the page. */
export function layer() {
  return [
    quickPanel(),
    ui.help ? helpDialog() : null,
    previewCard(),
    h(
      "div",
      { key: "toasts", class: "toasts", role: "status", "aria-live": "polite" },
      ui.toasts.map((toast) =>
        h(
          "div",
          { key: String(toast.number), class: `toast toast-${toast.kind}` },
          h("span", null, toast.text),
          h("button", { type: "button", class: "icon-button", "aria-label": "Dismiss", on: { click: () => dismiss(toast.number) } }, icon("close")),
        ),
      ),
    ),
  ];
}

function helpDialog() {
  const close = () => {
    ui.help = false;
    changed();
  };
  return h(
    "div",
    { key: "help", class: "overlay", on: { mousedown: (event) => event.target === event.currentTarget && close() } },
    h(
      "div",
      { class: "card help", role: "dialog", "aria-modal": "true", "aria-label": "Keys", on: { keydown: (event) => event.key === "Tab" && keepInside(event) } },
      h("h2", null, "Keys"),
      h("dl", { class: "keys" }, KEYS.map(([key, what]) => [h("dt", null, h("kbd", null, key)), h("dd", null, what)])),
      h("button", { type: "button", class: "primary", made: (/** @type {HTMLElement} */ button) => button.focus(), on: { click: close } }, "Close"),
    ),
  );
}
