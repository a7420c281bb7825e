// A HyperText is annotated where it was written: its HTML is cleaned, and nothing in it moves.

import assert from 'node:assert/strict';
import test from 'node:test';

import { annotationsOf, choose, eventually, openTask, submitButton, tasksOf } from './annotating.js';
import { open, signIn } from './chromium.js';
import { apiOf } from './sample.js';
import { owner, start } from './world.js';

test('spans of a HyperText', async (t) => {
  const world = await start();
  t.after(world.stop);
  const api = apiOf(world.url);
  const { page, close } = await open();
  t.after(close);
  await signIn(page, world.url, owner);

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
});
