// The annotation editor by mouse: every kind of media, submitted, found again, and one task after the other.

import assert from 'node:assert/strict';
import test from 'node:test';

import {
  addressOf, annotationsOf, choose, drag, eventually, mediaProject, openTask, submitButton, textProject, THEIRS,
} from './annotating.js';
import { barriers, open, signIn } from './chromium.js';
import { apiOf } from './sample.js';
import { owner, start } from './world.js';

/** How a person marks something in each kind, and the result that it makes. */
const KINDS = {
  image: {
    async mark(page) {
      await choose(page, 'Cat');
      await drag(page, page.locator('#editor canvas').first(), [0.3, 0.3], [0.6, 0.7]);
    },
    check({ type, value, original_width }) {
      assert.deepEqual([type, value.rectanglelabels, original_width], ['rectanglelabels', ['Cat'], 451]);
      assert.ok(Math.abs(value.x - 30) < 2 && Math.abs(value.width - 30) < 2, JSON.stringify(value));
    },
  },
  audio: {
    async mark(page) {
      const wave = page.locator('#editor canvas').last();
      await wave.waitFor();
      await choose(page, 'Boom');
      await drag(page, wave, [0.3, 0.5], [0.6, 0.5]);
    },
    check({ type, value }) {
      assert.deepEqual([type, value.labels], ['labels', ['Boom']]);
      assert.ok(value.end > value.start && value.start > 0, JSON.stringify(value));
    },
  },
  video: {
    async mark(page) {
      const stage = page.locator('#editor .konvajs-content canvas').first();
      await stage.waitFor();
      // The label is below what the window shows; its key is as good.
      await page.keyboard.press('1');
      await drag(page, stage, [0.35, 0.3], [0.6, 0.6]);
    },
    check(result) {
      assert.deepEqual([result.type, result.value.labels], ['videorectangle', ['City']]);
      assert.ok(result.value.sequence[0].width > 5, JSON.stringify(result.value));
    },
  },
  text: {
    async mark(page) {
      await choose(page, 'Person');
      const text = page.locator('#editor .lsf-richtext__line').first();
      await selectText(page, text, 'Ada Lovelace');
    },
    check({ type, value }) {
      assert.deepEqual([type, value.labels, value.text], ['labels', ['Person'], 'Ada Lovelace']);
      assert.deepEqual([value.start, value.end], [0, 12]);
    },
  },
  choices: {
    mark: (page) => choose(page, 'Good'),
    check({ type, value }) {
      assert.deepEqual([type, value], ['choices', { choices: ['Good'] }]);
    },
  },
};

/** Drags over the words at the beginning of a text. */
async function selectText(page, element, words) {
  const line = await element.evaluate((node, wanted) => {
    const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const at = texts.currentNode.data.indexOf(wanted);
      if (at < 0) continue;
      const range = document.createRange();
      range.setStart(texts.currentNode, at);
      range.setEnd(texts.currentNode, at + wanted.length);
      const { left, right, top, height } = range.getBoundingClientRect();
      return { left, right, y: top + height / 2 };
    }
    return null;
  }, words);
  await page.mouse.move(line.left, line.y);
  await page.mouse.down();
  await page.mouse.move((line.left + line.right) / 2, line.y, { steps: 4 });
  await page.mouse.move(line.right, line.y, { steps: 4 });
  await page.mouse.up();
}

