// The first look: a login link leads to the page of the node.

import assert from 'node:assert/strict';
import { story } from './lib/story.mjs';

const test = story('coder');

test('a login link leads to the page', async ({ page, a }) => {
  await page.goto(`${a.web}/`);
  assert.match(await page.title(), /Starling/);
});
