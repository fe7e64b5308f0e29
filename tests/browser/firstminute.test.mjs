// The first minute of a newcomer: the link leads to a page with one thing to do, and it is answered; the second device is
// three more clicks away.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './lib/browser.mjs';
import { line, openId } from './lib/hub.mjs';
import { Node } from './lib/node.mjs';
import { signIn } from './lib/story.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => void (browser = await launch()));
after(async () => void (await browser?.close()));

/** A page that counts what is clicked. @param {import('playwright-core').Page} page */
function clicks(page) {
  let count = 0;
  return {
    /** @param {import('playwright-core').Locator} locator */
    on: async (locator) => {
      count += 1;
      await locator.click();
    },
    get count() {
      return count;
    },
  };
}

test('from the login link to the first answer in three clicks, and to a second device in three more', { timeout: 90_000 }, async () => {
  const one = await Node.fresh('alice');
  const { page, guard } = await signIn(browser, one);
  const click = clicks(page);
  await page.getByRole('heading', { name: 'Say hello to your first agent' }).waitFor();
  await click.on(page.getByRole('button', { name: 'Start' }));
  const id = await openId(page);
  await line(page, 2).waitFor();
  assert.ok(click.count <= 3, `${click.count} clicks to the first answer`);

  const more = clicks(page);
  await more.on(page.getByRole('link', { name: 'Add a device' }));
  await more.on(page.getByRole('button', { name: 'Make a ticket' }));
  const ticket = await page.locator('[data-copy="ticket"] code').textContent() ?? '';
  assert.ok(more.count <= 3, `${more.count} clicks to the ticket`);
  const other = new Node();
  await other.cli('join', ticket);
  await other.up();
  await other.shows(id);
  await other.close();

  guard.check();
  await page.context().close();
  await one.close();
});