test('the annotation editor', async (t) => {
  const world = await start();
  t.after(world.stop);
  const api = apiOf(world.url);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;
  const foreign = [];
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== world.url) foreign.push(request.url());
  });
  await signIn(page, world.url, owner);

  for (const [kind, { mark, check }] of Object.entries(KINDS)) {
    await t.test(`${kind} is marked by mouse, submitted, and found again`, async () => {
      const { project, tasks } = ['text', 'choices'].includes(kind)
        ? await textProject(api, kind, ['Ada Lovelace wrote the first program.'])
        : await mediaProject(world, api, kind);
      await openTask(page, world, project, tasks[0]);
      await mark(page);
      await page.locator('#editor').getByText('Submit', { exact: true }).click();
      const [annotation] = await eventually(async () => {
        const found = await annotationsOf(api, tasks[0]);
        return found.length > 0 && found;
      }, 'the annotation');
      assert.equal(annotation.result.length, 1, JSON.stringify(annotation.result));
      check(annotation.result[0]);
      assert.ok(annotation.lead_time > 0);
      await page.getByRole('heading', { name: 'Nothing left to label' }).waitFor();

      await page.reload();
      await page.locator('#editor button', { hasText: 'Update' }).waitFor();
      assert.deepEqual(await barriers(page, THEIRS), []);
    });
  }

  await t.test('one task after the other in place, and back', async () => {
    const { project, tasks } = await textProject(api, 'choices', ['One', 'Two', 'Three', 'Four']);
    await page.goto(`${world.url}/projects/${project.id}/label`);
    await page.waitForURL(addressOf(world, project, tasks[0]));
    await choose(page, 'Good');
    await page.evaluate(() => { globalThis.isSamePage = true; });
    const asked = Date.now();
    await submitButton(page).click();
    await page.waitForURL(addressOf(world, project, tasks[1]));
    await page.locator('#editor').getByText('Two').waitFor();
    t.diagnostic(`the next task was there after ${Date.now() - asked} ms`);
    await page.getByText(/^Saved \d/).waitFor();
    assert.equal(await page.locator('#position').textContent(), '2 of 4');

    // Skipped tasks do not come again.
    await page.locator('#editor').getByText('Skip', { exact: true }).click();
    await page.waitForURL(addressOf(world, project, tasks[2]));
    const [skipped] = await annotationsOf(api, tasks[1]);
    assert.equal(skipped.was_cancelled, true);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.waitForURL(addressOf(world, project, tasks[3]));
    await page.goBack();
    await page.locator('#editor').getByText('Three').waitFor();
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.locator('#editor').getByText('Two').waitFor();

    // What was done last is a list.
    await page.getByRole('button', { name: 'History' }).click();
    const list = page.getByRole('dialog', { name: 'What you annotated last' });
    assert.equal(await list.getByRole('listitem').count(), 2);
    await list.getByRole('link', { name: `Task ${tasks[0].id}` }).click();
    await page.locator('#editor').getByText('One').waitFor();
    await page.locator('#editor button', { hasText: 'Update' }).waitFor();
    assert.equal(await page.evaluate(() => globalThis.isSamePage), true);

    // The other choice replaces the first, in the same annotation.
    await choose(page, 'Bad');
    await submitButton(page).click();
    await page.getByText(/^Saved \d/).waitFor();
    const updated = await annotationsOf(api, tasks[0]);
    assert.deepEqual(updated.map(({ result }) => result[0].value.choices), [['Bad']]);
  });

  await t.test('a draft survives a reload and goes with the annotation', async () => {
    const { project, tasks } = await textProject(api, 'choices', ['A draft']);
    await openTask(page, world, project, tasks[0]);
    await choose(page, 'Bad');
    await page.getByText(/^Draft saved \d/).waitFor();
    assert.deepEqual(await annotationsOf(api, tasks[0]), []);
    await page.reload();
    await submitButton(page).waitFor();
    await page.locator('#editor input[type=checkbox]:checked, #editor input[type=radio]:checked').waitFor({ state: 'attached' });
    await submitButton(page).click();
    await page.getByRole('heading', { name: 'Nothing left to label' }).waitFor();
    const { drafts, annotations } = await api('GET', `/api/tasks/${tasks[0].id}`);
    assert.deepEqual([drafts.length, annotations.length], [0, 1]);
    assert.deepEqual(annotations[0].result[0].value.choices, ['Bad']);
  });

  await t.test('predictions are a beginning', async () => {
    const { project, tasks } = await textProject(api, 'choices', ['Predicted']);
    const result = [{ from_name: 'label', to_name: 'item', type: 'choices', value: { choices: ['Good'] } }];
    const prediction = await api('POST', '/api/predictions', { task: tasks[0].id, result, model_version: 'v1' });
    await openTask(page, world, project, tasks[0]);
    await submitButton(page).click();
    await page.getByRole('heading', { name: 'Nothing left to label' }).waitFor();
    const [annotation] = await annotationsOf(api, tasks[0]);
    assert.deepEqual(annotation.result[0].value.choices, ['Good']);
    assert.equal(annotation.parent_prediction, prediction.id);
  });

  await t.test('the keyboard reaches the bar and submits', async () => {
    const { project, tasks } = await textProject(api, 'choices', ['By keyboard']);
    await openTask(page, world, project, tasks[0]);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'back');
    await page.getByRole('button', { name: 'Help' }).press('Enter');
    const help = page.getByRole('dialog', { name: 'Keys' });
    await help.getByText('submit or update').waitFor();
    assert.deepEqual(await barriers(page, THEIRS), []);
    await page.keyboard.press('Escape');
    await page.keyboard.press('1');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('heading', { name: 'Nothing left to label' }).waitFor();
    const [annotation] = await annotationsOf(api, tasks[0]);
    assert.deepEqual(annotation.result[0].value.choices, ['Good']);
  });

  await t.test('the licences of the editor are there to read', async () => {
    await page.goto(`${world.url}/editor/licences`);
    assert.deepEqual(await barriers(page), []);
    await page.getByRole('link', { name: /Packages inside/ }).click();
    await page.getByText('@humansignal/audio-file-decoder').first().waitFor();
  });

  await t.test('nothing was blocked, failed, or asked of others', () => {
    assert.deepEqual(foreign, []);
    // "Nothing left" is a 404 of the API.
    assert.deepEqual(browser.complaints.filter((text) => !text.includes('status of 404')), []);
  });
});
