// No stranger's script on any other page: every page of the product, with what others named, wrote and answered on
// it. Azure's own words come with markup too, through the real program, and are seen as the texts that they are.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { openFront } from './azure_front.js';
import { HTML, NAME } from './hostile.js';
import { PERSON, SAID, answered, organization, tokens } from './hostile_organization.js';
import { apiOf } from './sample.js';
import { held, openBoth, posted, pressed } from './strangers.js';
import { start } from './world.js';

const query = encodeURIComponent(NAME);

/** Pages by address, with the texts that each shows. */
function pages({ project, pictures, storages, task, media, invite }, tenant) {
  const [unread, streamed, signed] = media.map(({ id }) => `/projects/${pictures.id}/tasks/${id}`);
  const { source, foreign, linked, target } = storages;
  return {
    '/': [NAME, HTML],
    [`/?search=${query}`]: [NAME],
    '/projects/new': [],
    [`/projects/${project.id}`]: [NAME],
    [`/projects/${project.id}?view=list&text=${query}`]: [NAME],
    [`/projects/${project.id}?text=nothing${query}`]: [`nothing${NAME}`],
    [`/projects/${pictures.id}`]: [NAME, SAID],
    [`/projects/${project.id}/label`]: [],
    [`/projects/${project.id}/settings`]: [NAME, HTML, 'the label “lost”'],
    [`/projects/${project.id}/label-preview`]: ['Marked'],
    [`/projects/${project.id}/delete`]: [NAME],
    [`/projects/${project.id}/import`]: [NAME],
    [`/projects/${project.id}/storages`]: [NAME, SAID],
    [`/projects/${pictures.id}/storages`]: [NAME, SAID],
    [`/projects/${project.id}/exports`]: [NAME, SAID],
    '/exports': [NAME, SAID],
    [`/storages/${source}`]: [NAME],
    [`/storages/${source}/history`]: [NAME],
    [`/storages/${source}/errors`]: [NAME, SAID],
    [`/storages/${source}/settings`]: [NAME],
    [`/storages/${source}/disconnect`]: [NAME],
    [`/storages/${source}/check`]: [NAME],
    [`/storages/${foreign}`]: [NAME, SAID],
    [`/storages/${foreign}/history`]: [SAID],
    [`/storages/${linked}`]: [NAME, SAID],
    [`/storages/${target}`]: [NAME, SAID],
    [`/storages/${target}/history`]: [NAME],
    [`/projects/${project.id}/tasks/${task.id}`]: [NAME, 'Marked'],
    [unread]: [NAME],
    [streamed]: [`${NAME}/refused.png cannot be shown`, SAID],
    [signed]: [`${NAME}/refused.png cannot be shown`, SAID],
    [`/tasks/${media[1].id}/thumbnail`]: [SAID],
    '/settings': [],
    '/settings/account': [NAME, PERSON],
    '/settings/members': [NAME],
    '/settings/tokens': [NAME.slice(0, 100)],
    '/settings/audit': [NAME],
    [`/settings/audit?search=${query}&subject=${query}&event_id=${query}`]: [NAME],
    '/settings/integrations': [NAME, SAID, PERSON, `Other ${NAME}`],
    [`/settings/integrations/${tenant}`]: [],
    [`/settings/integrations/${tenant}?account=${query}&container=${query}`]: [NAME],
    [`/settings/integrations/${tenant}?account=contosomedia&container=media`]: [SAID],
    [`/settings/integrations/${tenant}/unlink`]: [],
    [`/user/login?next=${query}`]: [],
    [invite]: [NAME],
    '/editor/licences': [],
    // Errors, as pages.
    [`/nowhere/${query}`]: [],
    [`/projects/${query}`]: [],
    [`/invite/${query}`]: [],
    [`/first-run/${query}`]: [],
    [`/settings/integrations/${query}`]: [],
    [`/user/login/entra/${query}`]: [],
    [`/connect/azure/callback?state=${query}&error=${query}&error_description=${query}`]: [],
    [`/connect/azure/consented?state=${query}&error=${query}&error_description=${query}&tenant=${query}`]: [],
    [media[1].data.image]: [SAID],
    [`/tasks/${task.id}/resolve/?fileuri=${query}`]: [],
  };
}

