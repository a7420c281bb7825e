// An organization where every name, text and answer that somebody else decides is hostile: people, projects, blobs,
// storages, tokens, another organization's link, and what Azure says when it refuses.

import { changes } from './azure_front.js';
import { tasksOf } from './annotating.js';
import { HTML, NAME } from './hostile.js';
import { byKey, putBlob, synced } from './sample.js';
import { inPage, pressed } from './strangers.js';

/** What Azure says, and all that is told of it where only the beginning is. */
export const SAID = `Azure says ${NAME}`;
const EMAIL = `${NAME}@evil.example`;
export const PERSON = `ada${NAME}`;
const azure = changes(SAID);

/** `Longshore`'s requests that Azure refuses with hostile words. */
const REFUSED = [
  [/\/refused\.(json|png)/, azure.unknown],
  [/^PUT .*\/results\//, azure.unknown],
  [/\/foreign\?.*comp=list/, azure.foreign],
  [/./, azure.words],
];
/** While Entra ID gives no tokens. */
const NO_TOKENS = [[/\/token/, azure.unknownToEntra], ...REFUSED];
export const tokens = (front, areGiven) => front.rules.splice(0, Infinity, ...(areGiven ? REFUSED : NO_TOKENS));

const xml = (text) => text.replace(/[&<"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const config = (tag, key) =>
  `<View><${tag} name="t" value="$${key}"/><Choices name="c" toName="t"><Choice value="${xml(NAME)}"/><Choice value="Marked"/></Choices></View>`;
const chosen = [{ from_name: 'c', to_name: 't', type: 'choices', value: { choices: [NAME, 'lost'] } }];

/**
 * What its pages are about: ids, addresses. `tab` is the owner's, who connects the tenant. From the end of this on Azure
 * refuses, and Entra ID gives no tokens.
 */
export async function organization(world, api, front, tab) {
  const container = (name) => world.control('POST', '/accounts/contosomedia/containers', { name });
  for (const name of ['foreign', 'refused', 'results', 'signed', 'linked']) await container(name);
  await world.control('POST', `/tenants/${world.tenant.id}/users`, { name: PERSON, role: 'global_administrator' });
  const project = await api('POST', '/api/projects', {
    title: NAME, description: HTML, expert_instruction: HTML, label_config: config('Text', 'text'),
  });
  const pictures = await api('POST', '/api/projects', { title: `pictures ${NAME}`, label_config: config('Image', 'image') });
  const task = JSON.stringify({ data: { text: HTML }, annotations: [{ result: chosen }], predictions: [{ result: chosen, model_version: NAME }] });
  for (const [name, content] of [[`${NAME}.json`, task], ['bad.json', `{"${NAME}": ${NAME}`], ['refused.json', task]]) {
    await putBlob(world, 'media', `${NAME}/${name}`, content, 'application/json');
  }
  for (const name of ['refused', 'signed', 'foreign']) await putBlob(world, name, `${NAME}/refused.png`, HTML, 'image/png');
  await putBlob(world, 'refused', `${NAME}/${NAME}.txt`, HTML, `text/plain;${NAME}`);
  // Azure looks at a container when it is connected, so everything is in order then.
  const kept = { title: NAME, prefix: NAME, recursive_scan: true, presign: false };
  const connect = async (of, name, more, kind = 'azure') => (await api('POST', `/api/storages/${kind}`, byKey(world, of.id, name, { ...kept, ...more }))).id;
  const storages = {
    source: await connect(project, 'media', { regex_filter: '.*' }),
    streamed: await connect(pictures, 'refused', { use_blob_urls: true }),
    signed: await connect(pictures, 'signed', { use_blob_urls: true, presign: true }),
    foreign: await connect(pictures, 'foreign'),
    target: await connect(project, 'results', {}, 'export/azure'),
  };
  tokens(front, true);
  for (const name of ['source', 'streamed', 'signed', 'foreign']) await synced(api, `/api/storages/azure/${storages[name]}`);
  const [shown] = await tasksOf(api, project);
  await api('POST', `/api/tasks/${shown.id}/annotations`, { result: chosen });

  const invited = await api('POST', '/api/invites', { email: EMAIL, role: 'annotator' });
  await fetch(invited.url, {
    method: 'POST', redirect: 'manual', headers: { origin: world.url },
    body: new URLSearchParams({ first_name: NAME, last_name: NAME, password: 'a long enough password' }),
  });
  const invite = await api('POST', '/api/invites', { email: `x${EMAIL}`, role: 'annotator' });
  await api('POST', '/api/api-tokens', { name: NAME.slice(0, 100) });
  await world.command('organization', 'create', `Other ${NAME}`, '--owner', 'other@evil.example');
  await world.control('POST', '/consent', { tenant: world.tenant.id, client_id: world.app.client_id });
  await world.command('--as', 'other@evil.example', 'azure-link', 'add', '--tenant-id', world.tenant.id);
  const media = await tasksOf(api, pictures);
  storages.linked = await link(world, api, tab, pictures);
  tokens(front, false);
  await tab.goto(`${world.url}/settings/integrations`);
  await pressed(tab, 'Check again');
  await synced(api, `/api/storages/azure_link/${storages.linked}`);
  return { project, pictures, storages, task: shown, media, invite: new URL(invite.url).pathname };
}

/** Answers Entra ID, where the present page has led, as the administrator with the hostile name. */
export async function answered(tab, button) {
  await tab.evaluate(inPage((name) => {
    [...document.querySelectorAll('input[type=radio]')].find(({ value }) => value.startsWith(name)).checked = true;
  }, PERSON));
  await pressed(tab, button);
}

/** The tenant's administrator connects it, and themselves; answers a storage that uses the link. */
async function link(world, api, tab, project) {
  await tab.goto(`${world.url}/settings/account`);
  await pressed(tab, 'Sign in with Entra ID from now on');
  await answered(tab, 'Sign in');
  await tab.goto(`${world.url}/settings/integrations`);
  await pressed(tab, 'Connect to Azure');
  await answered(tab, 'Sign in');
  await answered(tab, 'Accept');
  const { links: [{ principal_object_id: principal }] } = await api('GET', '/api/azure-links');
  await world.control('POST', '/role-assignments', { principal, role: 'Storage Blob Data Reader', scope: world.account.scope });
  const { id } = await api('POST', '/api/storages/azure_link', {
    project: project.id, account_name: world.account.name, container: 'linked', title: NAME,
  });
  return id;
}
