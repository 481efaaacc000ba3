// A person connects an account where the vendor asks for a code, or for nothing but yes; or not even that.
//
//   node account.mjs '{"link": …, "heading": …, "fields": {NAME: VALUE}, "account": …,
//                      "device": true | false, "asks": true | false}'
//
// Prints everything that could hold a secret, as JSON: {"addresses", "history", "pages"}.
import assert from 'node:assert/strict';
import { agree, examine, history, launch, open } from './browser.mjs';

const { link, heading: title, fields, account, device, asks } = JSON.parse(process.argv[2]);
const browser = await launch();
if (!browser) process.exit(3);
const { page, seen } = await open(browser);
await page.context().route((url) => !['127.0.0.1', 'localhost'].includes(url.hostname), (route) => route.abort());
const found = [];
const pages = [];

async function heading(text) {
  await page.getByRole('heading', { level: 1, name: text }).waitFor();
  pages.push(await page.content());
}

await page.goto(link);
await heading(title);
const told = (await page.content()).includes(`${new URL(link).origin}/callback`);
assert.equal(told, !device, 'a redirect address is told where there is one');
if (!Object.keys(fields).length) assert.equal(await page.locator('input').count(), 0);
for (const [name, value] of Object.entries(fields)) await page.fill(`#f-${name}`, value);
await page.getByRole('button', { name: 'Continue to Vexillum' }).click();

if (device) {
  await heading('Enter this code at Vexillum');
  found.push(...(await examine(page, 'code')));
  const code = await page.locator('.entry').innerText();
  const address = await page.getByText(/^http.*device/).innerText();
  const vendor = await page.context().newPage();
  await vendor.goto(address);
  await vendor.fill('input[name=user_code]', code);
  await vendor.getByRole('button', { name: 'Continue' }).click();
  await vendor.getByRole('heading', { name: 'Confirm Device' }).waitFor();
  await vendor.getByRole('button', { name: 'Continue' }).click();
  await agree(vendor);
  await vendor.getByText('Sign-in Success').waitFor();
  await page.getByRole('link', { name: 'I have entered it' }).click();
}

if (asks && !device) await agree(page);
await heading('Vexillum is connected');
await page.getByText(account).waitFor();
found.push(...(await examine(page, 'account')));
assert.deepEqual(found, []);
const kept = await history(page);
assert.deepEqual(kept.filter((url) => /callback|verifier/.test(url)), []);
console.log(JSON.stringify({ addresses: seen.urls, history: kept, pages }));
await browser.close();
