// Other sites in the same browser try to use the session that is open in it. They know everything
// about the pages but the cookie: even the path under which the pages are.
//
//   node hostile.mjs '{"link": …}'
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { launch, open } from './browser.mjs';

const { link } = JSON.parse(process.argv[2]);
const port = new URL(link).port;
// A name that an attacker has bound to this machine.
const REBOUND = 'rebound.attacker.example';
const browser = await launch({ args: [`--host-resolver-rules=MAP *.attacker.example 127.0.0.1`] });
if (!browser) process.exit(3);
const { page } = await open(browser);
await page.goto(link);
const title = page.getByRole('heading', { level: 1, name: 'Connect Vexillum' });
await title.waitFor();
const base = page.url();

// The attacker's pages; each does what its script says as soon as it is opened.
const form = (place) => `
  const form = document.createElement('form');
  form.method = 'post';
  form.action = '${base}${place}';
  for (const [name, value] of [['ACCOUNT', 'evil'], ['CLIENT_ID', 'evil'], ['CLIENT_SECRET', 'evil']]) {
    form.append(Object.assign(document.createElement('input'), { name, value }));
  }
  document.body.append(form);
  form.submit();`;
const script = {
  '/answers': form('answers'),
  '/cancel': form('cancel'),
  '/fetch': `
    globalThis.outcomes = Promise.all(['no-cors', 'cors'].flatMap((mode) => ['GET', 'POST'].map((method) =>
      fetch('${base}' + (method === 'GET' ? '' : 'cancel'), {
        method, mode, credentials: 'include',
        ...(method === 'POST' && { body: new URLSearchParams({ ACCOUNT: 'evil' }) }),
      }).then((answer) => answer.text(), () => ''))));`,
  '/frame': `
    const frame = Object.assign(document.createElement('iframe'), { src: '${base}', width: 900, height: 900 });
    globalThis.loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
    document.body.append(frame);`,
  '/window': `
    globalThis.opened = window.open('${base}');`,
  '/style': `
    const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: 'http://127.0.0.1:${port}/style.css' });
    globalThis.loaded = new Promise((resolve) => {
      link.addEventListener('load', () => resolve('loaded'));
      link.addEventListener('error', () => resolve('refused'));
    });
    document.head.append(link);`,
};
const attacker = createServer((request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end(`<!doctype html><body><script>${script[request.url] ?? ''}</script>`);
});
attacker.listen(0, '127.0.0.1');
await once(attacker, 'listening');
const evil = attacker.address().port;

// The session is as it was.
async function untouched(attack) {
  await page.goto(base);
  assert.equal(await title.count(), 1, attack);
  assert.equal(await page.getByRole('alert').count(), 0, `${attack}: the form was sent`);
  assert.equal(await page.locator('#f-ACCOUNT').inputValue(), '', attack);
}

// Another site, and another program on this machine, whose requests carry the cookie's site.
for (const host of [`evil.attacker.example:${evil}`, `127.0.0.1:${evil}`]) {
  const other = await page.context().newPage();
  const visit = async (path) => {
    await other.goto(`http://${host}${path}`);
    await other.waitForLoadState('networkidle');
  };

  for (const path of ['/answers', '/cancel']) {
    await visit(path);
    await other.getByText('This is not served').waitFor();
    await untouched(`${host}${path}`);
  }
  await visit('/fetch');
  const read = await other.evaluate(() => globalThis.outcomes);
  assert.deepEqual(read.filter((text) => text.includes('Vexillum')), [], host);
  await untouched(`${host}/fetch`);

  await visit('/frame');
  await other.evaluate(() => globalThis.loaded);
  const framed = other.frames().filter((frame) => frame !== other.mainFrame());
  for (const frame of framed) assert.ok(!(await frame.content()).includes('Vexillum'), host);

  const popup = page.context().waitForEvent('page');
  await visit('/window');
  const opened = await popup;
  await opened.waitForLoadState();
  const reach = await other.evaluate(() => {
    try { return globalThis.opened.document?.body.textContent ?? 'nothing'; } catch { return 'refused'; }
  });
  assert.ok(!reach.includes('Vexillum'), `${host}: ${reach}`);
  await opened.close();

  await visit('/style');
  assert.equal(await other.evaluate(() => globalThis.loaded), 'refused', `${host} learns that we are here`);
  await other.close();
}

// A name bound to this machine is another origin to the browser, and no host of ours.
const rebound = await page.context().newPage();
for (const url of [base, link]) {
  const answer = await rebound.goto(url.replace('127.0.0.1', REBOUND));
  assert.equal(answer.status(), 403, url);
  assert.ok(!(await rebound.content()).includes('Vexillum'));
}

// The link was for one browser, once.
const { page: thief } = await open(browser);
assert.equal((await thief.goto(link)).status(), 403);
assert.equal((await thief.goto(base)).status(), 403);
assert.deepEqual((await thief.context().storageState()).cookies, []);

await untouched('all');
attacker.close();
await browser.close();
