// A person connects an account by the vendor's consent; the vendor is oidc-provider with its own pages.
//
//   node consent.mjs '{"link": …, "client": …, "secret": …, "account": …}'
//
// Prints everything that could hold a secret, as JSON: {"addresses", "history", "pages"}.
import assert from 'node:assert/strict';
import { agree, examine, history, launch, open } from './browser.mjs';

const { link, client, secret, account } = JSON.parse(process.argv[2]);
const browser = await launch();
if (!browser) process.exit(3);
const { page, seen } = await open(browser);
// The vendor's pages want a font from the internet.
await page.context().route((url) => !['127.0.0.1', 'localhost'].includes(url.hostname), (route) => route.abort());
const origin = new URL(link).origin;
const found = [];
const pages = [];

async function heading(text) {
  await page.getByRole('heading', { level: 1, name: text }).waitFor();
  pages.push(await page.content());
}

async function look(state) {
  found.push(...(await examine(page, state)));
}

await page.goto(link);
await heading('Connect Vexillum');
assert.ok((await page.content()).includes(`${origin}/callback`), 'the redirect address is told');
await page.fill('#f-CLIENT_ID', client);
await page.fill('#f-CLIENT_SECRET', secret);
const home = page.url();
await page.getByRole('button', { name: 'Continue to Vexillum' }).click();

// The person looks at the setup's own tab again while the vendor asks.
await page.waitForURL(/\/interaction\//);
const vendor = page.url();
assert.ok(!vendor.startsWith(origin));
await page.goto(home);
await heading('Waiting for Vexillum');
await look('waiting');

// Says no first.
await page.getByRole('link', { name: 'Continue to Vexillum' }).click();
await page.waitForURL(/\/interaction\//);
await page.getByRole('link', { name: /cancel/i }).click();
await page.getByRole('alert').waitFor();
pages.push(await page.content());
await look('denied');
assert.equal(await page.locator('#f-CLIENT_ID').inputValue(), client);
assert.equal(await page.locator('#f-CLIENT_SECRET').inputValue(), '');

// Then yes.
await page.getByRole('button', { name: 'Continue to Vexillum' }).click();
await agree(page);
await heading('Vexillum is connected');
await page.getByText(account).waitFor();
await look('connected');

const kept = await history(page);
assert.deepEqual(kept.filter((url) => /callback|code=|\/enter\//.test(url)), [], 'what the vendor sent is in the history');
const complaints = seen.complaints.filter((text) => !/ERR_FAILED|fonts\.googleapis/.test(text));
assert.deepEqual(complaints.filter((text) => text.includes(origin)), []);
assert.deepEqual(found, []);
console.log(JSON.stringify({ addresses: seen.urls, history: kept, pages }));
await browser.close();
