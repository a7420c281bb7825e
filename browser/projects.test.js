// From the first run to the end of a project: what a new owner does on their first day, in a browser.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { barriers, open, signIn } from './chromium.js';
import { apiOf } from './sample.js';
import { owner, start } from './world.js';

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 800 };
const hasEditor = existsSync(join(import.meta.dirname, '../crates/server/assets/editor/manifest.json'));

const button = (page, name) => page.getByRole('button', { name, exact: true });

/** Nothing in the way of people with disabilities, nothing wider than a telephone. */
async function inOrder(page) {
  assert.deepEqual(await barriers(page), [], page.url());
  await page.setViewportSize(PHONE);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await page.setViewportSize(DESK);
  assert.ok(over <= 0, `${page.url()} is ${over} px too wide for a telephone`);
}

/** What the browser complained of, but for answers of 4xx, which are asked for here. */
const complaints = (browser) => browser.complaints.filter((text) => !text.includes('Failed to load resource'));

test('from the first run to the end of a project', async (t) => {
  const world = await start({ isNew: true });
  t.after(world.stop);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;

  // Who has no link is told where it is.
  await page.goto(world.url);
  await page.getByText('Nobody can sign in yet').waitFor();
  await inOrder(page);
  await page.goto(`${world.url}/first-run/00`);
  await page.getByText('This is not the link').waitFor();
  await inOrder(page);

  await page.goto(world.firstRun);
  await inOrder(page);
  await page.getByLabel('Your organization').fill('Contoso Labeling');
  await page.getByLabel('Your e-mail address').fill(owner.email);
  await page.getByLabel('Choose a password').fill(owner.password);
  await button(page, 'Make the organization').click();
  await page.getByText('Nothing here yet').waitFor();
  await inOrder(page);

  // A project from the gallery.
  await page.getByRole('link', { name: 'New project' }).first().click();
  await page.getByLabel('Title').fill('Street scenes');
  await page.getByRole('radio', { name: /^Boxes Draw boxes/ }).check();
  await inOrder(page);
  await button(page, 'Create project').click();
  await page.waitForURL(/\/projects\/\d+$/);
  const project = page.url();

  // Its labeling config: broken, with line and column; mended; seen as annotators see it.
  await page.goto(`${project}/settings`);
  const config = page.getByRole('textbox', { name: "Label Studio's XML" });
  const preview = page.frameLocator('iframe');
  if (hasEditor) await preview.getByText('Vehicle').waitFor();
  else await preview.getByText('not in this build').waitFor();
  await inOrder(page);
  await config.fill('<View>\n  <Image name="image" value="$image"/>\n  <Choices name="c" toName="image"');
  await page.getByText('Line 3, column 3: unclosed token').waitFor();
  await inOrder(page);
  await button(page, 'Go there').click();
  assert.equal(await config.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd)), '<');
  await config.fill('<View>\n<Image name="image" value="$image"/>\n  <Choices name="c" toName="image"><Choice value="Daylight"/></Choices>\n</View>');
  await page.getByText('Nothing is wrong').waitFor();
  if (hasEditor) await preview.getByText('Daylight').waitFor();
  // Tab indents, and Esc lets it leave the field.
  await config.evaluate((area) => area.setSelectionRange(7, 7));
  await config.press('Tab');
  assert.match(await config.inputValue(), /\n {2}<Image/);
  await config.press('Escape');
  await config.press('Tab');
  assert.equal(await config.evaluate((area) => area === document.activeElement), false);
  await button(page, 'Save labeling config').click();
  await page.getByText('Saved.', { exact: true }).waitFor();
  assert.match(await config.inputValue(), /Daylight/);

  // A template only goes into the editor until it is saved.
  await button(page, 'Take a template').click();
  await page.getByRole('dialog').getByRole('radio', { name: /^Named entities/ }).check();
  assert.deepEqual(await barriers(page), []);
  await button(page, 'Put it into the editor').click();
  await page.getByText('not saved yet').waitFor();
  if (hasEditor) await preview.getByText('Organization').waitFor();
  await page.goto(`${project}/settings`);
  assert.match(await config.inputValue(), /Daylight/);

  // Tasks by hand: what is wrong, then what is right.
  await page.goto(`${project}/import`);
  await inOrder(page);
  await page.getByLabel('Or paste tasks').fill('[{"image": "a.png"},\n {"img": "b.png"}]');
  await button(page, 'Import').click();
  await page.getByText('Error at item 1: "image" key is expected').waitFor();
  await inOrder(page);
  await page.getByLabel('File').setInputFiles({
    name: 'tasks.jsonl',
    mimeType: 'application/x-ndjson',
    buffer: Buffer.from('{"image": "a.png"}\n{"image": "b.png"}\n'),
  });
  await button(page, 'Import').click();
  await page.getByText('2 tasks were imported').waitFor();

  // What annotators are told comes before they begin, once.
  await page.goto(`${project}/settings`);
  await page.getByLabel('Instructions for annotators').fill('Boxes end where\nthe object ends.');
  await page.getByLabel('Show them when somebody begins to label').check();
  await button(page, 'Save title and instructions').click();
  await page.getByText('Saved.', { exact: true }).waitFor();
  await page.goto(`${project}/tasks/1`);
  await page.getByText('the object ends').waitFor();
  await button(page, 'Close').filter({ visible: true }).click();
  await page.reload();
  await page.getByRole('button', { name: 'Instructions' }).waitFor();
  assert.equal(await page.getByText('the object ends').isVisible(), false);

  // The end: the title must be typed.
  await page.goto(`${project}/settings`);
  await page.getByRole('link', { name: 'Delete project' }).click();
  await page.getByText('2 tasks', { exact: true }).waitFor();
  await page.getByText('No target storage is connected.').waitFor();
  await inOrder(page);
  await page.getByLabel(/^Type the project's title/).fill('Street');
  await button(page, 'Delete project and everything in it').click();
  await page.getByText('Nothing was deleted').waitFor();
  await page.getByLabel(/^Type the project's title/).fill('Street scenes');
  await button(page, 'Delete project and everything in it').click();
  await page.getByText('Nothing here yet').waitFor();
  await page.goto(`${project}/settings`);
  await page.getByRole('heading', { name: 'Nothing is here' }).waitFor();
  await inOrder(page);
  assert.deepEqual(complaints(browser), []);
});

