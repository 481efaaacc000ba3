// A person with a keyboard and no mouse fills in the form: wrong, refused by the vendor, right.
//
//   node form.mjs '{"link": …, "secret": …, "account": …}'
import assert from 'node:assert/strict';
import { examine, focused, history, launch, open } from './browser.mjs';

const { link, secret, account } = JSON.parse(process.argv[2]);
const browser = await launch();
if (!browser) process.exit(3);
const { page, seen } = await open(browser);
const found = [];

// Presses Tab until the focus is on `name`; every stop on the way must be visible.
async function tabTo(name) {
  for (let stops = 0; stops < 30; stops += 1) {
    const now = await focused(page);
    assert.ok(now.visible || now.name === 'BODY', `the focus on ${now.name} is not to be seen`);
    if (now.name === name) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab never reaches ${name}`);
}

async function heading(text) {
  await page.getByRole('heading', { level: 1, name: text }).waitFor();
}

// What must be true of every page.
async function look(state) {
  found.push(...(await examine(page, state)));
  assert.equal(await page.evaluate(() => document.scripts.length), 0);
  assert.ok(!(await page.content()).includes(secret), `the secret is in the page: ${state}`);
  assert.ok(!page.url().includes(link.split('/enter/')[1]), `the link's secret is in the address: ${state}`);
}

await page.goto(link);
await heading('Connect Vexillum');
await look('form');

// Nothing is filled in but a secret.
assert.equal((await focused(page)).name, 'f-ACCOUNT');
await tabTo('f-CLIENT_SECRET');
await page.keyboard.type(secret);
await tabTo('Check and connect');
const posted = page.waitForRequest((request) => request.method() === 'POST');
await page.keyboard.press('Enter');
const { origin: own, referer } = await (await posted).allHeaders();
assert.equal(own, new URL(link).origin);
assert.ok(referer.startsWith(`${own}/`));
await page.getByRole('alert').waitFor();
await look('form-errors');
assert.match(await page.title(), /^Error: /);
assert.equal((await focused(page)).name, 'f-ACCOUNT', 'the first wrong field has the focus');
const described = await page.locator('#f-ACCOUNT').evaluate((field) =>
  field.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent));
assert.ok(described.some((text) => /enter the account id/i.test(text)), described.join('; '));
assert.equal(await page.locator('#f-CLIENT_SECRET').inputValue(), '');

// The summary leads to the field.
await page.getByRole('alert').getByRole('link', { name: 'Client id' }).focus();
await page.keyboard.press('Enter');
await page.keyboard.press('Tab');
assert.notEqual((await focused(page)).name, 'BODY');

// Filled in; the vendor refuses once.
for (const [field, text] of [['f-ACCOUNT', 'acct-7'], ['f-CLIENT_ID', 'client-7']]) {
  await page.locator(`#${field}`).focus();
  await page.keyboard.type(text);
}
await page.keyboard.press('Enter');
await page.getByText('The vendor’s answer').waitFor();
await look('form-failure');
assert.equal(await page.locator('#f-CLIENT_ID').inputValue(), 'client-7');

// The page between leaves nothing behind when it goes on by itself.
const before = await history(page);
assert.deepEqual(before.filter((url) => url.endsWith('/wait')), []);

// Now it accepts. The page between is held for a look before it goes on.
const home = (url) => /^\/[^/]{20,}\/$/.test(url.pathname);
await page.route(home, (route) => route.abort('aborted'));
await tabTo('Check and connect');
await page.keyboard.press('Enter');
await heading('One moment');
await look('between');
await page.unroute(home);
await tabTo('Go on now');
await page.keyboard.press('Enter');
await heading('Vexillum is connected');
await page.getByText(account).waitFor();
await page.getByText('You can close this page').waitFor();
await look('success');

const addresses = [...(await history(page)), ...seen.urls];
for (const part of [secret, encodeURIComponent(secret)]) {
  assert.ok(!addresses.some((url) => url.includes(part)), 'the secret is in an address');
}
assert.ok(!(await history(page)).some((url) => url.includes('/enter/')), 'the link is in the history');
const origin = new URL(link).origin;
assert.deepEqual(seen.urls.filter((url) => !url.startsWith(`${origin}/`)), [], 'nothing is loaded from elsewhere');
const { cookies, origins } = await page.context().storageState();
assert.deepEqual(origins, []);
assert.deepEqual(cookies.map(({ httpOnly, sameSite }) => [httpOnly, sameSite]), [[true, 'Strict']]);
assert.deepEqual(seen.complaints, []);
assert.deepEqual(found, []);

// Going back shows no more of it. The command has ended, or does so any moment.
await page.goBack().catch(() => {});
await page.waitForTimeout(1_000);
const values = await page.locator('input, textarea').evaluateAll((all) => all.map((field) => field.value));
assert.ok(!values.includes(secret));
assert.ok(!(await page.content()).includes(secret));
await browser.close();
