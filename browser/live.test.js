// Nobody has to refresh, and nothing is lost or silent when the server refuses, or is away.

import assert from 'node:assert/strict';
import test from 'node:test';

import { barriers, open, signIn } from './chromium.js';
import { apiOf, byKey, putBlob, synced } from './sample.js';
import { owner, start } from './world.js';

const CONFIG = '<View><Image name="image" value="$image"/><Choices name="kind" toName="image"><Choice value="good"/></Choices></View>';

/** A world with a source of two blobs, which was not synced yet, and a person signed in at it. */
async function begin(t) {
  const world = await start();
  t.after(world.stop);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;
  await signIn(page, world.url, owner);
  const api = apiOf(world.url);
  const project = await api('POST', '/api/projects', { title: 'Cats', label_config: CONFIG });
  for (const name of ['1.png', '2.png']) await putBlob(world, 'media', name, 'x', 'image/png');
  const source = await api('POST', '/api/storages/azure', byKey(world, project.id, 'media', { use_blob_urls: true }));
  const sync = () => synced(api, `/api/storages/azure/${source.id}`);
  // A page that is loaded again has not this mark.
  const mark = () => page.evaluate(() => { document.body.dataset.mark = 'kept'; });
  const isMarked = () => page.evaluate(() => document.body.dataset.mark === 'kept');
  return { world, browser, page, api, project, source, sync, mark, isMarked };
}

test('the first page shows what happens meanwhile', async (t) => {
  const { world, page, api, sync, mark, isMarked } = await begin(t);
  await page.goto(world.url);
  const card = page.locator('.card', { hasText: 'Cats' });
  await card.getByText('not run yet').waitFor();
  await mark();
  await sync();
  await card.getByText('completed').waitFor();
  await card.getByText('0 of 2 tasks labeled').waitFor();

  // A search brings cards that are live again.
  await page.getByLabel('Find a project').fill('Ca');
  await page.waitForURL(/search=Ca/);
  await card.waitFor();
  await api('POST', '/api/projects', { title: 'Camels' });
  await page.getByRole('link', { name: 'Camels' }).waitFor();
  assert.ok(await isMarked());
  assert.deepEqual(await barriers(page), []);
});

test('a project without tasks shows them when they come, and how far it is', async (t) => {
  const { world, page, api, project, sync, mark, isMarked } = await begin(t);
  await page.goto(`${world.url}/projects/${project.id}`);
  await page.getByRole('heading', { name: 'No tasks yet' }).waitFor();
  await sync();
  await page.locator('.tile').nth(1).waitFor();

  await page.goto(`${world.url}/projects/${project.id}/exports`);
  await page.getByText('0 annotations of 0 labeled tasks').waitFor();
  await mark();
  const { tasks } = await api('GET', `/api/tasks?project=${project.id}`);
  const result = [{ from_name: 'kind', to_name: 'image', type: 'choices', value: { choices: ['good'] } }];
  await api('POST', `/api/tasks/${tasks[0].id}/annotations`, { result });
  await page.getByText('1 of 2 tasks labeled').waitFor();
  await page.getByText('1 annotations of 1 labeled tasks').waitFor();
  assert.ok(await isMarked());
});

test('a filter that is refused keeps the list and says why', async (t) => {
  const { world, page, api, project, sync } = await begin(t);
  await sync();
  await page.goto(`${world.url}/projects/${project.id}`);
  await page.locator('.tile').nth(1).waitFor();
  await api('DELETE', `/api/projects/${project.id}`);
  await page.getByLabel('State').selectOption('labeled');
  await page.locator('#said').getByText('No Project matches').waitFor();
  assert.equal(await page.locator('.tile').count(), 2);
});

test('who is signed out is led to the sign-in page and back', async (t) => {
  const { world, browser, page, source } = await begin(t);
  const address = `${world.url}/storages/${source.id}`;
  await page.goto(address);
  const sync = page.getByRole('button', { name: 'Sync now' });
  await sync.waitFor();
  await browser.context.clearCookies();
  await sync.click();
  await page.getByLabel('Password').waitFor();
  await page.getByLabel('E-mail').fill(owner.email);
  await page.getByLabel('Password').fill(owner.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(address);
});

test('a live part says since when it is not live', async (t) => {
  const { world, browser, page, source, sync } = await begin(t);
  await page.goto(`${world.url}/storages/${source.id}`);
  await page.getByText('not synced yet').waitFor();
  // The session ends elsewhere.
  const { cookies } = await browser.context.storageState();
  const session = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  const left = await fetch(`${world.url}/user/logout`, {
    method: 'POST', redirect: 'manual', headers: { cookie: session, origin: world.url },
  });
  assert.equal(left.status, 303);
  const line = page.getByText(/^You are signed out: this is how it was at/);
  await line.waitFor();
  assert.match(await line.getByRole('link', { name: 'Sign in' }).getAttribute('href'), /next=%2Fstorages%2F/);
  assert.deepEqual(await barriers(page), []);

  // Signed in again in another window, it goes on by itself.
  const other = await browser.context.newPage();
  await signIn(other, world.url, owner);
  await other.close();
  await line.waitFor({ state: 'detached' });
  await sync();
  await page.getByText('2 new tasks.').waitFor();
});
