// A person connects containers, watches them come in, mends what fails, and sees annotations go out.

import assert from 'node:assert/strict';
import test from 'node:test';

import { barriers, open, signIn } from './chromium.js';
import { apiOf, byKey, putBlob, synced } from './sample.js';
import { administrator, owner, start } from './world.js';

const CONFIG = '<View><Image name="image" value="$image"/><Choices name="kind" toName="image"><Choice value="good"/></Choices></View>';

const button = (page, name) => page.getByRole('button', { name, exact: true });
const field = (page, name) => page.getByRole('textbox', { name });
const radio = (page, name) => page.getByRole('radio', { name });

/** A world with a person signed in at it. */
async function begin(t) {
  const world = await start();
  t.after(world.stop);
  const browser = await open();
  t.after(browser.close);
  await signIn(browser.page, world.url, owner);
  const api = apiOf(world.url);
  const project = await api('POST', '/api/projects', { title: 'Cats', label_config: CONFIG });
  return { world, browser, page: browser.page, api, project };
}

/** A page without barriers, which needs no scrolling sideways on a telephone. */
async function good(page, name) {
  assert.deepEqual(await barriers(page), [], name);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${name} is ${over} too wide`);
  await page.setViewportSize(size);
}

/** Nothing was blocked and nothing threw; forms that are refused answer 400 on purpose. */
function quiet({ complaints }) {
  assert.deepEqual(complaints.filter((text) => !text.includes('Failed to load resource')), []);
}

test('a container is connected by an account key, and comes in while one watches', async (t) => {
  const { world, browser, page, api, project } = await begin(t);
  for (const name of ['cats/1.png', 'cats/2.PNG', 'notes.txt']) await putBlob(world, 'media', name, 'x', 'image/png');
  await putBlob(world, 'media', 'cats/', '', 'application/octet-stream');

  await page.goto(`${world.url}/projects/${project.id}/storages`);
  await page.getByText('No container is connected yet.').waitFor();
  await good(page, 'storages, empty');
  await page.getByRole('link', { name: 'Connect a container' }).first().click();

  // Without a link the recommended way says what to do first.
  await page.getByText('No tenant is connected yet.').waitFor();
  await button(page, 'Next').click();
  await page.getByText('No tenant is connected yet. Connect to Azure first').waitFor();
  assert.ok(!(await page.locator('#account_key').isVisible()), 'only the fields of the chosen way show');
  await radio(page, /^Account key/).check();
  await good(page, 'step 1');
  const wrong = Buffer.from('a key that is no key of this account, but looks like one that is').toString('base64');
  await page.locator('#account_key').fill(wrong);
  await button(page, 'Next').click();

  // A blob's address says where the data is; a wrong key is told beside the form, with its fix.
  await field(page, 'Storage account').fill(`https://${world.account.name}.blob.core.windows.net/media/cats/1.png`);
  await button(page, 'Check access').click();
  await page.locator('#check').getByText('Failed: List the container').first().waitFor();
  assert.match(await page.locator('#check').innerText(), /az storage account keys list/);
  await good(page, 'step 2, with a failed check');
  await button(page, 'Next').click();
  await page.getByText('Longshore cannot use this container yet.').waitFor();
  assert.equal(await field(page, 'Container').inputValue(), 'media');
  assert.equal(await field(page, 'Prefix').inputValue(), 'cats/');
  assert.deepEqual(await api('GET', `/api/storages?project=${project.id}`), [], 'nothing is saved half');

  // Back keeps what was entered, and shows no secret.
  await button(page, 'Back').click();
  assert.ok(await radio(page, /^Account key/).isChecked());
  assert.equal(await page.locator('#account_key').inputValue(), '');
  assert.ok(!(await page.content()).includes(wrong));
  await page.getByText('Stored sealed; leave it empty to keep it.').waitFor();
  const text = `DefaultEndpointsProtocol=https;AccountName=${world.account.name};AccountKey=${world.account.key1};EndpointSuffix=core.windows.net`;
  await page.locator('#account_key').fill(text);
  await button(page, 'Next').click();
  await field(page, 'Prefix').fill('');
  await button(page, 'Check access').click();
  await page.locator('#check').getByText('Everything that is needed works').waitFor();
  await button(page, 'Next').click();

  // The labeling config shows images only, so these come in; the preview says what does not, and why.
  const preview = page.locator('#preview');
  assert.ok(await page.getByLabel('Images').isChecked());
  await page.getByText('It shows images only').waitFor();
  await preview.getByText('2 of 4 blobs looked at match.').waitFor();
  await preview.locator('tr', { hasText: 'notes.txt' }).getByText('Left out: it is not of a chosen kind.').waitFor();
  await field(page, 'Or your own filter').fill('*.txt');
  await preview.getByText('Kinds of files are chosen too.').waitFor();
  await button(page, 'Next').click();
  await page.locator('#regex_filter-error').getByText('Kinds of files are chosen too.').waitFor();
  const described = await page.locator('#regex_filter').getAttribute('aria-describedby');
  assert.equal(described, 'regex_filter-hint regex_filter-error');
  await page.getByLabel('Images').uncheck();
  await preview.locator('tr', { hasText: 'cats/1.png' }).getByText('Left out: the filter does not match its name.').waitFor();
  await field(page, 'Or your own filter').fill('');
  await preview.getByText('3 of 4 blobs looked at match.').waitFor();
  await preview.getByText('Left out: it marks a folder and holds nothing.').waitFor();
  await radio(page, /^Task files/).check();
  assert.ok(!(await page.getByLabel('Images').isVisible()), 'a picture holds no tasks');
  await radio(page, /^Files/).check();
  await field(page, 'Or your own filter').fill('[');
  await preview.getByText('unclosed character class').waitFor();
  await good(page, 'step 3');
  await button(page, 'Next').click();
  await page.locator('#regex_filter-error').waitFor();
  // A wrong filter does not close the way back to itself.
  await button(page, 'Back').click();
  await field(page, 'Storage account').waitFor();
  await button(page, 'Next').click();
  await field(page, 'Or your own filter').fill('');
  await button(page, 'Next').click();
  await page.getByText(/looks through contosomedia\/media in all folders/).waitFor();
  await good(page, 'step 4');

  // Twelve thousand blobs come in while somebody watches; nothing is loaded again.
  await fetch(`${world.azure.control}/blobs/${world.account.name}/media/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ count: 12_000, prefix: 'many/', size: 1 }),
  });
  await button(page, 'Back').click();
  assert.ok(!(await page.getByLabel('Images').isChecked()), 'what was chosen stays');
  await button(page, 'Next').click();
  await field(page, 'Title').fill('Cats of the container');
  await button(page, 'Save and sync').click();
  await page.getByRole('heading', { level: 1, name: 'Cats of the container' }).waitFor();
  await page.evaluate(() => { globalThis.stayed = true; });
  await button(page, 'Cancel').waitFor();
  await page.getByText('12,003 new tasks.').waitFor({ timeout: 60_000 });
  await page.locator('.status.completed').waitFor();
  await button(page, 'Sync now').waitFor();
  assert.ok(await page.evaluate(() => globalThis.stayed), 'the page was not loaded again');
  await page.getByRole('link', { name: 'Label them' }).waitFor();
  await good(page, 'storage');

  // The second sync is watched from the history, where it says who asked for it.
  await page.getByRole('link', { name: 'History' }).click();
  await button(page, 'Sync now').click();
  await page.locator('tbody tr').nth(1).waitFor();
  await page.locator('tbody tr').first().getByText('completed').waitFor({ timeout: 60_000 });
  assert.match(await page.locator('tbody tr').first().innerText(), /owner@longshore\.example/);
  await good(page, 'history');
  quiet(browser);
});

test('a container is connected by an Azure link, and disconnected', async (t) => {
  const { world, browser, page, api, project } = await begin(t);
  await putBlob(world, 'media', 'a.png', 'x', 'image/png');
  await page.goto(`${world.url}/settings/integrations`);
  await button(page, 'Connect to Azure').first().click();
  for (const name of ['Sign in', 'Accept']) {
    await page.getByText('This is not Azure').waitFor();
    await radio(page, administrator).check();
    await page.getByRole('button', { name }).click();
  }
  await page.getByText(`who signed in as ${administrator}`).waitFor();

  await page.goto(`${world.url}/projects/${project.id}/connect`);
  assert.ok(await radio(page, /^Azure link/).isChecked());
  await page.getByText('contoso.example').first().waitFor();
  await button(page, 'Next').click();
  await field(page, 'Storage account').fill(world.account.name);
  await field(page, 'Container').fill('media');
  await button(page, 'Check access').click();
  await page.locator('#check').getByText('az role assignment create').first().waitFor();

  const { links } = await api('GET', '/api/azure-links');
  await world.control('POST', '/role-assignments', {
    principal: links[0].principal_object_id,
    role: 'Storage Blob Data Reader',
    scope: `${world.account.scope}/blobServices/default/containers/media`,
  });
  await button(page, 'Next').click();
  await page.getByText('1 of 1 blobs looked at match.').waitFor();
  await button(page, 'Next').click();
  await button(page, 'Save and sync').click();
  await page.getByText('1 new task.').waitFor();
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  await good(page, 'settings of a link');
  await page.getByRole('link', { name: /^Disconnect/ }).click();
  await page.getByText('1 task that came from it').waitFor();
  await good(page, 'disconnect');
  await button(page, 'Disconnect').click();
  await page.getByText('No container is connected yet.').waitFor();
  quiet(browser);
});

test('a failed blob is mended and tried again, alone', async (t) => {
  const { world, browser, page, api, project } = await begin(t);
  await putBlob(world, 'media', 'good.json', '{"image": "one"}', 'application/json');
  await putBlob(world, 'media', 'bad.json', '[{"image": "two"},\n {"image": }]', 'application/json');
  await putBlob(world, 'media', 'worse.json', '{', 'application/json');
  const source = await api('POST', '/api/storages/azure', byKey(world, project.id, 'media', { use_blob_urls: false, recursive_scan: true }));
  await synced(api, `/api/storages/azure/${source.id}`);

  await page.goto(`${world.url}/storages/${source.id}`);
  await page.getByRole('link', { name: 'See the errors' }).click();
  const row = page.locator('tr', { hasText: 'bad.json' });
  await row.getByText('line 2, column 12').waitFor();
  await page.getByRole('link', { name: 'Errors (2)' }).waitFor();
  await good(page, 'errors');
  await page.evaluate(() => { globalThis.stayed = true; });
  await putBlob(world, 'media', 'bad.json', '[{"image": "two"}, {"image": "three"}]', 'application/json');
  await button(page, 'Retry bad.json').click();
  await row.waitFor({ state: 'detached' });
  await page.locator('tr', { hasText: 'worse.json' }).waitFor();
  await page.getByText('2 new tasks.').waitFor();
  await putBlob(world, 'media', 'worse.json', '{"image": "four"}', 'application/json');
  await button(page, 'Retry all').click();
  await page.getByText('No blob has failed').waitFor();
  assert.ok(await page.evaluate(() => globalThis.stayed), 'the page was not loaded again');
  const [newest, before] = await api('GET', `/api/storages/azure/${source.id}/runs`);
  assert.deepEqual([newest.counts.listed, before.counts.listed], [1, 1], 'only the failed blobs were looked at');
  quiet(browser);
});

test('whoever looks at the tasks is told of an import', async (t) => {
  const { world, browser, page, api, project } = await begin(t);
  await fetch(`${world.azure.control}/blobs/${world.account.name}/media/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ count: 40_000, prefix: 'many/', size: 1 }),
  });
  // A page without tasks would be loaded again as soon as there are some.
  await api('POST', '/api/tasks', { project: project.id, data: { image: 'one.png' } });
  const source = await api('POST', '/api/storages/azure', byKey(world, project.id, 'media', { use_blob_urls: true, recursive_scan: true }));
  await page.goto(`${world.url}/projects/${project.id}`);
  await api('POST', `/api/storages/azure/${source.id}/sync`, {});
  const imports = page.getByRole('region', { name: 'Imports' });
  await imports.getByText(/^Importing: [0-9,]+ new tasks so far/).waitFor();
  await imports.getByText('40,000 new tasks came in.').waitFor({ timeout: 60_000 });
  quiet(browser);
});

