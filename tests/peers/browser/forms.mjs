// Looks at many forms as axe does, narrow and dark: there the least fits and contrast is hardest.
//
//   node forms.mjs '{"forms": [{"name": …, "link": …, "fields": […]}]}'
import assert from 'node:assert/strict';
import { examine, launch, open } from './browser.mjs';

const { forms } = JSON.parse(process.argv[2]);
const browser = await launch();
if (!browser) process.exit(3);
const found = [];
for (const { name, link, fields } of forms) {
  const { page, seen } = await open(browser);
  await page.goto(link);
  await page.getByRole('heading', { level: 1, name: /^Connect / }).waitFor();
  found.push(...(await examine(page, name, ['dark'], [320])));
  const asked = await page.locator('input, textarea, select').evaluateAll((all) => all.map((e) => e.name));
  assert.deepEqual(asked.filter((field) => field !== 'HUSHGATE_TARGET_HOST'), fields, name);
  const unmasked = page.locator('input[type=text]');
  for (const field of await unmasked.all()) assert.equal(await field.getAttribute('autocomplete'), 'off');
  assert.deepEqual(seen.complaints, [], name);
  await page.context().close();
}
assert.deepEqual(found, []);
await browser.close();
