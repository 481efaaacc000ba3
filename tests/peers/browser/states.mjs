// Opens pages that need no keys pressed, and looks at each as axe does.
//
//   node states.mjs '{"pages": [{"name": …, "link": …, "path": …, "press": […], "heading": …}]}'
//
// `link` is opened, then `path` if there is one, then each button of `press` is pressed.
import assert from 'node:assert/strict';
import { examine, launch, open } from './browser.mjs';

const { pages } = JSON.parse(process.argv[2]);
const browser = await launch();
if (!browser) process.exit(3);
const found = [];
for (const { name, link, path, press, heading } of pages) {
  const { page, seen } = await open(browser);
  await page.goto(link);
  await page.getByRole('heading', { level: 1, name: /^(Connect|Reconnect) / }).waitFor();
  if (path) await page.goto(new URL(path, link).href);
  for (const button of press ?? []) await page.getByRole('button', { name: button }).click();
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  found.push(...(await examine(page, name)));
  const complaints = seen.complaints.filter((text) => !/status of 40[0-9]/.test(text));
  assert.deepEqual(complaints, [], name);
  await page.context().close();
}
assert.deepEqual(found, []);
await browser.close();