test('settings keep the secret and try a change before it is saved', async (t) => {
  const { world, browser, page, api, project } = await begin(t);
  await putBlob(world, 'media', 'a.png', 'x', 'image/png');
  const source = await api('POST', '/api/storages/azure', byKey(world, project.id, 'media', { use_blob_urls: true, recursive_scan: true, presign_ttl: 15 }));
  const path = `/api/storages/azure/${source.id}`;
  await page.goto(`${world.url}/storages/${source.id}/settings`);
  assert.ok(!(await page.content()).includes(world.account.key1));
  await good(page, 'settings');
  await field(page, 'Container').fill('nowhere');
  await button(page, 'Save').click();
  await page.getByRole('alert').getByText('nowhere').first().waitFor();
  assert.equal((await api('GET', path)).container, 'media', 'nothing is changed');
  await field(page, 'Container').fill('media');
  await field(page, 'Title').fill('Renamed');
  await page.getByLabel('Look into folders').uncheck();
  await page.getByLabel('PDF').check();
  await button(page, 'Save').click();
  await page.getByRole('heading', { level: 1, name: 'Renamed' }).waitFor();
  const saved = await api('GET', path);
  assert.deepEqual([saved.title, saved.recursive_scan, saved.regex_filter], ['Renamed', false, '.*\\.(?i:pdf)$']);
  assert.equal((await synced(api, path)).status, 'completed', 'the key is still there');

  // The sync said why nothing came in, and where that is changed.
  await page.getByText('No blob matches, 1 was left out. Look at the prefix and the filter.').waitFor();
  await page.locator(`#next-${source.id}`).click();
  await page.getByRole('heading', { name: 'What to import' }).waitFor();
  // Chips are chips again, and both together are refused.
  const own = field(page, 'Or your own filter');
  assert.ok(await page.getByLabel('PDF').isChecked());
  assert.equal(await own.inputValue(), '');
  await own.fill('*.png');
  await button(page, 'Save').click();
  await page.locator('#regex_filter-error').getByText('Kinds of files are chosen too.').waitFor();
  await page.getByLabel('PDF').uncheck();
  await page.getByLabel('Images').check();
  await own.fill('');
  await button(page, 'Save').click();
  await page.getByRole('heading', { level: 1, name: 'Renamed' }).waitFor();
  assert.equal((await synced(api, path)).status, 'completed');
  await page.getByText('1 new task.').waitFor();
  await page.goto(`${world.url}/storages/${source.id}/errors`);
  await page.getByText('No blob has failed: everything that matches is imported.').waitFor();
  quiet(browser);
});

