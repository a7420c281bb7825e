// No stranger's script: whoever writes data, configs, names, types or errors, nothing of it runs, is posted, or is
// asked for elsewhere, on any page.

import assert from 'node:assert/strict';
import test from 'node:test';

import { annotationsOf, choose, eventually, openTask, submitButton, tasksOf } from './annotating.js';
import { open, signIn } from './chromium.js';
import { openFirefox } from './firefox.js';
import { CANARY, ELSEWHERE, HTML, POSTED, result, TAGS } from './hostile.js';
import { apiOf, byKey, putBlob, synced } from './sample.js';
import { owner, start } from './world.js';

/** Leaves the frame, takes a token, and leads away: the script of an outsider who can write two blobs. */
const STEALS = `(async () => {
  top.${CANARY} = 1;
  if (window.frameElement) {
    const script = parent.document.createElement('script');
    script.src = document.currentScript.src;
    return parent.document.head.append(script);
  }
  await fetch('/api/api-tokens', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"backup"}' });
  location = 'https://${ELSEWHERE}/';
})()`;

/** What of requests ({method, url, kind}) no page of ours sends. */
function foreign(requests, world) {
  const own = /^\/(api\/tasks\/\d+\/(presence|drafts)|projects\/\d+\/(label-preview\/shown|settings\/label-config\/check)|user\/login)\/?$/;
  return requests.filter(({ method, url, kind }) => {
    const { origin, pathname, protocol } = new URL(url);
    if (!protocol.startsWith('http')) return false;
    if (origin !== world.url && origin !== world.accountOrigin) return true;
    if (method !== 'GET') return !own.test(pathname);
    return kind === 'script' && !/^\/(static|editor)\//.test(pathname);
  });
}

/** A project for each tag, with a hostile task, annotation and prediction. */
async function projects(api) {
  const made = [];
  for (const [name, { config, data, isError }] of Object.entries(TAGS)) {
    const project = await api('POST', '/api/projects', { title: name, label_config: `<View>${config}</View>` });
    await api('POST', `/api/projects/${project.id}/import`, [{ data: { x: 'x', ...data } }]);
    const [task] = await tasksOf(api, project);
    await api('POST', `/api/tasks/${task.id}/annotations`, { result });
    await api('POST', '/api/predictions', { task: task.id, result, model_version: HTML });
    made.push({ name, project, task, isError });
  }
  return made;
}

/** The outsider's two blobs, and a manager's task that only needs htmx: as the projects that show them. */
async function chains(world, api, presign) {
  const container = presign ? 'signed' : 'streamed';
  await world.control('POST', '/accounts/contosomedia/containers', { name: container });
  const at = (name) => `https://contosomedia.blob.core.windows.net/${container}/${name}`;
  const project = await api('POST', '/api/projects', {
    title: container,
    label_config: '<View><HyperText name="t" value="$html" valueType="url"/><Choices name="c" toName="t"><Choice value="Marked"/></Choices></View>',
  });
  const encoded = Buffer.from(at('aaa.png')).toString('base64');
  const scripts = Array.from({ length: 60 }, (_, id) => `<script src="/tasks/${id}/resolve/?fileuri=${encoded}"></script>`);
  const page = `<h1>Invoice</h1><svg><style><img>${scripts.join('')}</style></svg>${HTML}`;
  await putBlob(world, container, 'aaa.png', STEALS, 'image/png,text/javascript');
  await putBlob(world, container, 'doc.html', page, 'text/html');
  await putBlob(world, container, `<img src=x onerror=top.${CANARY}=1><svg onload=top.${CANARY}=1>.json`, JSON.stringify([{ html: at('doc.html'), x: at('aaa.png') }]), 'application/json');
  const fields = byKey(world, project.id, container, { presign, recursive_scan: true, regex_filter: '.*json' });
  const storage = await api('POST', '/api/storages/azure', fields);
  await synced(api, `/api/storages/azure/${storage.id}`);
  const [task] = await tasksOf(api, project);
  return { project, task, storage };
}

