// What holds on every page in every test: no error on the console, none uncaught, nothing that the content security policy
// had to refuse, and no request to anything but the node. A test that provokes a refusal says which words it expects.

import assert from 'node:assert/strict';

/** @typedef {import('playwright-core').BrowserContext} BrowserContext */

/** Runs in the page, before its own code. */
function reportViolations() {
  document.addEventListener('securitypolicyviolation', (event) =>
    console.error(`policy: ${event.violatedDirective} refuses ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`),
  );
}

/** Watches all pages of a browser context. */
export class Guard {
  /** @param {BrowserContext} context @param {string[]} origins that may be asked */
  constructor(context, origins) {
    /** @type {string[]} */
    this.wrong = [];
    /** @type {RegExp[]} */
    this.expected = [];
    this.ready = context.addInitScript(reportViolations);
    context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.note(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (error) => this.note(`uncaught: ${error.error().stack ?? error.error()}`));
    context.on('request', (request) => {
      const url = request.url();
      const known = /^(data|blob|about):/.test(url) || origins.includes(new URL(url).origin);
      if (!known) this.note(`a request to another place: ${url}`);
    });
  }

  /** Says that this will be on the console, and is meant to. @param {RegExp} words */
  expect(words) {
    this.expected.push(words);
  }

  /** @param {string} what */
  note(what) {
    this.wrong.push(what);
  }

  /** Nothing was wrong until now. */
  check() {
    const wrong = this.wrong.filter((what) => !this.expected.some((words) => words.test(what)));
    assert.deepEqual(wrong, [], 'the browser has to complain about nothing');
  }
}