test('a manager is told of a link, and sent nowhere that is closed', async (t) => {
  const { world, browser, page, api, project } = await begin(t);
  const manager = { email: 'max@longshore.example', password: 'max the manager' };
  const invite = await api('POST', '/api/invites', { email: manager.email, role: 'manager' });
  await page.goto(`${world.url}/settings/integrations`);
  await button(page, 'Connect to Azure').first().click();
  for (const name of ['Sign in', 'Accept']) {
    await page.getByText('This is not Azure').waitFor();
    await radio(page, administrator).check();
    await page.getByRole('button', { name }).click();
  }
  await page.getByText(`who signed in as ${administrator}`).waitFor();
  const connect = `${world.url}/projects/${project.id}/connect`;
  const grant = page.getByRole('link', { name: 'Grant roles and see whether they act' });
  await page.goto(connect);
  await grant.click();
  await page.getByRole('heading', { level: 1, name: 'Grant roles' }).waitFor();

  await page.context().clearCookies();
  await page.goto(invite.url);
  await page.getByLabel('Choose a password').fill(manager.password);
  await button(page, 'Become a member').click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  await page.goto(connect);
  await page.getByText('An owner of your organization sees in Integrations whether they act.').waitFor();
  assert.equal(await grant.count(), 0);
  await good(page, 'step 1 of a manager');
  quiet(browser);
});

