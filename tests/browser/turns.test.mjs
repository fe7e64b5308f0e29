// Turns that do not simply end in an answer: they ask, they fail, they are stopped, they wait.

import assert from 'node:assert/strict';
import { field, gone, line, row, show } from './lib/hub.mjs';
import { connected } from './lib/pair.mjs';
import { story } from './lib/story.mjs';

const test = story('coder', 'asker', 'breaker', 'sleeper');

for (const [button, state, answer] of /** @type {const} */ ([['Allow once', 'Allowed', 'allow'], ['Refuse', 'Refused', 'refuse']])) {
  test(`a permission is asked for on the device of the agent, and the answer is heard: ${answer}`, async ({ page, a, b, signedIn }) => {
    const id = await a.open('asker', 'Tidy up.');
    const there = await signedIn(b);
    await show(page, id);
    await show(there, id);
    const card = there.getByRole('group', { name: '@asker asks for a permission' });
    await card.getByText('Delete the old logs').waitFor();
    await page.getByText('answered on the device that hosts the agent').waitFor();
    await row(page, id).getByText('Asks', { exact: true }).waitFor();
    await row(there, id).getByText('Asks you').waitFor();
    await card.getByRole('button', { name: button }).click();
    await gone(card);
    await line(page, 2).getByText('Done as you said.').waitFor();
    await gone(page.getByRole('group', { name: '@asker asks for a permission' }));
    await line(there, 2).locator('details.turn summary').first().click();
    await line(there, 2).getByText(`${state}: Delete the old logs`).waitFor();
  });
}

test('a turn that fails says why, and is tried again by button', async ({ page, a, b }) => {
  const id = await a.open('breaker', 'Will it hold?');
  await show(page, id);
  const card = page.getByRole('alert').filter({ hasText: '@breaker did not finish' });
  await card.waitFor();
  const reason = (await a.shows(id, (session) => session.meta.status === 'error')).meta.error;
  assert.match(reason, /^crashed/);
  await card.getByText(reason.slice(0, 40)).waitFor();
  await row(page, id).getByText('Failed').waitFor();
  await b.host('breaker', 'set_title It holds', 'reply It does now.');
  await card.getByRole('button', { name: 'Retry' }).click();
  await line(page, 2).getByText('It does now.').waitFor();
  await gone(card);
  await gone(row(page, id).getByText('Failed'));
});

test('a turn is stopped by button, and the session can be written in', async ({ page, a }) => {
  const id = await a.open('sleeper', 'Wake up!');
  await show(page, id);
  await page.locator('[data-live]').getByText('Zzz').waitFor();
  await row(page, id).getByText('Working').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await gone(page.locator('[data-live]'));
  await a.shows(id, (session) => session.meta.status !== 'running');
  await gone(row(page, id).getByText('Working'));
  await field(page, id).waitFor();
});

test('a message shows that it is on the other device before anybody takes it up', async ({ page, a }) => {
  const id = await a.open('sleeper', 'Wake up!');
  await show(page, id);
  await page.locator('[data-live]').getByText('Zzz').waitFor();
  await field(page, id).fill('And then make coffee.');
  await field(page, id).press('Enter');
  await line(page, 2).locator('[data-delivery="delivered"]').getByText('on the other device').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
});

test('when the other device goes, it is said, sessions wait for it, and they go on when it is back', async ({ page, a, b }) => {
  const banner = page.locator('[data-banner="offline"]');
  await page.getByText('other device online').waitFor();
  await gone(banner);
  await b.stop();
  await banner.getByText('Offline').waitFor();
  await connected(a, false);
  const id = await a.open('coder', 'For later');
  await row(page, id).getByText('Waiting').waitFor();
  await show(page, id);
  await page.getByText('It waits:').waitFor();
  await field(page, id).fill('And one more thing.');
  await field(page, id).press('Enter');
  await line(page, 2).locator('[data-delivery="saved"]').waitFor();
  await b.up();
  await gone(banner);
  await line(page, 2).locator('[data-delivery="answered"]').waitFor();
  await gone(page.getByText('It waits:'));
  await gone(row(page, id).getByText('Waiting'));
}, { timeout: 90_000 });

test('when the node itself goes, the page says so, keeps what was written, and goes on by itself', async ({ page, a, guard }) => {
  guard.expect(/Failed to load resource|ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY_RESPONSE/);
  const id = await a.open('coder', 'Before the fall');
  await a.shows(id);
  await show(page, id);
  await line(page, 2).waitFor();
  await field(page, id).fill('Not sent yet');
  await a.stop();
  const banner = page.locator('[data-banner="node"]');
  await banner.getByText('does not answer').waitFor();
  await field(page, id).press('Enter');
  await page.locator(`[data-composer="${id}"]`).getByRole('alert').waitFor();
  assert.equal(await field(page, id).inputValue(), 'Not sent yet');
  await a.up();
  await gone(banner);
  await field(page, id).press('Enter');
  await line(page, 4).getByText('Not sent yet').first().waitFor();
}, { timeout: 90_000 });
