// A project's tasks: tiles with what the tasks show, filters and paging by keyboard, and what is
// done to many at once.

import assert from 'node:assert/strict';
import test from 'node:test';

import { barriers, open, signIn } from './chromium.js';
import { apiOf, full, mediaFile, putBlob } from './sample.js';
import { owner, start, token } from './world.js';

const PHONE = { width: 390, height: 844 };

/** The tile of a blob. */
const tile = (page, name) => page.locator('.tile', { has: page.locator('.tile-name', { hasText: name }) });

/** Waits until `ask` answers something true. */
async function eventually(what, ask) {
  const until = Date.now() + 30_000;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > until) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function prepare(t) {
  const world = await start();
  t.after(world.stop);
  const api = apiOf(world.url);
  const made = await full(world, api);
  const browser = await open();
  t.after(browser.close);
  await signIn(browser.page, world.url, owner);
  return { ...made, ...browser, world, api, address: `${world.url}/projects/${made.project.id}` };
}

test('each tile shows what its task is about, or why not', async (t) => {
  const { page, complaints, address } = await prepare(t);
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(address);

  const picture = tile(page, 'coffee.png').locator('img');
  await eventually('a picture', () => picture.evaluate((img) => img.complete && img.naturalWidth));
  const width = await picture.evaluate((img) => img.naturalWidth);
  assert.ok(width <= 320, `${width}`);
  await tile(page, 'coin.wav').locator('svg path').waitFor();
  await tile(page, 'coin.wav').getByText(/^Audio, \d\.\d s$/).waitFor();
  await tile(page, 'licence.txt').locator('.tile-lines').waitFor();
  await tile(page, 'broken.png').getByText('not a picture').waitFor();
  const film = tile(page, 'earth.mp4').locator('video');
  await eventually('a frame of the film', () => film.evaluate((video) => video.readyState >= 2));
  // The small picture, never the blob; a film only in parts.
  assert.ok(asked.some((path) => /^\/tasks\/\d+\/thumbnail\/\w+$/.test(path)));

  // What was made is in the first HTML of the next visit.
  asked.length = 0;
  await page.reload();
  await picture.waitFor();
  await tile(page, 'coin.wav').locator('svg path').waitFor();
  const fragments = asked.filter((path) => /^\/tasks\/\d+\/thumbnail$/.test(path));
  assert.ok(fragments.length <= 2, `only the film and what has failed: ${fragments}`);

  const name = await tile(page, 'coffee.png').getByRole('link').innerText();
  assert.match(name.replace(/\s+/g, ' '), /coffee\.png.*(To do|Labeled).*annotation/);
  assert.deepEqual(await barriers(page), []);
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.deepEqual(await barriers(page), []);
  await page.setViewportSize(PHONE);
  const over = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(await over(), 0);
  await page.goto(`${address}?view=list`);
  assert.equal(await over(), 0);
  assert.deepEqual(await barriers(page), []);
  assert.deepEqual(complaints, []);
});

test('filters work by keyboard and are in the address', async (t) => {
  const { page, complaints, address } = await prepare(t);
  await page.goto(address);
  const tiles = page.locator('.tile');
  const all = await tiles.count();
  assert.ok(all >= 6, `${all}`);

  await page.getByLabel('State').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.waitForURL(/state=labeled/);
  await eventually('two labeled tasks', async () => (await tiles.count()) === 2);
  await page.reload();
  assert.equal(await tiles.count(), 2);
  assert.equal(await page.getByLabel('State').inputValue(), 'labeled');

  await page.getByRole('link', { name: 'Clear filters' }).click();
  await page.getByLabel('Name or text').fill('COFFEE');
  await page.keyboard.press('Enter');
  await page.waitForURL(/text=COFFEE/);
  await eventually('one task', async () => (await tiles.count()) === 1);
  await page.getByLabel('Name or text').fill('no such thing');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'No task matches' }).waitFor();
  assert.deepEqual(await barriers(page), []);
  assert.deepEqual(complaints, []);
});

test('many tasks are paged both ways', async (t) => {
  const { page, api, world } = await prepare(t);
  const project = await api('POST', '/api/projects', {
    title: 'Notes',
    label_config: '<View><Text name="text" value="$text"/><Choices name="c" toName="text"><Choice value="a"/></Choices></View>',
  });
  const notes = Array.from({ length: 150 }, (_, at) => ({ text: `<b>note</b> ${at}` }));
  await api('POST', `/api/projects/${project.id}/import`, notes);
  await page.goto(`${world.url}/projects/${project.id}`);
  const tiles = page.locator('.tile');
  const first = () => tiles.first().locator('.tile-lines').innerText();
  assert.equal(await tiles.count(), 60);
  // Tags are letters.
  assert.equal((await first()).trim(), '<b>note</b> 0');
  await page.getByRole('link', { name: 'Next 60' }).click();
  await eventually('the second page', async () => (await first()).trim() === '<b>note</b> 60');
  await page.getByRole('link', { name: 'Next 60' }).click();
  await eventually('the third page', async () => (await tiles.count()) === 30);
  assert.equal(await page.getByRole('link', { name: 'Next 60' }).count(), 0);
  await page.getByRole('link', { name: 'Back', exact: true }).click();
  await eventually('the second page', async () => (await first()).trim() === '<b>note</b> 60');
  await page.getByRole('link', { name: 'First', exact: true }).click();
  await eventually('the first page', async () => (await first()).trim() === '<b>note</b> 0');

  // All of them can be chosen, also those of other pages; and all that a filter leaves.
  await page.getByLabel('All 150 tasks of the project').check();
  await page.getByText('0 selected').waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Delete tasks…' }).click();
  await page.getByRole('heading', { name: 'Delete 150 tasks?' }).waitFor();
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByLabel('Name or text').fill('note</b> 1');
  await page.keyboard.press('Enter');
  await page.waitForURL(/text=note/);
  await page.getByLabel('All that match, on every page').check();
  await page.getByRole('button', { name: 'Delete tasks…' }).click();
  await page.getByRole('heading', { name: 'Delete 61 tasks?' }).waitFor();
  assert.deepEqual(await barriers(page), []);
  await page.getByRole('button', { name: 'Delete 61 tasks' }).click();
  await page.getByText('61 tasks were deleted.').waitFor();
  assert.equal((await api('GET', `/api/projects/${project.id}`)).task_number, 89);
});