test('no stranger\'s script', async (t) => {
  const world = await start();
  t.after(world.stop);
  world.accountOrigin = 'https://contosomedia.blob.core.windows.net';
  await world.control('PATCH', '/accounts/contosomedia', {
    cors: [{ allowed_origins: [world.url], allowed_methods: ['GET', 'HEAD', 'OPTIONS'], allowed_headers: ['*'], exposed_headers: ['*'], max_age_in_seconds: 3600 }],
  });
  const api = apiOf(world.url);
  const made = await projects(api);
  const streamed = await chains(world, api, false);
  const signed = await chains(world, api, true);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;
  await signIn(page, world.url, owner);
  const requests = [];
  const blocked = new Set();
  page.on('request', (request) => requests.push({ method: request.method(), url: request.url(), kind: request.resourceType(), request }));
  page.on('requestfailed', (request) => request.failure().errorText === 'csp' && blocked.add(request));
  page.on('dialog', (dialog) => dialog.dismiss());
  /** Nothing ran in the page that was opened, nothing was sent by it, and it is still there. */
  const held = async (address) => {
    assert.equal(page.url(), address);
    for (const frame of page.frames()) {
      assert.equal(await frame.evaluate((name) => window[name], CANARY).catch(() => undefined), undefined, frame.url());
    }
    const sent = foreign(requests.filter(({ request }) => !blocked.has(request)), world);
    assert.deepEqual(sent.map(({ method, url, kind }) => ({ method, url, kind })), []);
    requests.length = 0;
  };
  const visit = async (path, ready) => {
    const address = `${world.url}${path}`;
    await page.goto(address);
    await ready();
    await held(address);
  };
  const drawn = (frame, isError) => async () => {
    const word = frame.locator('#editor').getByText('Marked').first();
    await (isError ? frame.locator('#editor .lsf-errors') : word).waitFor();
    await page.waitForLoadState('networkidle');
  };

  for (const { name, project, task, isError } of made) {
    await t.test(`${name}, on the task page and in the preview of the settings`, async () => {
      await visit(`/projects/${project.id}/tasks/${task.id}`, drawn(page, isError));
      await visit(`/projects/${project.id}/settings`, drawn(page.frameLocator('iframe'), isError));
    });
  }

  for (const [mode, { project, task }] of Object.entries({ streamed, 'pre-signed': signed })) {
    await t.test(`a blob's HTML that asks for a blob's script, ${mode}`, async () => {
      await visit(`/projects/${project.id}/tasks/${task.id}`, drawn(page));
      await page.frameLocator('#editor iframe').getByText('Invoice').waitFor();
      await visit(`/projects/${project.id}/settings`, drawn(page.frameLocator('iframe')));
    });
  }

  await t.test('every other page of these projects', async () => {
    const { project, storage } = streamed;
    for (const path of [
      '/', '/exports', '/settings/audit', '/settings/members', '/settings/integrations', '/settings/tokens',
      `/projects/${project.id}`, `/projects/${project.id}/storages`, `/projects/${project.id}/import`,
      `/storages/${storage.id}`, `/storages/${storage.id}/errors`, `/storages/${storage.id}/history`,
      `/storages/${storage.id}/settings`, `/projects/${made[0].project.id}`,
    ]) {
      // Pages with live parts are never idle.
      await visit(path, () => page.locator('h1').first().waitFor());
    }
  });

  await t.test('the API and the exports have the data as it came', async () => {
    const { task } = made[0];
    assert.equal((await api('GET', `/api/tasks/${task.id}`)).data.h, HTML);
    const exported = await api('GET', `/api/projects/${made[0].project.id}/export`);
    assert.equal(exported[0].data.h, HTML);
    assert.equal(exported[0].annotations[0].result[0].meta.text[0], HTML);
  });

  await t.test('a person who opened them is who they were', async () => {
    assert.deepEqual((await api('GET', '/api/members')).map(({ role }) => role), ['owner']);
    const names = (await api('GET', '/api/api-tokens')).map(({ name }) => name);
    assert.ok(!names.includes('backup'), names.join());
  });

  await t.test('a span of a HyperText is where it was made', async () => {
    const html = '<h1>Title</h1><form><p>one <object data="x">two</object> three</p></form><p>four five</p>';
    const project = await api('POST', '/api/projects', {
      title: 'spans',
      label_config: '<View><HyperText name="t" value="$h"/><HyperTextLabels name="l" toName="t"><Label value="Marked"/></HyperTextLabels></View>',
    });
    await api('POST', `/api/projects/${project.id}/import`, [{ data: { h: html } }]);
    const [task] = await tasksOf(api, project);
    await api('POST', `/api/tasks/${task.id}/annotations`, { result: [{
      from_name: 'l', to_name: 't', type: 'hypertextlabels', id: 's1',
      value: { start: '/p[1]/text()[1]', end: '/p[1]/text()[1]', startOffset: 5, endOffset: 9, text: 'five', hypertextlabels: ['Marked'] },
    }] });
    await page.goto(`${world.url}/projects/${project.id}/tasks/${task.id}`);
    const span = page.frameLocator('#editor iframe').locator('.htx-highlight');
    await span.first().waitFor();
    assert.equal((await span.allTextContents()).join(''), 'five');
    // A script in the document does not run, not even one that knows the page's nonce.
    const ran = await page.evaluate(() => {
      const inside = document.querySelector('#editor iframe').contentDocument;
      const script = inside.createElement('script');
      script.nonce = document.querySelector('script[nonce]').nonce;
      script.textContent = 'parent.wasRun = true';
      inside.body.append(script);
      return Boolean(window.wasRun);
    });
    assert.equal(ran, false);
  });

  await t.test('a span of a HyperText is made by hand', async () => {
    const project = await api('POST', '/api/projects', {
      title: 'by hand',
      label_config: '<View><HyperText name="t" value="$h"/><HyperTextLabels name="l" toName="t"><Label value="Marked"/></HyperTextLabels></View>',
    });
    await api('POST', `/api/projects/${project.id}/import`, [{ data: { h: '<h1>Title</h1><p>four five six</p>' } }]);
    const [task] = await tasksOf(api, project);
    await openTask(page, world, project, task);
    await page.frameLocator('#editor iframe').getByText('four five six').waitFor();
    await choose(page, 'Marked');
    const frame = await page.locator('#editor iframe').boundingBox();
    const word = await page.evaluate(() => {
      const inside = document.querySelector('#editor iframe').contentDocument;
      const range = inside.createRange();
      range.setStart(inside.querySelector('p').firstChild, 5);
      range.setEnd(inside.querySelector('p').firstChild, 9);
      const { x, y, width, height } = range.getBoundingClientRect();
      return { x, y: y + height / 2, end: x + width };
    });
    await page.mouse.move(frame.x + word.x + 1, frame.y + word.y);
    await page.mouse.down();
    await page.mouse.move(frame.x + word.end - 1, frame.y + word.y, { steps: 5 });
    await page.mouse.up();
    await page.frameLocator('#editor iframe').locator('.htx-highlight').waitFor();
    await submitButton(page).click();
    const [annotation] = await eventually(async () => {
      const made = await annotationsOf(api, task);
      return made.length > 0 && made;
    }, 'the annotation');
    const { start, startOffset, endOffset, text } = annotation.result[0].value;
    assert.deepEqual([start, startOffset, endOffset, text], ['/p[1]/text()[1]', 5, 9, 'five']);
  });

  await t.test('the same in Firefox', async (inside) => {
    const firefox = await openFirefox();
    inside.after(firefox.close);
    await firefox.goto(`${world.url}/user/login`);
    const { email, password } = owner;
    await firefox.evaluate(`(async () => {
      const answer = await fetch('/user/login', { method: 'POST', body: new URLSearchParams(${JSON.stringify({ email, password })}) });
      return answer.status;
    })()`);
    const shows = async (path, word, isFramed) => {
      await firefox.goto(`${world.url}${path}`);
      const there = isFramed ? "document.querySelector('iframe').contentDocument" : 'document';
      const drawn = await firefox.evaluate(`(async () => {
        const ends = Date.now() + 30000;
        while (Date.now() < ends) {
          const shown = ${there}?.querySelector('#editor');
          const frame = shown?.querySelector('iframe')?.contentDocument?.body;
          if ((shown?.textContent + frame?.textContent).includes(${JSON.stringify(word)})) return true;
          await new Promise((done) => setTimeout(done, 50));
        }
        return false;
      })()`);
      assert.ok(drawn, `${path} shows ${word}`);
      assert.equal(await firefox.evaluate(`String(window.${CANARY})`), 'undefined', path);
      assert.equal(await firefox.evaluate('location.pathname'), path);
      // A hostile value that is asked for as a picture has the words in its address, and is only read.
      const posted = firefox.requests.filter(({ method, url }) => method !== 'GET' && url.includes(POSTED));
      assert.deepEqual(posted, [], path);
    };
    for (const { project, task } of [streamed, signed]) {
      await shows(`/projects/${project.id}/tasks/${task.id}`, 'Invoice');
      await shows(`/projects/${project.id}/settings`, 'Marked', true);
    }
    for (const { project, task } of made.filter(({ isError }) => !isError)) {
      await shows(`/projects/${project.id}/tasks/${task.id}`, 'Marked');
      await shows(`/projects/${project.id}/settings`, 'Marked', true);
    }
    const changed = firefox.requests.filter(({ method, url }) => method !== 'GET' && url.startsWith('http'));
    assert.deepEqual(foreign(changed, world), []);
  });
});