test('an owner invites, makes a token and reads the audit log', async (t) => {
  const world = await start();
  t.after(world.stop);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;

  // A wrong password is said beside the field, with the address kept.
  await page.goto(`${world.url}/settings/members`);
  await page.getByLabel('E-mail').fill(owner.email);
  await page.getByLabel('Password').fill('wrong');
  await button(page, 'Sign in').click();
  await page.getByText("don't match").waitFor();
  assert.equal(await page.getByLabel('E-mail').inputValue(), owner.email);
  await inOrder(page);
  await page.getByLabel('Password').fill(owner.password);
  await button(page, 'Sign in').click();
  await page.getByRole('heading', { name: 'Members' }).waitFor();

  await page.getByLabel('E-mail').fill(owner.email);
  await button(page, 'Make a link').click();
  await page.getByText('a member already').waitFor();
  await inOrder(page);
  await page.getByLabel('E-mail').fill('ann@contoso.example');
  await page.getByRole('radio', { name: /^annotator/ }).check();
  await button(page, 'Make a link').click();
  const link = await page.locator('#new-link').textContent();
  await inOrder(page);

  // The invited person, in a browser of their own, sees what an annotator may.
  const theirs = await open();
  t.after(theirs.close);
  await theirs.page.goto(link);
  await inOrder(theirs.page);
  await theirs.page.getByLabel('First name').fill('Ann');
  await theirs.page.getByLabel('Choose a password').fill('another long one');
  await button(theirs.page, 'Become a member').click();
  await theirs.page.getByText('Nobody has made a project yet').waitFor();
  assert.equal(await theirs.page.getByRole('link', { name: 'New project' }).count(), 0);
  await theirs.page.goto(`${world.url}/projects/new`);
  await theirs.page.getByRole('heading', { name: 'You may not do this' }).waitFor();
  await inOrder(theirs.page);

  // An API token, shown once, and revoked after a question.
  await page.goto(`${world.url}/settings/tokens`);
  await inOrder(page);
  await page.getByLabel('What it is for').fill('nightly');
  await button(page, 'Make a token').click();
  const token = await page.locator('#new-token').textContent();
  const whoami = await fetch(`${world.url}/api/current-user/whoami`, { headers: { authorization: `Token ${token}` } });
  assert.equal((await whoami.json()).email, owner.email);
  await inOrder(page);
  const row = page.getByRole('row', { name: /nightly/ });
  await row.getByText('Revoke', { exact: false }).first().click();
  await button(page, 'Revoke this token').filter({ visible: true }).click();
  await row.waitFor({ state: 'detached' });

  // The audit log, filtered by its address.
  await page.goto(`${world.url}/settings/audit`);
  await inOrder(page);
  await page.getByRole('combobox', { name: /^What/ }).selectOption({ label: 'Created an API token' });
  await page.getByRole('combobox', { name: /^Who/ }).selectOption({ label: owner.email });
  await button(page, 'Show').click();
  await page.waitForURL(/action=token\.create/);
  await page.getByRole('cell', { name: 'Created an API token' }).first().waitFor();
  assert.equal(await page.getByRole('cell', { name: 'Invited a person' }).count(), 0);
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download as JSON lines' }).click();
  assert.equal((await download).suggestedFilename(), 'longshore-audit.jsonl');
  await page.getByLabel('Of', { exact: true }).fill('project/12345');
  await button(page, 'Show').click();
  await page.getByText('Nothing matches').waitFor();
  await inOrder(page);

  for (const path of ['/settings', '/settings/account', '/settings/integrations']) {
    await page.goto(`${world.url}${path}`);
    await inOrder(page);
  }
  assert.deepEqual(complaints(browser), []);
  assert.deepEqual(complaints(theirs), []);
});

test('a config without a label that annotations use says how often', async (t) => {
  const world = await start();
  t.after(world.stop);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;
  const api = apiOf(world.url);
  const label_config = '<View><Text name="text" value="$text"/><Choices name="kind" toName="text"><Choice value="prose"/><Choice value="verse"/></Choices></View>';
  const project = await api('POST', '/api/projects', { title: 'Poems', label_config });
  const task = await api('POST', '/api/tasks', { project: project.id, data: { text: 'Tyger, tyger' } });
  const result = [{ from_name: 'kind', to_name: 'text', type: 'choices', value: { choices: ['verse'] } }];
  await api('POST', `/api/tasks/${task.id}/annotations`, { result });

  await signIn(page, world.url, owner);
  await page.goto(`${world.url}/projects/${project.id}/settings`);
  const config = page.getByRole('textbox', { name: "Label Studio's XML" });
  await config.fill(label_config.replace('verse', 'poem'));
  await page.getByText('the label “verse” of kind, used once').waitFor();
  await inOrder(page);
  await button(page, 'Save labeling config').click();
  await page.getByText('Saved.', { exact: true }).waitFor();
  await page.getByText('the label “verse” of kind, used once').waitFor();
  assert.deepEqual(complaints(browser), []);
});