/** Forms by where they are sent: what is sent, the texts of the page that answers, and where that is when elsewhere. */
function forms({ project, task, storages, wizard }, key, mail) {
  const { source, foreign, linked, target } = storages;
  const connect = `/projects/${wizard.id}/connect`;
  const place = { account_name: 'contosomedia', container: 'media', prefix: NAME, serve: 'proxy' };
  const ids = ['tenant_id', 'client_id'].map((name) => [name, crypto.randomUUID()]);
  return [
    ['/user/login', { email: mail, password: 'not this one', next: NAME }, [mail]],
    ['/projects/new', { title: '', description: HTML }, [HTML]],
    [`/projects/${project.id}/settings`, { title: '', description: HTML, expert_instruction: NAME }, [HTML, NAME]],
    [`/projects/${project.id}/settings/label-config`, { label_config: `<View ${NAME}/>` }, [NAME]],
    [`/projects/${project.id}/settings/label-config/check`, { label_config: '<View/>' }, ['lost']],
    [`/projects/${project.id}/import`, { text: `[{"text": ${NAME}` }, [NAME]],
    [`/projects/${project.id}/import`, { text: `[{"other": ${JSON.stringify(NAME)}}]` }, [NAME]],
    [`/projects/${project.id}/delete`, { title: `not${NAME}` }, [`not${NAME}`]],
    [`/projects/${project.id}/tasks/chosen`, { task: task.id, action: 'delete_tasks', back: `text=${query}` }, [NAME]],
    ['/settings/members/invite', { email: mail, role: 'annotator' }, [mail]],
    ['/settings/members/invite', { email: NAME, role: 'annotator' }, [NAME]],
    ['/settings/tokens', { name: NAME, expires_in_days: NAME }, [NAME]],
    [`/storages/${source}/settings`, { title: NAME, container: NAME, account_name: NAME, prefix: NAME, regex_filter: `(${NAME}` }, [NAME, `(${NAME}`]],
    [`/storages/${foreign}/check`, {}, [NAME, SAID]],
    [`/storages/${linked}/check`, {}, [NAME, SAID]],
    [`/storages/${target}/check`, {}, [NAME, SAID]],
    [`${connect}/sign-in`, { method: 'service_principal', tenant_id: NAME, client_id: NAME, client_secret: NAME, go: 'next' }, [NAME]],
    [`${connect}/sign-in`, { method: 'service_principal', ...Object.fromEntries(ids), client_secret: 'x', go: 'next' }, [], `${connect}/place`],
    [`${connect}/check`, place, [SAID]],
    [`${connect}/sign-in`, { method: 'account_key', account_key: key, go: 'next' }, [], `${connect}/place`],
    [`${connect}/place`, { ...place, account_name: NAME, container: NAME, go: 'next' }, [NAME]],
    [`${connect}/check`, { ...place, container: 'foreign' }, [SAID]],
    [`${connect}/place`, { ...place, go: 'next' }, ['refused.json'], `${connect}/content`],
    [`${connect}/preview`, { import_mode: 'tasks', regex_filter: '.*' }, [NAME]],
    [`${connect}/content`, { import_mode: 'tasks', regex_filter: `(${NAME}`, go: 'next' }, [NAME]],
    [`${connect}/content`, { import_mode: 'tasks', regex_filter: '.*', recursive: 'on', go: 'next' }, [NAME], `${connect}/review`],
    [`${connect}-target/sign-in`, { method: 'account_key', account_key: key, go: 'next' }, [], `${connect}-target/place`],
    [`${connect}-target/check`, { ...place, container: 'results' }, [SAID]],
    [`${connect}-target/place`, { ...place, go: 'next' }, [NAME], `${connect}-target/content`],
    [`${connect}-target/content`, { export_layout: 'per_task', go: 'next' }, [NAME], `${connect}-target/review`],
  ];
}

