// The tests of one file: two nodes and one browser for all of them, and a signed-in page with a guard for each.

import { after, before, test } from 'node:test';
import { launch } from './browser.mjs';
import { Guard } from './guard.mjs';
import { Node } from './node.mjs';
import { pair } from './pair.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').BrowserContextOptions} Options */
/** @typedef {{ a: Node, b: Node, page: Page, guard: Guard, signedIn: (node: Node, options?: Options) => Promise<Page> }} World */
/** @typedef {{ options?: Options, timeout?: number }} Settings */

/** Milliseconds for what the page should do at once, and for a whole test. */
const STEP_MS = 15_000;
const TEST_MS = 60_000;

/** A desk that fits all columns. */
export const DESK = { width: 1280, height: 800 };

/**
 * Begins a file's tests: `b` hosts these agents. What comes back makes one test of a name and a body.
 * @param {string[]} agents
 */
export function story(...agents) {
  /** @type {import('./pair.mjs').Pair} */
  let nodes;
  /** @type {import('playwright-core').Browser} */
  let browser;
  before(async () => void ([nodes, browser] = await Promise.all([pair(...agents), launch()])), { timeout: TEST_MS });
  after(async () => void (await Promise.allSettled([browser?.close(), Node.closeAll()])), { timeout: TEST_MS });

  /** @param {string} name @param {(world: World) => Promise<void>} body @param {Settings} [settings] */
  return (name, body, settings = {}) => {
    test(name, { timeout: settings.timeout ?? TEST_MS }, async () => {
      const opened = [await signIn(browser, nodes.a, settings.options)];
      const [{ page, guard }] = opened;
      try {
        const signedIn = async (/** @type {Node} */ node, /** @type {Options} */ options = {}) => {
          const more = await signIn(browser, node, options);
          opened.push(more);
          return more.page;
        };
        await body({ a: nodes.a, b: nodes.b, page, guard, signedIn });
        for (const { guard } of opened) guard.check();
      } catch (error) {
        for (const one of opened) await describe(one.page, one.guard);
        throw error;
      } finally {
        for (const { page } of opened) await page.context().close();
      }
    });
  };
}

/** A page that is signed in at a node, in a browser context of its own. @param {import('playwright-core').Browser} browser @param {Node} node @param {Options} [options] */
export async function signIn(browser, node, options = {}) {
  const context = await browser.newContext({ viewport: DESK, locale: 'en-GB', reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(STEP_MS);
  const guard = new Guard(context, [node.web]);
  await guard.ready;
  const page = await context.newPage();
  await page.goto(await node.loginLink());
  // The link leads on to the page by itself.
  await page.waitForURL(`${node.web}/`);
  await page.getByRole('main').waitFor();
  return { page, guard };
}

/** Says what a page shows, for whoever reads of a failure. @param {Page} page @param {Guard} guard */
async function describe(page, guard) {
  const seen = await page.locator('body').ariaSnapshot({ timeout: 2_000 }).catch((error) => String(error));
  console.error(`--- ${page.url()} shows\n${seen}\n--- the browser complained of\n${guard.wrong.join('\n')}`);
  const folder = process.env.STARLING_SHOTS;
  if (folder) await page.screenshot({ path: `${folder}/failed-${Date.now()}.png` }).catch(() => {});
}
