// A thousand sessions: how long it takes until the list is there, and how long the page is ever busy while somebody scrolls,
// searches, and sessions go on. The figures are printed; what is asserted leaves room for a busy machine.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './lib/browser.mjs';
import { field, line, row, show } from './lib/hub.mjs';
import { Node } from './lib/node.mjs';
import { DESK, signIn } from './lib/story.mjs';
import { until } from './lib/wait.mjs';

const SESSIONS = 1_000;
/** Milliseconds that are far too long for anybody. */
const PAINTED_MAX = 10_000;
const TASK_MAX = 1_500;

const WORDS = 'amber birch cedar dune ember fjord grove heath islet jetty knoll lagoon marsh north ocean prairie'.split(' ');

/** @type {Node} */
let node;
/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  [node, browser] = await Promise.all([Node.founded('alice'), launch()]);
  await node.host('coder');
  // Nobody answers these: the agent's policy leaves us out.
  await node.cli('agent', 'add', 'quiet', '--demo', '--allow', 'bob');
  for (let at = 0; at < SESSIONS; at += 20) await Promise.all(Array.from({ length: 20 }, (_, more) => make(at + more)));
}, { timeout: 120_000 });
after(async () => void (await Promise.allSettled([browser?.close(), Node.closeAll()])));

/** @param {number} number */
async function make(number) {
  const words = Array.from({ length: 12 }, (_, at) => WORDS[(number * 7 + at * (number % 5 + 1)) % WORDS.length]);
  const id = await node.open('quiet', `${words.join(' ')} number-${number}`);
  if (number % 2) await node.post(`/im/quick-sessions/${id}/title`, { title: `${words.slice(0, 4).join(' ')} ${number}` });
}

/** Notes every task that keeps the page busy for longer than 50 ms. */
function noteTasks() {
  const notes = /** @type {any} */ (globalThis);
  notes.tasks = [];
  new PerformanceObserver((list) => notes.tasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: 'longtask', buffered: true });
}

/**
 * The longest task while something is done, in milliseconds; 0 when none took 50.
 * @param {import('playwright-core').Page} page @param {() => Promise<void>} work
 */
async function longest(page, work) {
  await page.evaluate(() => { /** @type {any} */ (globalThis).tasks.length = 0; });
  await work();
  await page.waitForTimeout(300);
  return page.evaluate(() => Math.round(Math.max(0, .../** @type {any} */ (globalThis).tasks)));
}

test('a thousand sessions are listed, scrolled, searched and kept up to date without a jam', { timeout: 120_000 }, async () => {
  const { page, guard } = await signIn(browser, node, { viewport: DESK });
  await page.addInitScript(noteTasks);
  const begun = Date.now();
  await page.reload();
  await page.locator('.session-row').first().waitFor();
  const painted = Date.now() - begun;
  await until('all of them', async () => (await page.evaluate(() => document.querySelectorAll('.session-row').length)) === SESSIONS, 20_000);
  const whole = Date.now() - begun;
  const loading = await page.evaluate(() => Math.round(Math.max(0, .../** @type {any} */ (globalThis).tasks)));

  const scrolling = await longest(page, async () => {
    await page.locator('.session-row').first().hover();
    for (let at = 0; at < 40; at += 1) await page.mouse.wheel(0, 900);
    await until('to have scrolled', () => page.evaluate(() => (document.querySelector('[data-list]')?.scrollTop ?? 0) > 5_000));
  });

  const search = page.getByLabel('Search titles and messages');
  const searching = await longest(page, async () => {
    await search.pressSequentially('number-77', { delay: 40 });
    await until('11 hits', async () => (await page.locator('.session-row').count()) === 11);
    await search.fill('');
    await until('all of them again', async () => (await page.evaluate(() => document.querySelectorAll('.session-row').length)) === SESSIONS);
  });

  const id = await node.open('coder', 'And one more');
  await row(page, id).waitFor();
  await show(page, id);
  const writing = await longest(page, async () => {
    await field(page, id).pressSequentially('Do the keys keep up with my fingers?', { delay: 20 });
    await field(page, id).press('Enter');
    await line(page, 4).waitFor();
  });

  const figures = { painted, whole, loading, scrolling, searching, writing };
  console.log(`measured: ${SESSIONS} sessions: first row after ${painted} ms, all after ${whole} ms; longest task while loading ${loading} ms, `
    + `scrolling ${scrolling} ms, searching ${searching} ms, writing and being answered ${writing} ms`);
  assert.ok(painted < PAINTED_MAX, JSON.stringify(figures));
  assert.ok(Math.max(loading, scrolling, searching, writing) < TASK_MAX, JSON.stringify(figures));
  await page.context().close();
  guard.check();
});