test('annotations go out while one watches, and a target that cannot be written says why', async (t) => {
  const { world, browser, page, api, project } = await begin(t);
  await world.control('POST', '/accounts/contosomedia/containers', { name: 'results' });
  await page.goto(`${world.url}/exports`);
  await page.getByText('No target storage yet.').waitFor();
  await good(page, 'exports, empty');

  await page.goto(`${world.url}/projects/${project.id}/connect-target`);
  await radio(page, /^Account key/).check();
  await page.locator('#account_key').fill(world.account.key1);
  await button(page, 'Next').click();
  await field(page, 'Storage account').fill(world.account.name);
  await field(page, 'Container').fill('results');
  await field(page, 'Prefix').fill('out/');
  await button(page, 'Next').click();
  await page.getByText('out/17.json').first().waitFor();
  await good(page, 'what to write');
  await button(page, 'Next').click();
  await button(page, 'Save and begin to write').click();
  await page.getByText('Everything is written: nothing waits.').waitFor();

  await page.goto(`${world.url}/exports`);
  await page.evaluate(() => { globalThis.stayed = true; });
  await api('POST', `/api/projects/${project.id}/import`, [{ image: 'one' }, { image: 'two' }]);
  const { tasks } = await api('GET', `/api/tasks?project=${project.id}`);
  const result = [{ from_name: 'kind', to_name: 'image', type: 'choices', value: { choices: ['good'] } }];
  await api('POST', `/api/tasks/${tasks[0].id}/annotations`, { result });
  await page.getByText('1 was written until now.').waitFor();
  assert.ok(await page.evaluate(() => globalThis.stayed), 'the page was not loaded again');
  await good(page, 'exports');

  // The key is withdrawn: what waits is shown with its cause.
  await world.control('PATCH', '/accounts/contosomedia', { allow_shared_key: false });
  await api('POST', `/api/tasks/${tasks[1].id}/annotations`, { result });
  await page.getByText('1 object waits to be written.').waitFor();
  await page.getByRole('region', { name: 'Objects that could not be written' }).waitFor();
  await good(page, 'exports with trouble');
  await world.control('PATCH', '/accounts/contosomedia', { allow_shared_key: true });
  await button(page, 'Write everything now').click();
  await page.getByText('2 of 2 written').waitFor();
  await page.goto(`${world.url}/projects/${project.id}/exports`);
  await good(page, 'exports of a project');
  const download = page.waitForEvent('download');
  await button(page, 'Download').click();
  assert.equal((await download).suggestedFilename(), `project-${project.id}.json`);
  quiet(browser);
});
