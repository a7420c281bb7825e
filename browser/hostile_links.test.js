// Three links keep a stranger's script from running: the page's policy lets only the page's own files run, the server
// sends no blob as what a browser would run, and HTML is clean before the editor has it. Each is enough by itself:
// with the other two out nothing runs; with all three out everything does, so that this test can fail.

import assert from 'node:assert/strict';
import test from 'node:test';

import { tasksOf } from './annotating.js';
import { HTML, tagsWith } from './hostile.js';
import { chain } from './outsiders.js';
import { apiOf, byKey, putBlob, synced } from './sample.js';
import { happenings, inPage, openBoth } from './strangers.js';
import { start } from './world.js';
import { openWeakened } from './weakened.js';

/** Without what leads away, which is no script, and no policy holds back. */
const RUNNING = HTML.split('\n').filter((line) => !line.includes('http-equiv')).join('\n');
/** Where a script runs when nothing keeps it. */
const SINKS = ['HyperText', 'HyperText inline', 'Text, Header, Markdown and Style',
  'labels and choices of the task', 'List and Ranker'];
/** Of these, what comes through the editor's own cleaner is a script to Chromium only. */
const IN_CHROMIUM = ['HyperText inline', 'labels and choices of the task', 'List and Ranker'];
const SCRIPT = (name) => `top.ran?.push('${name}'); self.postMessage('${name}')`;
/** Blobs by name: how each is stored, and what runs in it. */
const KINDS = Object.fromEntries([
  ['classic.png', 'image/png,text/javascript', SCRIPT],
  ['module.js', 'text/javascript', SCRIPT],
  ['sheet.css', 'text/css', () => ':root { --ran: 1 }'],
  ['page.html', 'text/html', (name) => `<script>${SCRIPT(name)}</script>`],
  ['page.xhtml', 'application/xhtml+xml', (name) => `<html xmlns="http://www.w3.org/1999/xhtml"><script>${SCRIPT(name)}</script></html>`],
  ['picture.svg', 'image/svg+xml', (name) => `<svg xmlns="http://www.w3.org/2000/svg"><script>${SCRIPT(name)}</script></svg>`],
  ['feed.xml', 'text/xml', (name) => `<feed xmlns:h="http://www.w3.org/1999/xhtml"><h:script>${SCRIPT(name)}</h:script></feed>`],
].map(([name, type, content]) => [name, [type, content(name)]]));
const KIND_TYPES = Object.fromEntries(Object.entries(KINDS).map(([name, [type]]) => [name, type]));

/** A project with a task for each of those blobs, and their addresses. */
async function kinds(world, api) {
  const project = await api('POST', '/api/projects', { title: 'kinds', label_config: '<View><Image name="i" value="$image"/></View>' });
  for (const [name, [type, content]] of Object.entries(KINDS)) await putBlob(world, 'media', name, content, type);
  const { id } = await api('POST', '/api/storages/azure', byKey(world, project.id, 'media', { use_blob_urls: true, presign: false }));
  await synced(api, `/api/storages/azure/${id}`);
  return { project, addresses: (await tasksOf(api, project)).map(({ data }) => data.image) };
}

/** In a page: uses the addresses for everything that could run them; the names of those that ran, of `count` at most. */
async function used(addresses, count) {
  window.ran = [];
  const element = (tag, members) => document.body.append(Object.assign(document.createElement(tag), members));
  for (const address of addresses) {
    element('script', { src: address });
    element('script', { src: address, type: 'module' });
    element('link', { rel: 'stylesheet', href: address });
    element('iframe', { src: address });
    element('object', { data: address });
    element('embed', { src: address });
    element('img', { src: address });
    import(address).catch(() => null);
    const worker = new Worker(address);
    worker.onmessage = ({ data }) => window.ran.push(data);
    worker.onerror = (event) => event.preventDefault();
  }
  const ran = () => {
    const isStyled = getComputedStyle(document.documentElement).getPropertyValue('--ran');
    return [...new Set([...window.ran, ...(isStyled ? ['sheet.css'] : [])])].sort();
  };
  const loaded = () => performance.getEntriesByType('resource').length;
  const ends = Date.now() + 20_000;
  for (let before = -1; Date.now() < ends && (count > 0 ? ran().length < count : before !== loaded());) {
    before = loaded();
    await new Promise((done) => setTimeout(done, 1000));
  }
  return ran().join(' ');
}

