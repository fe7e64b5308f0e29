// Pictures of every page, light and dark, on a desk and on a phone: `node screenshots.mjs FOLDER [NAME...]`. The workspace is
// that of lib/workspace.mjs; with names, only places whose name contains one of them.

import { mkdirSync } from 'node:fs';
import { launch } from './lib/browser.mjs';
import { Node } from './lib/node.mjs';
import { places } from './lib/places.mjs';
import { signIn } from './lib/story.mjs';
import { workspace } from './lib/workspace.mjs';

const [folder, ...names] = process.argv.slice(2);
if (!folder) throw new Error('node screenshots.mjs FOLDER [NAME...]');
mkdirSync(folder, { recursive: true });

const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

const [world, browser] = await Promise.all([workspace(), launch()]);
try {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      const phone = size === 'phone' ? { hasTouch: true, isMobile: true, deviceScaleFactor: 2 } : {};
      const { page, guard } = await signIn(browser, world.a, { viewport, colorScheme, ...phone });
      for (const place of places(world)) {
        if (names.length && !names.some((name) => place.name.includes(name))) continue;
        await place.go(page);
        await page.waitForTimeout(300);
        await page.screenshot({ path: `${folder}/${place.name}-${size}-${colorScheme}.png` });
        await place.leave?.(page);
      }
      await page.context().close();
      guard.wrong.forEach((what) => console.error(`${size} ${colorScheme}: ${what}`));
    }
  }
} finally {
  await Promise.allSettled([browser.close(), Node.closeAll()]);
}
