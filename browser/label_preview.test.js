// The preview of a labeling config: the editor on samples, in a frame of our own page.

import assert from 'node:assert/strict';
import test from 'node:test';

import { projectOf, textProject, THEIRS } from './annotating.js';
import { barriers, open, signIn } from './chromium.js';
import { apiOf } from './sample.js';
import { owner, start } from './world.js';

test('the preview of a labeling config', async (t) => {
  const world = await start();
  t.after(world.stop);
  const api = apiOf(world.url);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;
  await signIn(page, world.url, owner);
  const preview = page.frameLocator('iframe');
  /** Puts the preview into a page of ours, as the settings page does. */
  const embed = async (project) => {
    // Only this page may show the preview inside itself.
    await page.goto(`${world.url}/projects/${project.id}/settings`);
    await page.evaluate((src) => new Promise((ready) => {
      addEventListener('message', ({ data }) => data.preview === 'ready' && ready());
      document.body.replaceChildren(Object.assign(document.createElement('iframe'), { src, title: 'Preview' }));
    }), `/projects/${project.id}/label-preview`);
  };
  const write = (config, data) => page.evaluate((message) => {
    document.querySelector('iframe').contentWindow.postMessage(message, location.origin);
  }, { config, data });

  await t.test('samples for every kind of media', async () => {
    await embed(await projectOf(api, 'image'));
    await preview.getByText('Cat').waitFor();
    await write('<View><Audio name="a" value="$sound"/><Labels name="l" toName="a"><Label value="Beat"/></Labels></View>');
    await preview.getByText('Beat').waitFor();
    await preview.locator('input[value="00:00:03:000"]').waitFor();
    await write('<View><Video name="v" value="$film"/><Choices name="c" toName="v"><Choice value="Car"/></Choices></View>');
    await preview.getByText('Car').waitFor();
    await preview.locator('video').first().waitFor({ state: 'attached' });
    await write('<View><Paragraphs name="p" value="$talk" layout="dialogue"/><ParagraphLabels name="l" toName="p"><Label value="Question"/></ParagraphLabels></View>');
    await preview.getByText('Where is the first program?').waitFor();
    await write('<View><Repeater on="$pages" indexFlag="{{i}}"><Image name="p_{{i}}" value="$pages[{{i}}].url"/><Choices name="c_{{i}}" toName="p_{{i}}"><Choice value="Front"/></Choices></Repeater></View>');
    await preview.getByText('Front').first().waitFor();
    await write('<View><Pdf name="d" value="$doc"/><Choices name="c" toName="d"><Choice value="Letter"/></Choices></View>');
    await preview.getByText('Letter').waitFor();
  });

  await t.test('the project\'s own task is shown when it has one', async () => {
    const { project } = await textProject(api, 'text', ['A text of the project itself']);
    await embed(project);
    await preview.getByText('A text of the project itself').waitFor();
    await write('<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="Yes"/></Choices></View>', { text: 'Given with it' });
    await preview.getByText('Given with it').waitFor();
  });

  await t.test('what is wrong is said in words, and right again', async () => {
    await write('<View><Text name="t" value="$text"></View>');
    await preview.getByText(/It is not well-formed XML: error on line 1/).waitFor();
    await write('<View><Text name="t" value="$text"/><Choices name="c" toName="nobody"><Choice value="Yes"/></Choices></View>');
    await preview.getByText(/nobody.*does not exist/).waitFor();
    await write('<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="Maybe"/></Choices></View>');
    await preview.getByText('Maybe').waitFor();
    assert.equal(await preview.getByRole('alert').isVisible(), false);
  });

  await t.test('other sites cannot frame it, and nothing was blocked', async () => {
    const answer = await page.request.get(`${world.url}/projects/1/label-preview`);
    assert.match(answer.headers()['content-security-policy'], /frame-ancestors 'self'/);
    await page.goto(`${world.url}/projects/1/label-preview`);
    await page.locator('#editor').getByText('Cat').waitFor();
    assert.deepEqual(await barriers(page, THEIRS), []);
    assert.deepEqual(browser.complaints, []);
  });
});