test('each link alone', { concurrency: 1000 }, async (t) => {
  const world = await start();
  t.after(world.stop);
  const api = apiOf(world.url);
  const made = {};
  for (const [name, { config, data }] of Object.entries(tagsWith(RUNNING)).filter(([known]) => SINKS.includes(known))) {
    const project = await api('POST', '/api/projects', { title: name, label_config: `<View>${config}</View>` });
    await api('POST', `/api/projects/${project.id}/import`, [{ data: { x: 'x', ...data } }]);
    made[name] = { project, task: (await tasksOf(api, project))[0] };
  }
  const blobs = await chain(world, api, { html: RUNNING });
  // A library that obeys attributes is a file of ours: only the policy keeps it out, so here are blobs alone.
  const only = await chain(world, api, { html: '', container: 'only' });
  const { project, addresses } = await kinds(world, api);
  const browsers = await openBoth(t, world.url);
  const stored = { ...blobs.types, ...KIND_TYPES };
  const way = await openWeakened(t, world);

  const onTask = ({ project, task }) => `/projects/${project.id}/tasks/${task.id}`;
  const inPreview = ({ project }) => `/projects/${project.id}/label-preview`;
  /** With this taken out, what is `wanted` happens on these pages in each browser, or nothing. */
  const happens = async (title, taken, pages, wanted) => {
    way.taken = taken;
    await Promise.all(pages.flatMap(([name, path, text]) => browsers.filter((browser) =>
      !wanted || browser.name === 'Chromium' || !IN_CHROMIUM.includes(name)).map((browser) =>
      t.test(`${title}: ${name}, in ${browser.name}`, () => browser.using(async (tab) => {
        const happened = await happenings(tab, way.url, path, ['Marked', text], wanted);
        if (!wanted) assert.deepEqual(happened, []);
        else assert.ok(happened.some((it) => wanted.test(it)), `only this happened: ${happened}`);
      })))));
  };
  const nothing = { policy: 'none', stored, raw: true };
  const before = { policy: 'by address', stored, raw: true };
  const sinks = [
    ...Object.entries(made).map(([name, it]) => [name, onTask(it), 'Shown']),
    ['HyperText, preview', inPreview(made.HyperText), 'Shown'],
  ];
  const documents = (it) => [['blobs of an outsider', onTask(it), 'Invoice'], ['blobs of an outsider, preview', inPreview(it), 'Invoice']];
  const pages = [...sinks, ...documents(blobs)];
  await happens('without any link', nothing, sinks, /a script ran/);
  await happens('without any link', nothing, documents(blobs), /led away/);
  await happens('without any link, under the policy of before', before, sinks.slice(0, 1), /sent/);
  await happens('without any link, under the policy of before', before, documents(only).slice(0, 1), /led away/);
  await happens('the policy alone', { stored, raw: true }, pages);
  await happens('the types alone', { policy: 'by address', raw: true }, documents(only));
  await happens('clean HTML alone', { policy: 'none', stored }, pages);

  for (const browser of browsers) {
    const ranIn = (taken, names) => t.test(`whatever uses a blob, ${names.length} of them run, in ${browser.name}`, () => browser.using(async (tab) => {
      way.taken = taken;
      await tab.goto(`${way.url}/projects/${project.id}/label-preview`);
      assert.equal(await tab.evaluate(inPage(used, addresses, names.length)), names.sort().join(' '));
    }));
    await ranIn({ policy: 'none', raw: true }, []);
    await ranIn({ policy: 'none', raw: true, isUnsaid: true }, []);
    await ranIn(nothing, Object.keys(KINDS));
  }
});
