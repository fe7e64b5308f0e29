// The browser of the tests: Chromium as the system has it, without a window, and without a way to any other host.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Where Chromium is: what `STARLING_CHROMIUM` names, or what the `PATH` has. @returns {string} */
function program() {
  const named = process.env.STARLING_CHROMIUM;
  if (named) return named;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(runs);
  if (!found) throw new Error(`no Chromium: none of ${NAMES.join(', ')} is in the PATH`);
  return found;
}

/** @param {string} path */
function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts it. It ends with this process. */
export function launch() {
  return chromium.launch({
    executablePath: program(),
    // Containers have no user namespaces for it, and pages of our own node are all that it loads.
    chromiumSandbox: false,
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}
