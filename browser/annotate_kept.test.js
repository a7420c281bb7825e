// Nobody's work is lost or silently replaced: two people, a lost connection, a lost session, a closed page.

import assert from 'node:assert/strict';
import test from 'node:test';

import { annotationsOf, choose, eventually, openTask, submitButton, textProject, THEIRS } from './annotating.js';
import { barriers, open, signIn } from './chromium.js';
import { apiOf } from './sample.js';
import { owner, start } from './world.js';

const banner = (page, heading) => page.getByRole('alert').getByRole('heading', { name: heading });
const press = (page, name, options) => page.getByRole('alert').getByRole('button', { name }).click(options);
const choicesOf = (annotations) => annotations.map(({ result }) => result[0].value.choices[0]);

test('work is kept', async (t) => {
  const world = await start();
  t.after(world.stop);
  const api = apiOf(world.url);
  const browser = await open();
  t.after(browser.close);
  const { page, context } = browser;
  await signIn(page, world.url, owner);
  const task = async (text) => {
    const { project, tasks } = await textProject(api, 'choices', [text]);
    await openTask(page, world, project, tasks[0]);
    return { project, task: tasks[0] };
  };

  await t.test('who saves second is told, and decides', async () => {
    const { project, task: at } = await task('Contested');
    await choose(page, 'Good');
    await submitButton(page).click();
    const [annotation] = await eventually(async () => {
      const found = await annotationsOf(api, at);
      return found.length > 0 && found;
    }, 'the annotation');
    await openTask(page, world, project, at);
    const result = (choice) => [{ ...annotation.result[0], value: { choices: [choice] } }];

    await api('PATCH', `/api/annotations/${annotation.id}`, { result: result('Good') });
    await choose(page, 'Bad');
    await submitButton(page).click();
    await banner(page, 'You saved this in another window').waitFor();
    assert.deepEqual(await barriers(page, THEIRS), []);
    assert.deepEqual(choicesOf(await annotationsOf(api, at)), ['Good']);

    // It is still there after a reload.
    await page.reload();
    await banner(page, 'You saved this in another window').waitFor();
    await press(page, 'Keep this as a new annotation');
    await page.getByText(/^Saved \d/).waitFor();
    const both = await annotationsOf(api, at);
    assert.deepEqual(choicesOf(both).sort(), ['Bad', 'Good']);
    assert.equal(both.find(({ parent_annotation: parent }) => parent === annotation.id).result[0].value.choices[0], 'Bad');
  });

  await t.test('theirs can be shown instead', async () => {
    const { project, task: at } = await task('Contested too');
    const result = (choice) => [{ from_name: 'label', to_name: 'item', type: 'choices', value: { choices: [choice] } }];
    const annotation = await api('POST', `/api/tasks/${at.id}/annotations`, { result: result('Good') });
    await openTask(page, world, project, at);
    const manager = await addMember(api, world, 'manager');
    const other = await open();
    t.after(other.close);
    await signIn(other.page, world.url, manager);
    const saved = await other.page.request.patch(`${world.url}/api/annotations/${annotation.id}`, {
      data: { result: result('Good') }, headers: { origin: world.url },
    });
    assert.ok(saved.ok(), await saved.text());
    await choose(page, 'Bad');
    await submitButton(page).click();
    await banner(page, 'Somebody else was faster').waitFor();
    await page.getByText(`${manager.email} saved this annotation at`).waitFor();
    await press(page, 'Show theirs');
    await banner(page, 'Somebody else was faster').waitFor({ state: 'detached' });
    assert.deepEqual(choicesOf(await annotationsOf(api, at)), ['Good']);
    assert.deepEqual((await api('GET', `/api/tasks/${at.id}`)).drafts, []);
  });

  await t.test('without a connection it waits here, and is sent once', async () => {
    const { task: at } = await task('Offline');
    await choose(page, 'Good');
    await context.setOffline(true);
    await submitButton(page).click();
    await banner(page, 'Not saved: no connection').waitFor();
    assert.deepEqual(await barriers(page, THEIRS), []);
    await context.setOffline(false);
    await banner(page, 'Nothing left to label').waitFor();
    assert.deepEqual(choicesOf(await annotationsOf(api, at)), ['Good']);
  });

  await t.test('an answer that got lost makes no second annotation', async () => {
    const { task: at } = await task('Lost answer');
    await choose(page, 'Good');
    let isFirst = true;
    await page.route(`**/api/tasks/${at.id}/annotations`, async (route) => {
      if (!isFirst) return route.continue();
      isFirst = false;
      await route.fetch();
      await route.abort();
    });
    await submitButton(page).click();
    await banner(page, 'Nothing left to label').waitFor();
    assert.equal(isFirst, false);
    assert.deepEqual(choicesOf(await annotationsOf(api, at)), ['Good']);
  });

  await t.test('a closed page sends it when it is opened again', async () => {
    const { project, task: at } = await task('Closed');
    await page.route('**/api/tasks/*/annotations', (route) => route.abort());
    await choose(page, 'Bad');
    await submitButton(page).click();
    await banner(page, 'Not saved: no connection').waitFor();
    await page.unroute('**/api/tasks/*/annotations');
    page.once('dialog', (dialog) => dialog.accept());
    await openTask(page, world, project, at);
    const found = await eventually(async () => {
      const annotations = await annotationsOf(api, at);
      return annotations.length > 0 && annotations;
    }, 'the annotation');
    assert.deepEqual(choicesOf(found), ['Bad']);
    // It is shown as what it is now: a change of it is no second annotation, and not dropped.
    await page.locator('#editor button', { hasText: /^Update$/ }).waitFor();
    await choose(page, 'Good');
    await submitButton(page).click();
    await page.getByText(/^Saved \d/).waitFor();
    await eventually(async () => choicesOf(await annotationsOf(api, at))[0] === 'Good', 'the change');
    assert.equal((await annotationsOf(api, at)).length, 1);
  });

  /** The server gets the task's first submission; that answer and all after it are lost. */
  const loseAnswers = async (at) => {
    const path = `**/api/tasks/${at.id}/annotations`;
    const bodies = [];
    await page.route(path, async (route) => {
      if (!bodies.length) await route.fetch();
      bodies.push(route.request().postData());
      await route.abort();
    });
    return {
      sent: (words) => eventually(() => bodies.some((body) => body.includes(words)), `the submission of ${words}`),
      end: () => page.unroute(path),
    };
  };

  await t.test('what is corrected after a lost answer is saved, once', async () => {
    const { task: at } = await task('Lost and corrected');
    const lost = await loseAnswers(at);
    await choose(page, 'Good');
    await submitButton(page).click();
    await banner(page, 'Not saved: no connection').waitFor();
    await choose(page, 'Bad');
    await submitButton(page).click();
    await lost.sent('Bad');
    await lost.end();
    await banner(page, 'Nothing left to label').waitFor();
    assert.deepEqual(choicesOf(await annotationsOf(api, at)), ['Bad']);
  });

  await t.test('a skip whose answer is lost does not swallow the submission after it', async () => {
    const { task: at } = await task('Skipped, then not');
    const lost = await loseAnswers(at);
    await page.locator('#editor button', { hasText: /^Skip$/ }).click();
    await banner(page, 'Not saved: no connection').waitFor();
    await choose(page, 'Good');
    await submitButton(page).click();
    await lost.sent('Good');
    await lost.end();
    await banner(page, 'Nothing left to label').waitFor();
    const [annotation, ...more] = await annotationsOf(api, at);
    assert.deepEqual([annotation.was_cancelled, choicesOf([annotation]), more], [false, ['Good'], []]);
  });

  await t.test('what was changed elsewhere after a lost answer is not taken back', async () => {
    const { task: at } = await task('Lost and changed elsewhere');
    const lost = await loseAnswers(at);
    await choose(page, 'Good');
    await submitButton(page).click();
    await banner(page, 'Not saved: no connection').waitFor();
    const [{ id, result }] = await annotationsOf(api, at);
    await api('PATCH', `/api/annotations/${id}`, { result: [{ ...result[0], value: { choices: ['Bad'] } }] });
    await lost.end();
    await banner(page, 'You saved this in another window').waitFor();
    assert.deepEqual(choicesOf(await annotationsOf(api, at)), ['Bad']);
    await press(page, 'Show that one');
    await page.locator('#editor button', { hasText: /^Update$/ }).waitFor();
  });

  await t.test('a change behind a submission that waits is its draft, and the submission stays one', async () => {
    const { project, task: at } = await task('Changed while it waits');
    const path = `**/api/tasks/${at.id}/annotations`;
    await page.route(path, (route) => route.abort());
    await choose(page, 'Good');
    await submitButton(page).click();
    await banner(page, 'Not saved: no connection').waitFor();
    await choose(page, 'Bad');
    page.once('dialog', (dialog) => dialog.accept());
    await openTask(page, world, project, at);
    await page.unroute(path);
    const [draft] = await eventually(async () => {
      const { drafts } = await api('GET', `/api/tasks/${at.id}`);
      return drafts.length > 0 && drafts;
    }, 'the draft');
    const [annotation, ...more] = await annotationsOf(api, at);
    assert.deepEqual([choicesOf([annotation, draft]), draft.annotation, more], [['Good', 'Bad'], annotation.id, []]);
  });

  await t.test('who went on while a submission waited is left where they are', async () => {
    const { project, tasks } = await textProject(api, 'choices', ['One', 'Two', 'Three']);
    await openTask(page, world, project, tasks[0]);
    const path = `**/api/tasks/${tasks[0].id}/annotations`;
    await page.route(path, (route) => route.fulfill({ status: 503, body: '' }));
    await choose(page, 'Good');
    await submitButton(page).click();
    await banner(page, 'Not saved yet').waitFor();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.waitForURL(`**/tasks/${tasks[1].id}`);
    await page.unroute(path);
    await page.waitForFunction(() => !Object.keys(localStorage).some((key) => key.startsWith('longshore.unsent')));
    await choose(page, 'Bad');
    await submitButton(page).click();
    await page.waitForURL(`**/tasks/${tasks[2].id}`);
    const found = await Promise.all(tasks.map((one) => annotationsOf(api, one)));
    assert.deepEqual(found.map(choicesOf), [['Good'], ['Bad'], []]);
  });

  await t.test('the list of what was labeled leaves nothing behind', async () => {
    const { project, tasks } = await textProject(api, 'choices', ['Done', 'Begun']);
    await api('POST', `/api/tasks/${tasks[0].id}/annotations`, { result: [] });
    await openTask(page, world, project, tasks[1]);
    await choose(page, 'Bad');
    await page.locator('#history').click();
    await page.locator('#history-dialog a').click();
    await page.waitForURL(`**/tasks/${tasks[0].id}`);
    assert.deepEqual(choicesOf(await api('GET', `/api/tasks/${tasks[1].id}/drafts`)), ['Bad']);
  });

  await t.test('nobody deletes a change that they have not seen', async () => {
    const { project, task: at } = await task('Deleted unseen');
    const result = (choice) => [{ from_name: 'label', to_name: 'item', type: 'choices', value: { choices: [choice] } }];
    const { id } = await api('POST', `/api/tasks/${at.id}/annotations`, { result: result('Good') });
    let isChanged = false;
    await page.route(`**/api/tasks/${at.id}/presence`, async (route) => {
      if (!isChanged) await api('PATCH', `/api/annotations/${id}`, { result: result('Bad') });
      isChanged = true;
      await route.continue();
    });
    await openTask(page, world, project, at);
    await banner(page, 'Changed meanwhile').waitFor();
    // What "Delete Annotation" in the editor's menu calls.
    await page.evaluate(() => window.Htx.annotationStore.deleteAnnotation(window.Htx.annotationStore.selected));
    await banner(page, 'Not deleted').waitFor();
    assert.deepEqual(choicesOf(await annotationsOf(api, at)), ['Bad']);
  });

  await t.test('a broken value in the browser does not stop the page', async () => {
    const { project, task: at } = await task('Broken');
    await page.evaluate(() => {
      const { organization, user } = JSON.parse(document.getElementById('page').textContent);
      localStorage.setItem(`longshore.unsent:${organization}:${user.id}:1:x`, '{"task":');
    });
    await openTask(page, world, project, at);
    await page.evaluate(() => localStorage.clear());
  });

  await t.test('a change is kept even when the page closes before its draft is saved', async () => {
    const { project, task: at } = await task('Quick');
    await choose(page, 'Bad');
    page.once('dialog', (dialog) => dialog.accept());
    await openTask(page, world, project, at);
    const drafts = await eventually(async () => {
      const found = await api('GET', `/api/tasks/${at.id}/drafts`);
      return found.length > 0 && found;
    }, 'the draft');
    assert.deepEqual(choicesOf(drafts), ['Bad']);
  });

  await t.test('who is signed out signs in again and nothing is lost', async () => {
    const { task: at } = await task('Signed out');
    await choose(page, 'Good');
    await context.clearCookies();
    await submitButton(page).click();
    await banner(page, 'Not saved: you are signed out').waitFor();
    const [other] = await Promise.all([context.waitForEvent('page'), press(page, 'Sign in again')]);
    await signIn(other, world.url, owner);
    await other.close();
    await page.bringToFront();
    // The window's focus may have sent it before.
    await press(page, 'Try again', { timeout: 2000 }).catch(() => {});
    await banner(page, 'Nothing left to label').waitFor();
    assert.deepEqual(choicesOf(await annotationsOf(api, at)), ['Good']);
  });

  await t.test('work is not sent as that of somebody else who signed in', async () => {
    const { task: at } = await task('Shared computer');
    const invited = await addMember(api, world, 'annotator', 'shared');
    const signInAs = async (person) => {
      await context.clearCookies();
      const tab = await context.newPage();
      await signIn(tab, world.url, person);
      await tab.close();
      await page.bringToFront();
    };
    await signInAs(invited);
    await choose(page, 'Good');
    await submitButton(page).click();
    await banner(page, 'Not saved: somebody else is signed in').waitFor();
    assert.deepEqual(await annotationsOf(api, at), []);
    await signInAs(owner);
    // The window's focus may have sent it before.
    await press(page, 'Try again', { timeout: 2000 }).catch(() => {});
    await banner(page, 'Nothing left to label').waitFor();
    const [{ created_username: name }] = await annotationsOf(api, at);
    assert.ok(name.includes(owner.email), name);
  });

  await t.test('people see who else is there', async () => {
    const { project, task: at } = await task('Together');
    const invited = await addMember(api, world);
    const other = await open();
    t.after(other.close);
    await signIn(other.page, world.url, invited);
    await openTask(other.page, world, project, at);
    await other.page.getByText(`Also here: ${owner.email}`).waitFor();
  });

  await t.test('who may only look can look', async () => {
    const { project, task: at } = await task('To look at');
    const reader = await addMember(api, world, 'read_only');
    const other = await open();
    t.after(other.close);
    await signIn(other.page, world.url, reader);
    await other.page.goto(page.url());
    await other.page.locator('#editor').getByText('To look at').waitFor();
    await other.page.getByText('You may look, not annotate.').waitFor();
    assert.equal(await submitButton(other.page).count(), 0);
    assert.deepEqual(await barriers(other.page, THEIRS), []);
    assert.deepEqual(other.complaints, []);
    assert.deepEqual([project.id > 0, await annotationsOf(api, at)], [true, []]);
  });

  await t.test('nothing was blocked', () => {
    assert.deepEqual(browser.complaints.filter((text) => !text.includes('Failed to load resource')), []);
  });
});

/** A person who took an invitation. */
async function addMember(api, world, role = 'annotator', name = role) {
  const person = { email: `${name}@contoso.example`, password: 'another correct horse' };
  const { url } = await api('POST', '/api/invites', { email: person.email, role });
  const accepted = await fetch(url, {
    method: 'POST',
    headers: { origin: world.url },
    body: new URLSearchParams({ first_name: 'An', last_name: 'Other', password: person.password }),
  });
  assert.ok(accepted.ok, await accepted.text());
  return person;
}
