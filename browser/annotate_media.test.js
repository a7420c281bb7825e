// Media on the Annotate page: through the server and by pre-signed links, with and without a CORS rule, and what is
// said when it cannot be shown.

import assert from 'node:assert/strict';
import test from 'node:test';

import {
  FILES, addressOf, choose, eventually, isShown, mediaProject, openTask, submitButton, tasksOf, textProject, THEIRS,
} from './annotating.js';
import { barriers, open, signIn } from './chromium.js';
import { apiOf, byKey, mediaFile, putBlob, synced } from './sample.js';
import { owner, start } from './world.js';

const KINDS = ['image', 'audio', 'video'];
const problem = (page) => page.getByRole('region', { name: 'Media that cannot be shown' });

test('media on the Annotate page', async (t) => {
  const world = await start();
  t.after(world.stop);
  const api = apiOf(world.url);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;
  /** Other hosts that were asked. */
  const hosts = new Set();
  const addressOfRequest = (request) => new URL(request.url());
  page.on('request', (request) => {
    const { protocol, origin } = addressOfRequest(request);
    if (protocol.startsWith('http') && origin !== world.url) hosts.add(origin);
  });
  // What the policy blocked was not asked.
  page.on('requestfailed', (request) => {
    if (request.failure().errorText === 'csp') hosts.delete(addressOfRequest(request).origin);
  });
  await signIn(page, world.url, owner);
  const policy = async (project, task) => {
    const answer = await page.request.get(addressOf(world, project, task));
    return answer.headers()['content-security-policy'];
  };
  const change = (storage, fields) => api('PATCH', `/api/storages/azure/${storage.id}`, fields);

  for (const kind of KINDS) {
    await t.test(`${kind} comes through the server`, async () => {
      const { project, tasks } = await mediaProject(world, api, kind);
      await openTask(page, world, project, tasks[0]);
      await isShown[kind](page);
      assert.equal(await problem(page).isVisible(), false);
      assert.ok(!(await policy(project, tasks[0])).includes('https:'));
      assert.deepEqual([...hosts], []);
    });
  }

  await t.test('pre-signed links without a CORS rule: the exact command is shown', async () => {
    for (const kind of KINDS) {
      const { project, tasks, storage } = await mediaProject(world, api, kind, { presign: true });
      await openTask(page, world, project, tasks[0]);
      await problem(page).getByRole('heading', { name: `${FILES[kind][0]} cannot be shown` }).waitFor();
      const command = await problem(page).locator('pre').textContent();
      assert.match(command, new RegExp(`^az storage cors add .*--origins '?${world.url}'? .*--account-name contosomedia$`));
      const link = problem(page).getByRole('link', { name: 'Check the storage\'s access' });
      assert.equal(await link.getAttribute('href'), `/storages/${storage.id}/check`);
      assert.deepEqual(await barriers(page, THEIRS), []);
    }
  });

  await t.test('pre-signed links with a CORS rule: only the account is asked', async () => {
    hosts.clear();
    const complaints = browser.complaints.length;
    await world.control('PATCH', '/accounts/contosomedia', {
      cors: [{ allowed_origins: [world.url], allowed_methods: ['GET', 'HEAD', 'OPTIONS'], allowed_headers: ['*'], exposed_headers: ['*'], max_age_in_seconds: 3600 }],
    });
    for (const kind of KINDS) {
      const { project, tasks } = await mediaProject(world, api, kind, { presign: true });
      await openTask(page, world, project, tasks[0]);
      await isShown[kind](page);
      assert.equal(await problem(page).isVisible(), false);
      await eventually(() => hosts.size > 0, 'a request to the account');
      const allowed = (await policy(project, tasks[0])).match(/https:\/\/[^ ;]+/g);
      assert.deepEqual([...new Set(allowed)], [...hosts]);
    }
    assert.equal(hosts.size, 1);
    assert.deepEqual(browser.complaints.slice(complaints), []);
  });

  await t.test('a blob that is not there, in words, and shown again when it is', async () => {
    const { project, storage, container } = await mediaProject(world, api, 'video');
    const video = `https://contosomedia.blob.core.windows.net/${container}/later.mp4`;
    await api('POST', `/api/projects/${project.id}/import`, [{ video }]);
    const task = (await tasksOf(api, project)).at(-1);
    await openTask(page, world, project, task);
    await problem(page).getByText(/"later\.mp4" does not exist in contosomedia/).waitFor();
    await problem(page).getByText(/put it back, or sync the storage again/).waitFor();

    await change(storage, { presign: true });
    await page.reload();
    await problem(page).getByText(/"later\.mp4" does not exist in contosomedia/).waitFor();

    await change(storage, { presign: false });
    const [, file, type] = FILES.video;
    await putBlob(world, container, 'later.mp4', await mediaFile(file), type);
    await problem(page).getByRole('button', { name: 'Try again' }).click();
    await isShown.video(page);
    await problem(page).waitFor({ state: 'hidden' });
  });

  await t.test('an empty blob is called empty', async () => {
    const { project, container } = await mediaProject(world, api, 'image');
    await putBlob(world, container, 'zero.png', '', 'image/png');
    const image = `https://contosomedia.blob.core.windows.net/${container}/zero.png`;
    await api('POST', `/api/projects/${project.id}/import`, [{ image }]);
    await openTask(page, world, project, (await tasksOf(api, project)).at(-1));
    await problem(page).getByText('The blob is empty: it has no bytes.').waitFor();
  });

  await t.test('a film that is none is called so', async () => {
    const { project, container } = await mediaProject(world, api, 'video');
    await putBlob(world, container, 'talk.mp4', 'no film at all', 'video/mp4');
    const video = `https://contosomedia.blob.core.windows.net/${container}/talk.mp4`;
    await api('POST', `/api/projects/${project.id}/import`, [{ video }]);
    await openTask(page, world, project, (await tasksOf(api, project)).at(-1));
    await problem(page).getByRole('heading', { name: 'talk.mp4 cannot be played' }).waitFor();
  });

  await t.test('a file of another site is not loaded, and why', async () => {
    const project = await api('POST', '/api/projects', {
      title: 'Foreign', label_config: '<View><Image name="item" value="$image"/><Choices name="label" toName="item"><Choice value="Good"/></Choices></View>',
    });
    await api('POST', `/api/projects/${project.id}/import`, [{ image: 'https://elsewhere.example/cat.png' }]);
    const [task] = await tasksOf(api, project);
    await openTask(page, world, project, task);
    await problem(page).getByText(/names a file of elsewhere\.example/).waitFor();
    assert.ok(![...hosts].some((host) => host.includes('elsewhere')));
    // Looking again keeps what was just made.
    await choose(page, 'Good');
    await problem(page).getByRole('button', { name: 'Try again' }).click();
    const [draft] = await eventually(async () => {
      const drafts = await api('GET', `/api/tasks/${task.id}/drafts`);
      return drafts.length > 0 && drafts;
    }, 'the draft');
    assert.deepEqual(draft.result[0].value.choices, ['Good']);
  });

  await t.test('a PDF in the browser\'s viewer, which only such projects may open', async () => {
    const { project, tasks } = await textProject(api, 'text', ['x']);
    assert.match(await policy(project, tasks[0]), /object-src 'none'/);
    const pdf = await api('POST', '/api/projects', {
      title: 'Pages', label_config: '<View><Pdf name="item" value="$pdf"/><Choices name="label" toName="item"><Choice value="Good"/></Choices></View>',
    });
    await world.control('POST', '/accounts/contosomedia/containers', { name: 'pages' });
    const sample = await (await fetch(`${world.url}/static/sample.pdf`)).arrayBuffer();
    await putBlob(world, 'pages', 'page.pdf', sample, 'application/pdf');
    const storage = await api('POST', '/api/storages/azure', byKey(world, pdf.id, 'pages', { use_blob_urls: true, recursive_scan: true, presign: false }));
    await synced(api, `/api/storages/azure/${storage.id}`);
    const [task] = await tasksOf(api, pdf);
    await openTask(page, world, pdf, task);
    await page.locator('#editor embed, #editor iframe, #editor object').first().waitFor({ state: 'attached' });
    assert.match(await policy(pdf, task), /object-src 'self';/);
    assert.equal(await submitButton(page).count(), 1);
    const here = addressOf(world, pdf, task);
    assert.deepEqual(browser.complaints.filter((line) => line.startsWith(here)), []);
  });
});
