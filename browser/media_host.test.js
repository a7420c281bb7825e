// Media on a host name of their own (media_url): the editor shows all of them, that name never gets a cookie, and
// what a stranger stored runs there no more than on the pages' own.

import assert from 'node:assert/strict';
import test from 'node:test';

import { addressOf, FILES, isShown, mediaProject, openTask, tasksOf } from './annotating.js';
import { open, signIn } from './chromium.js';
import { apiOf, byKey, putBlob, synced } from './sample.js';
import { owner, start } from './world.js';

const blobs = { use_blob_urls: true, recursive_scan: true, presign: false };

test('media on a host name of their own', async (t) => {
  const world = await start({ hasMediaHost: true });
  t.after(world.stop);
  const api = apiOf(world.url);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;
  await signIn(page, world.url, owner);
  /** What the media host was asked, each with the cookies that went along. */
  const asked = [];
  page.on('request', async (request) => {
    if (!request.url().startsWith(world.mediaUrl)) return;
    const headers = await request.allHeaders().catch(() => ({}));
    asked.push({ url: request.url(), cookie: headers.cookie });
  });

  for (const kind of Object.keys(FILES)) {
    await t.test(`${kind} comes from there`, async () => {
      asked.length = 0;
      const { project, tasks } = await mediaProject(world, api, kind);
      await openTask(page, world, project, tasks[0]);
      await isShown[kind](page);
      assert.equal(await page.getByRole('region', { name: 'Media that cannot be shown' }).isVisible(), false);
      assert.ok(asked.length > 0, 'the media host was not asked');
      for (const { url, cookie } of asked) {
        assert.ok(url.startsWith(`${world.mediaUrl}/media/`), url);
        assert.equal(cookie, undefined);
      }
      await page.goto(`${world.url}/projects/${project.id}`);
      await page.locator('main').waitFor();
    });
  }

  await t.test('a PDF comes from there, in the browser\'s own viewer', async () => {
    asked.length = 0;
    const project = await api('POST', '/api/projects', {
      title: 'Pages', label_config: '<View><Pdf name="item" value="$pdf"/><Choices name="label" toName="item"><Choice value="Good"/></Choices></View>',
    });
    await world.control('POST', '/accounts/contosomedia/containers', { name: 'pages' });
    const sample = await (await fetch(`${world.url}/static/sample.pdf`)).arrayBuffer();
    await putBlob(world, 'pages', 'page.pdf', sample, 'application/pdf');
    const storage = await api('POST', '/api/storages/azure', byKey(world, project.id, 'pages', blobs));
    await synced(api, `/api/storages/azure/${storage.id}`);
    const [task] = await tasksOf(api, project);
    await openTask(page, world, project, task);
    await page.waitForFunction(() => document.querySelector('#editor embed, #editor object, #editor iframe'));
    const policy = (await page.request.get(addressOf(world, project, task))).headers()['content-security-policy'];
    assert.match(policy, new RegExp(`object-src 'self' ${world.mediaUrl};`));
  });

  await t.test('nothing in this walk was refused', () => assert.deepEqual(browser.complaints, []));

  await t.test('a page that a stranger stored does not run there, and finds nothing', async () => {
    await world.control('POST', '/accounts/contosomedia/containers', { name: 'theirs' });
    const html = '<script>document.title = "ran"; fetch("/api/projects").then(() => document.title = "asked")</script>';
    for (const [name, type] of [['a.html', 'text/html'], ['b.svg', 'image/svg+xml'], ['c.png', 'text/javascript']]) {
      await putBlob(world, 'theirs', name, html, type);
    }
    const project = await api('POST', '/api/projects', { title: 'Theirs', label_config: '<View><Text name="t" value="$text"/></View>' });
    const storage = await api('POST', '/api/storages/azure', byKey(world, project.id, 'theirs', blobs));
    await synced(api, `/api/storages/azure/${storage.id}`);
    const tasks = await tasksOf(api, project);
    assert.equal(tasks.length, 3);
    const tab = await browser.context.newPage();
    for (const task of tasks) {
      const address = `${world.url}${task.data.text}`;
      const answer = await page.request.get(address);
      assert.ok(answer.url().startsWith(`${world.mediaUrl}/media/`), answer.url());
      assert.match(answer.headers()['content-type'], /^(application\/octet-stream|image\/svg\+xml)$/);
      // It is a download: the tab stays where it is.
      await tab.goto(address).catch(() => {});
      assert.equal(await tab.title(), '');
    }
  });
});
