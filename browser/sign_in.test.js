// A person signs in, looks around and out, in a browser.

import assert from 'node:assert/strict';
import test from 'node:test';

import { barriers, open, signIn } from './chromium.js';
import { owner, start } from './world.js';

test('a person signs in, looks around and out', async (t) => {
  const world = await start();
  t.after(world.stop);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;

  await page.goto(world.url);
  assert.equal(new URL(page.url()).pathname, '/user/login', 'strangers are asked to sign in');
  assert.deepEqual(await barriers(page), []);
  await signIn(page, world.url, owner);
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Projects');
  assert.deepEqual(await barriers(page), []);
  assert.deepEqual(browser.complaints, []);

  await page.getByText(owner.email).click();
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByLabel('Password').waitFor();
  await page.goto(world.url);
  assert.equal(new URL(page.url()).pathname, '/user/login', 'the session is over');
});
