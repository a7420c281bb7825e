// Every page that links lead to: no dead link, nothing in the way of people with disabilities,
// nothing wider than a telephone, light and dark, no complaint of the browser, nothing foreign.

import assert from 'node:assert/strict';
import test from 'node:test';

import { THEIRS } from './annotating.js';
import { barriers, open, signIn } from './chromium.js';
import { apiOf, full } from './sample.js';
import { owner, start } from './world.js';

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 800 };

/** Addresses that differ only in ids are one page. */
const pattern = ({ pathname, searchParams }) =>
  pathname.replace(/[0-9a-f-]{36}|\d+/g, 'ID') + [...searchParams.keys()].sort().map((key) => `&${key}`).join('');

/** Media, downloads and the editor's files are no pages. */
const isPage = ({ pathname }) =>
  !/^\/(tasks|api|editor|static|metrics|invite)\b/.test(pathname) && !pathname.includes('/download');

/** Visits everything from `/` on; what is wrong, a line each. */
async function crawl(browser, url) {
  const { page, complaints } = browser;
  const foreign = [];
  page.on('request', (request) => {
    const at = new URL(request.url());
    if (at.protocol.startsWith('http') && at.origin !== url) foreign.push(`${page.url()} asks ${at.origin}`);
  });
  const wrong = [];
  const seen = new Set();
  const queue = ['/'];
  while (queue.length > 0) {
    const path = queue.shift();
    const at = new URL(path, url);
    if (seen.has(pattern(at))) continue;
    seen.add(pattern(at));
    const answer = await page.goto(at.href);
    if (!answer.ok()) wrong.push(`${path}: ${answer.status()}`);
    for (const line of await barriers(page, THEIRS)) wrong.push(`${path}: ${line}`);
    await page.emulateMedia({ colorScheme: 'dark' });
    for (const line of await barriers(page, THEIRS)) wrong.push(`${path}, dark: ${line}`);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize(PHONE);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) wrong.push(`${path}: ${over} px too wide for a telephone`);
    await page.setViewportSize(DESK);
    const links = await page.locator('a[href]').evaluateAll((all) => all.map((link) => link.href));
    for (const link of links.map((href) => new URL(href))) {
      if (link.origin === url && isPage(link)) queue.push(link.pathname + link.search);
    }
  }
  return { wrong: [...wrong, ...complaints, ...foreign], seen: [...seen] };
}

test('every page of an empty Longshore is in order', async (t) => {
  const world = await start();
  t.after(world.stop);
  const browser = await open();
  t.after(browser.close);
  await signIn(browser.page, world.url, owner);
  const { wrong, seen } = await crawl(browser, world.url);
  assert.deepEqual(wrong, []);
  assert.ok(seen.length >= 6, seen.join('\n'));
});

test('every page of a Longshore at work is in order', async (t) => {
  const world = await start();
  t.after(world.stop);
  await full(world, apiOf(world.url));
  const browser = await open();
  t.after(browser.close);
  await signIn(browser.page, world.url, owner);
  const { wrong, seen } = await crawl(browser, world.url);
  assert.deepEqual(wrong, []);
  assert.ok(seen.length >= 15, seen.join('\n'));
  t.diagnostic(`${seen.length} pages`);
});

test('a person who only labels finds every page that they are shown', async (t) => {
  const world = await start();
  t.after(world.stop);
  const api = apiOf(world.url);
  await full(world, api);
  const { browser, password, email } = await annotator(t, world, api);
  await signIn(browser.page, world.url, { email, password });
  const { wrong } = await crawl(browser, world.url);
  assert.deepEqual(wrong, []);
});

/** Somebody who accepted an invitation to label, in a browser of their own. */
async function annotator(t, world, api) {
  const email = 'ann@longshore.example';
  const password = 'a long enough password';
  const invite = await api('POST', '/api/invites', { email, role: 'annotator' });
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;
  await page.goto(invite.url ?? invite.invite_url);
  for (const field of await page.getByLabel(/password/i).all()) await field.fill(password);
  await page.locator('main form button').first().click();
  return { browser, email, password };
}
