// No stranger's script in the annotation editor: whoever writes data, configs, annotations or blobs, nothing of it
// runs, is posted, or is asked for elsewhere, on the task's page and in the preview of the settings.

import assert from 'node:assert/strict';
import test from 'node:test';

import { tasksOf } from './annotating.js';
import { HTML, TAGS, result } from './hostile.js';
import { chain } from './outsiders.js';
import { apiOf } from './sample.js';
import { held, inPage, openBoth } from './strangers.js';
import { start } from './world.js';

/** A project for each tag, with a hostile task, annotation and prediction. */
async function projects(api) {
  const made = [];
  for (const [name, { config, data, isError }] of Object.entries(TAGS)) {
    const project = await api('POST', '/api/projects', { title: name, label_config: `<View>${config}</View>` });
    await api('POST', `/api/projects/${project.id}/import`, [{ data: { x: 'x', ...data } }]);
    const [task] = await tasksOf(api, project);
    await api('POST', `/api/tasks/${task.id}/annotations`, { result });
    await api('POST', '/api/predictions', { task: task.id, result, model_version: HTML });
    made.push({ name, project, task, shows: isError ? { elements: ['#editor .lsf-errors'] } : { texts: ['Marked'] } });
  }
  return made;
}

/** Every tag that the editor registers, as its files on the page say; regions are made by it, and in no config. */
async function registered() {
  const { editor } = JSON.parse(document.getElementById('page').textContent);
  const files = await Promise.all(editor.scripts.map(async (address) => (await fetch(address)).text()));
  return files.join().match(/addTag\("[a-z]+"/g).map((tag) => tag.slice(8, -1)).filter((tag) => !tag.endsWith('region')).join(' ');
}

test('no stranger\'s script in the editor', { concurrency: 1000 }, async (t) => {
  const world = await start();
  t.after(world.stop);
  await world.control('PATCH', '/accounts/contosomedia', {
    cors: [{ allowed_origins: [world.url], allowed_methods: ['GET', 'HEAD', 'OPTIONS'], allowed_headers: ['*'], exposed_headers: ['*'], max_age_in_seconds: 3600 }],
  });
  const api = apiOf(world.url);
  const made = await projects(api);
  for (const mode of ['streamed', 'pre-signed']) {
    const shows = { texts: ['Marked', 'Invoice'] };
    made.push({ name: `blobs of an outsider, ${mode}`, shows, ...await chain(world, api, { presign: mode === 'pre-signed' }) });
  }
  const browsers = await openBoth(t, world.url);

  await Promise.all(made.flatMap(({ name, project, task, shows }) => browsers.map((browser) =>
    t.test(`${name}, in ${browser.name}`, () => browser.using(async (tab) => {
      await held(tab, world, `/projects/${project.id}/tasks/${task.id}`, shows);
      await held(tab, world, `/projects/${project.id}/settings`, shows);
    })))));

  await t.test('no tag of the editor is left out', () => browsers[0].using(async (tab) => {
    const [{ project, task }] = made;
    await tab.goto(`${world.url}/projects/${project.id}/tasks/${task.id}`);
    const known = (await tab.evaluate(inPage(registered))).split(' ');
    const configs = Object.values(TAGS).map(({ config }) => config.toLowerCase()).join();
    assert.ok(known.length > 40, known.join());
    assert.deepEqual(known.filter((tag) => tag !== 'view' && !new RegExp(`<${tag}[ >]`).test(configs)), []);
  }));

  await t.test('the API and the exports have the data as it came', async () => {
    const [{ project, task }] = made;
    assert.equal((await api('GET', `/api/tasks/${task.id}`)).data.h, HTML);
    const exported = await api('GET', `/api/projects/${project.id}/export`);
    assert.equal(exported[0].data.h, HTML);
    assert.equal(exported[0].annotations[0].result[0].meta.text[0], HTML);
  });

  await t.test('a person who opened them is who they were', async () => {
    assert.deepEqual((await api('GET', '/api/members')).map(({ role }) => role), ['owner']);
    const names = (await api('GET', '/api/api-tokens')).map(({ name }) => name);
    assert.ok(!names.includes('backup'), names.join());
  });
});
