// A headless Chromium for the tests: an installed one, or the one of the npm packages.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

const folder = process.env.HUSHGATE_PEERS;
const peers = createRequire(join(folder, 'peers.js'));
const { chromium } = peers('playwright-core');
const axe = readFileSync(peers.resolve('axe-core/axe.min.js'), 'utf8');

const INSTALLED = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const ELSEWHERE = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];

// What to start, and with which environment; undefined where there is no browser.
function program() {
  const named = process.env.HUSHGATE_CHROMIUM;
  if (named) return { executablePath: named };
  const folders = (process.env.PATH ?? '').split(delimiter);
  const installed = [...INSTALLED.flatMap((name) => folders.map((f) => join(f, name))), ...ELSEWHERE];
  const found = installed.find((path) => existsSync(path));
  if (found) return { executablePath: found };
  const unpacked = join(folder, 'chromium');
  if (!existsSync(join(unpacked, 'chromium'))) return undefined;
  return {
    executablePath: join(unpacked, 'chromium'),
    env: {
      ...process.env,
      FONTCONFIG_PATH: unpacked,
      LD_LIBRARY_PATH: join(unpacked, 'lib'),
    },
  };
}

// Starts the browser, with further options of playwright; null where there is none.
export async function launch(options = {}) {
  const what = program();
  if (!what) return null;
  // No sandbox: it needs rights that a container does not give, and only our own pages are opened.
  running = await chromium.launch({ ...options, ...what, chromiumSandbox: false, timeout: 60_000 });
  return running;
}

// A page with a record of everything that must stay clean.
export async function open(browser) {
  const context = await browser.newContext({ viewport: { width: 1024, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const seen = { urls: [], complaints: [] };
  page.on('request', (request) => seen.urls.push(request.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) seen.complaints.push(message.text());
  });
  page.on('pageerror', (error) => seen.complaints.push(String(error)));
  return { page, seen };
}

// The addresses in the page's own history.
export async function history(page) {
  const session = await page.context().newCDPSession(page);
  const { entries } = await session.send('Page.getNavigationHistory');
  return entries.map((entry) => entry.url);
}

// Everything that axe finds, and what does not fit, in light and dark and on wide and narrow screens.
export async function examine(page, state, schemes = ['light', 'dark'], widths = [1024, 320]) {
  const found = [];
  for (const colorScheme of schemes) {
    for (const width of widths) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      // Pages forbid scripts; the browser's own protocol is not bound by that.
      await page.evaluate(axe);
      const { violations, incomplete } = await page.evaluate(() => globalThis.axe.run());
      for (const { id, help, nodes } of [...violations, ...incomplete]) {
        const where = nodes.map((node) => node.html).join(' ');
        found.push(`${state}, ${colorScheme}, ${width}: ${id}: ${help}: ${where}`);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > width) found.push(`${state}, ${colorScheme}, ${width}: is ${wide} wide`);
      if (process.env.HUSHGATE_SCREENSHOTS) {
        const name = `${state}-${colorScheme}-${width}.png`;
        await page.screenshot({ path: join(process.env.HUSHGATE_SCREENSHOTS, name), fullPage: true });
      }
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1024, height: 900 });
  return found;
}

// At oidc-provider's own pages: signs in if it asks for that, and agrees.
export async function agree(page) {
  await page.waitForURL(/\/interaction\//);
  if (await page.locator('input[name=login]').count()) {
    await page.fill('input[name=login]', 'avery');
    await page.fill('input[name=password]', 'any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('heading', { name: 'Authorize' }).waitFor();
  }
  await page.getByRole('button', { name: 'Continue' }).click();
}

// The id, or the text, of what has the focus, and whether one sees it.
export async function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const style = getComputedStyle(element);
    const visible = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    const name = element === document.body ? 'BODY' : element.id || element.textContent.trim();
    return { name, visible };
  });
}

// Whoever reads of a failure wants to see what the person saw.
let running;
process.on('uncaughtException', async (error) => {
  console.error(error);
  for (const page of running?.contexts().flatMap((context) => context.pages()) ?? []) {
    const text = await page.evaluate(() => document.body.innerText).catch(() => 'nothing');
    console.error(`--- the page at ${page.url()} says:\n${text}`);
  }
  await running?.close();
  process.exit(1);
});