test('a film that a filter brings plays from where it lies', async (t) => {
  const { page, api, complaints, source, address } = await prepare(t);
  await api('PATCH', `/api/storages/azure/${source.id}`, { presign: true });
  await page.goto(`${address}?text=coffee`);
  await tile(page, 'coffee.png').waitFor();
  await page.getByLabel('Name or text').fill('earth');
  await page.keyboard.press('Enter');
  const film = tile(page, 'earth.mp4').locator('video');
  await eventually('a frame of the film', () => film.evaluate((video) => video.readyState >= 2));
  assert.deepEqual(complaints, []);
});

test('a long search goes on by itself and says when it is at its end', async (t) => {
  const { page, api, complaints, world } = await prepare(t);
  const project = await api('POST', '/api/projects', {
    title: 'Many notes',
    label_config: '<View><Text name="text" value="$text"/><Choices name="c" toName="text"><Choice value="a"/></Choices></View>',
  });
  // More than one request looks at.
  const count = 60_000;
  const notes = Array.from({ length: count }, (_, at) => ({ text: `note ${at}` }));
  await api('POST', `/api/projects/${project.id}/import`, notes);
  const steps = [];
  page.on('request', (request) => {
    if (request.url().includes('&part')) steps.push(request.url());
  });
  await page.goto(`${world.url}/projects/${project.id}?text=note+${count - 1}`);
  await page.getByText('That is all: every task was searched.').waitFor();
  assert.equal(await page.locator('.tile').count(), 1);
  assert.ok(steps.length >= 1, 'in steps');
  await page.goto(`${world.url}/projects/${project.id}?view=list&text=nowhere`);
  await page.getByText('No task matches: every task was searched.').waitFor();
  assert.deepEqual(await barriers(page), []);
  // Without scripts the same search is a link away.
  const html = await (await fetch(`${world.url}/projects/${project.id}?text=nowhere`, {
    headers: { authorization: `Token ${token}` },
  })).text();
  assert.match(html, /Searched [\d,]+ of 60,000 tasks so far\..*Search on/s);
  assert.deepEqual(complaints, []);
});

test('tasks that arrive meanwhile are told, and nothing moves until asked', async (t) => {
  const { page, api, world, source, address } = await prepare(t);
  await page.goto(address);
  const tiles = page.locator('.tile');
  const before = await tiles.count();
  const live = page.waitForResponse((answer) => answer.url().endsWith('/events'));
  await page.reload();
  await live;
  await putBlob(world, 'media', 'photos/new.png', await mediaFile('05-clock_motion.png'), 'image/png');
  await api('POST', `/api/storages/azure/${source.id}/sync`, {});
  const show = page.getByRole('link', { name: 'Show them' });
  await show.waitFor();
  assert.equal(await tiles.count(), before);
  await eventually('the new task', async () => {
    if (await show.count()) await show.click();
    return (await tiles.count()) === before + 1;
  });
  await tile(page, 'new.png').locator('img').waitFor();
});

test('chosen tasks are deleted after a question that says the numbers', async (t) => {
  const { page, api, complaints, project, address } = await prepare(t);
  await page.goto(`${address}?view=list`);
  const boxes = page.locator('input[name=task]');
  const all = await boxes.count();
  // By keyboard one, and with Shift a range: the first three.
  await boxes.first().focus();
  await page.keyboard.press('Space');
  await page.getByText('1 selected').waitFor();
  await boxes.nth(2).click({ modifiers: ['Shift'] });
  await page.getByText('3 selected').waitFor();
  assert.deepEqual(await barriers(page), []);

  await page.getByRole('button', { name: 'Delete annotations…' }).click();
  await page.getByRole('heading', { name: 'Delete 2 annotations?' }).waitFor();
  assert.deepEqual(await barriers(page), []);
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.waitForURL(/view=list/);
  assert.equal((await api('GET', `/api/projects/${project.id}`)).num_tasks_with_annotations, 2);

  await page.getByLabel('All on this page').check();
  await page.getByText(`${all} selected`).waitFor();
  await boxes.nth(0).uncheck();
  await page.getByRole('button', { name: 'Delete tasks…' }).click();
  await page.getByRole('heading', { name: `Delete ${all - 1} tasks?` }).waitFor();
  await page.getByText('With them go 1 annotation.').waitFor();
  await page.getByRole('button', { name: `Delete ${all - 1} tasks` }).click();
  await page.getByText(`${all - 1} tasks were deleted.`).waitFor();
  assert.equal(await boxes.count(), 1);
  assert.match(page.url(), /view=list/);
  const left = await api('GET', `/api/projects/${project.id}`);
  assert.deepEqual([left.task_number, left.num_tasks_with_annotations], [1, 1]);

  // Nothing chosen is said, not done.
  await page.getByRole('button', { name: 'Delete tasks…' }).click();
  await page.getByRole('heading', { name: 'Nothing is selected' }).waitFor();
  assert.deepEqual(complaints, []);
});
