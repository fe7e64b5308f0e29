// The first minute of a newcomer: the link leads to a page with one thing to do, and it is answered; the second device is
// three more clicks away.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './lib/browser.mjs';
import { line, openId, row } from './lib/hub.mjs';
import { Node } from './lib/node.mjs';
import { signIn } from './lib/story.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => void (browser = await launch()));
after(async () => void (await Promise.allSettled([browser?.close(), Node.closeAll()])));

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
  const [one, two] = await Promise.all([Node.fresh('alice'), Node.fresh('bob')]);
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
  const there = await signIn(browser, two);
  // The node is away for a moment while it begins anew.
  there.guard.expect(/Failed to load resource|ERR_/);
  await there.page.getByRole('link', { name: 'Join a workspace that exists' }).click();
  await there.page.getByLabel('Ticket', { exact: true }).fill(`starling join ${ticket}`);
  await there.page.getByRole('button', { name: 'Join', exact: true }).click();
  await there.page.locator('.self').getByText('@alice', { exact: true }).waitFor({ timeout: 40_000 });
  await two.shows(id);
  await there.page.getByRole('link', { name: 'Sessions' }).click();
  await row(there.page, id).click();
  await line(there.page, 2).waitFor();
  guard.check();
  there.guard.check();
});

test('a ticket that is none is refused where it was pasted, and nothing is lost', { timeout: 60_000 }, async () => {
  const node = await Node.fresh('carol');
  const { page, guard } = await signIn(browser, node);
  guard.expect(/4\d\d \(/);
  await page.getByRole('link', { name: 'Join a workspace that exists' }).click();
  await page.getByLabel('Ticket', { exact: true }).fill('starling1nonsense');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: /ticket/i }).waitFor();
  assert.equal(await page.getByLabel('Ticket', { exact: true }).inputValue(), 'starling1nonsense');
  assert.equal((await node.get('/status')).handle, 'carol');
  guard.check();
});