/** What Entra ID says of a sign-in and of a consent, on the way back and afterwards. */
async function comingBack(tab, world, front) {
  const begun = async () => {
    await tab.goto(`${world.url}/settings/integrations`);
    await pressed(tab, 'Connect another tenant');
  };
  const back = async (step, answer, texts) => {
    const state = await tab.evaluate('new URL(location).searchParams.get("state")');
    await held(tab, world, `/connect/azure/${step}?${new URLSearchParams({ state, ...answer })}`, { texts });
  };
  const refusal = { error: 'access_denied', error_description: SAID };
  await begun();
  await back('callback', refusal, [SAID]);
  await begun();
  await back('callback', { code: 'one of a stranger' }, [SAID]);
  tokens(front, true);
  await begun();
  await answered(tab, 'Sign in');
  await back('consented', refusal, [SAID]);
  await held(tab, world, '/settings/integrations', { texts: [SAID, 'Nobody has consented'] });
  await pressed(tab, 'Give up');
  tokens(front, false);
}

/** Every GET of a page in the route table; parts that pages load by themselves, files, JSON and the way to Entra ID are none. */
async function routes() {
  const folder = join(import.meta.dirname, '../crates/server/src/router');
  const sources = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
  const found = [...sources.join().matchAll(/\.page\(\s*"([^"]+)",\s*(?:GET|get)\b/g)].map(([, route]) => route);
  const isNone = /\/events$|^\/static\/|^\/editor\/\{|\/thumbnail\/|\/shown|\/unreadable$|\/entra$/;
  return found.filter((route) => !isNone.test(route));
}

test('no stranger\'s script on any other page', { concurrency: 1000 }, async (t) => {
  const front = await openFront();
  t.after(front.close);
  const world = await start({ front, settings: { LONGSHORE_ORGANIZATION: NAME } });
  t.after(world.stop);
  const api = apiOf(world.url);
  const browsers = await openBoth(t, world.url, 3);
  const made = await browsers[0].using((tab) => organization(world, api, front, tab));
  const all = pages(made, world.tenant.id);

  await t.test('no page is left out', async () => {
    const known = await routes();
    assert.ok(known.length > 30, known.join());
    const paths = Object.keys(all).map((path) => path.split('?')[0]);
    const isOpened = (route) => paths.some((path) => new RegExp(`^${route.replace(/\{\w+\}/g, '[^/]+')}/?$`).test(path));
    assert.deepEqual(known.filter((route) => !isOpened(route)), []);
  });

  // What is entered step by step is one person's, and one after the other; pages are opened meanwhile.
  const sent = browsers.map((browser) => t.test(`forms that are sent, in ${browser.name}`, () => browser.using(async (tab) => {
    const wizard = await api('POST', '/api/projects', { title: NAME, label_config: '<View><Text name="t" value="$text"/></View>' });
    const mail = `${browser.name}${NAME}@evil.example`.toLowerCase();
    await tab.goto(`${world.url}/settings`);
    for (const [path, fields, texts, landing] of forms({ ...made, wizard }, world.account.key1, mail)) {
      await posted(tab, world, path, fields, { texts }, landing);
    }
  })));
  const opened = Object.entries(all).flatMap(([path, texts]) => browsers.map((browser) =>
    t.test(`${path.replaceAll(query, 'NAME')}, in ${browser.name}`, () => browser.using((tab) => held(tab, world, path, { texts })))));
  await Promise.all([...sent, ...opened]);

  for (const browser of browsers) {
    await t.test(`the way to Entra ID and back, in ${browser.name}`, () => browser.using((tab) => comingBack(tab, world, front)));
  }
});
