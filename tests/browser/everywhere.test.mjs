// What holds on every page, light and dark, at a desk and on the narrowest phone: it can be used by everybody, and nothing
// has to be looked for sideways.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible } from './lib/axe.mjs';
import { launch } from './lib/browser.mjs';
import { Node } from './lib/node.mjs';
import { places } from './lib/places.mjs';
import { signIn } from './lib/story.mjs';
import { workspace } from './lib/workspace.mjs';

const NARROW = { width: 360, height: 740 };

/** @type {import('./lib/workspace.mjs').Workspace} */
let world;
/** @type {import('playwright-core').Browser} */
let browser;
before(async () => void ([world, browser] = await Promise.all([workspace(), launch()])), { timeout: 90_000 });
after(async () => void (await Promise.allSettled([browser?.close(), Node.closeAll()])));

/**
 * Goes everywhere and collects what is wrong, so that one look shows all of it.
 * @param {import('playwright-core').BrowserContextOptions} options
 * @param {(page: import('playwright-core').Page, name: string) => Promise<unknown>} look
 */
async function everywhere(options, look) {
  const { page, guard } = await signIn(browser, world.a, options);
  const wrong = [];
  for (const place of places(world)) {
    try {
      await place.go(page);
      await look(page, place.name);
    } catch (error) {
      wrong.push(`${place.name}: ${/** @type {Error} */ (error).message.split('\n\n')[0]}`);
    }
    await place.leave?.(page).catch((error) => wrong.push(`${place.name}: ${error.message}`));
  }
  await page.context().close();
  assert.equal(wrong.length, 0, `\n${wrong.join('\n')}`);
  guard.check();
}

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`axe finds nothing on any page: ${colorScheme}`, { timeout: 120_000 }, () => everywhere({ colorScheme }, accessible));
}

for (const [name, viewport] of Object.entries({ phone: NARROW, tablet: { width: 900, height: 700 } })) {
  test(`axe finds nothing on a ${name}`, { timeout: 120_000 }, () => everywhere({ viewport }, accessible));
}

test('no page is wider than the narrowest phone', { timeout: 120_000 }, () =>
  everywhere({ viewport: NARROW, hasTouch: true, isMobile: true }, async (page) => {
    const { wide, cut } = await page.evaluate(() => {
      /** Whether one can scroll to it within something, or is not meant to see it. @param {Element} element @returns {boolean} */
      const excused = (element) => {
        for (let at = element.parentElement; at; at = at.parentElement) {
          const { overflowX, clipPath } = getComputedStyle(at);
          if (clipPath !== 'none' || (['auto', 'scroll'].includes(overflowX) && at.scrollWidth > at.clientWidth)) return true;
        }
        return false;
      };
      const beyond = [...document.querySelectorAll('main *, nav *, #layer *')].filter((element) => {
        const { right, width } = element.getBoundingClientRect();
        return width > 1 && right > innerWidth + 1 && element.checkVisibility() && !excused(element);
      });
      return {
        wide: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth,
        cut: beyond.map((element) => `${element.tagName.toLowerCase()}.${element.getAttribute('class') ?? ''}`).slice(0, 4),
      };
    });
    assert.ok(wide <= 0, `${wide} px too wide`);
    assert.equal(cut.length, 0, `beyond the edge: ${cut.join(', ')}`);
  }));

test('who is not signed in is told how, and sees nothing', async () => {
  const context = await browser.newContext({ viewport: NARROW });
  const page = await context.newPage();
  await page.goto(world.a.web);
  await page.getByRole('heading', { name: 'Sign in to this node' }).waitFor();
  await page.getByText('starling open').waitFor();
  assert.equal(await page.locator('.session-row').count(), 0);
  await accessible(page, 'sign-in');
  await page.goto(await world.a.loginLink());
  await page.waitForURL(`${world.a.web}/`);
  await page.locator('.session-row').first().waitFor();
  await context.close();
});
