// Waiting for something to come true, for a bounded time.

import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds of the longest ordinary wait: far more than anything takes, even on a busy machine. */
export const PATIENCE_MS = 30_000;

/**
 * Asks until the answer is true, and returns it.
 * @template T
 * @param {string} what is waited for
 * @param {() => T | Promise<T>} ask
 * @returns {Promise<Exclude<T, false | undefined | null>>}
 */
export async function until(what, ask, limit = PATIENCE_MS) {
  const end = Date.now() + limit;
  for (;;) {
    const found = await ask();
    if (found) return /** @type {Exclude<T, false | undefined | null>} */ (found);
    if (Date.now() > end) throw new Error(`waited ${limit} ms in vain for ${what}`);
    await sleep(25);
  }
}
