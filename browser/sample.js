// A Longshore at work: two projects with storages that went well and one that did not, annotations,
// a member, a token. Through the API, as a script of a customer's would.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { token } from './world.js';

/** `api(method, path, body)`: the REST API as the owner; answers JSON. */
export function apiOf(url) {
  return async (method, path, body) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Token ${token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
}

/** Puts a blob into the customer's container, past every authorization. */
export async function putBlob(world, container, name, content, contentType) {
  const path = name.split('/').map(encodeURIComponent).join('/');
  const answer = await fetch(`${world.azure.control}/blobs/${world.account.name}/${container}/${path}`, {
    method: 'PUT',
    headers: { 'content-type': contentType },
    body: content,
  });
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
}

/** A file of the demo's media (`cargo xtask media`). */
export const mediaFile = (name) =>
  readFile(join(import.meta.dirname, '../.dev/media', name));

/** Fields of a storage that signs in with the account's key. */
export const byKey = (world, project, container, more = {}) => ({
  project, title: container, account_name: world.account.name, account_key: world.account.key1, container, ...more,
});

/** Waits until a run of the storage has ended. */
export async function synced(api, path) {
  await api('POST', `${path}/sync`, {});
  for (;;) {
    const storage = await api('GET', path);
    if (!['queued', 'in_progress'].includes(storage.status)) return storage;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function full(world, api) {
  for (const [name, file, type] of [
    ['photos/coffee.png', '03-coffee.png', 'image/png'],
    ['photos/chelsea the cat.png', '04-chelsea.png', 'image/png'],
    ['photos/rocket & launch.jpg', '12-rocket.jpg', 'image/jpeg'],
    ['audio/coin.wav', '31-coin1.wav', 'audio/wav'],
    ['video/earth.mp4', '39-earth.mp4', 'video/mp4'],
    ['text/licence.txt', '42-LICENSE.txt', 'text/plain'],
  ]) {
    await putBlob(world, 'media', name, await mediaFile(file), type);
  }
  await putBlob(world, 'media', 'photos/broken.png', 'no picture at all', 'image/png');
  await putBlob(world, 'media', 'tasks/broken.json', '{"data": {"text": "one"}},', 'application/json');
  await world.control('POST', '/accounts/contosomedia/containers', { name: 'results' });
  const project = await api('POST', '/api/projects', {
    title: 'A project with a rather long title, so that it has to wrap somewhere',
    description: 'Photos, sounds and a film.',
    label_config: '<View><Image name="image" value="$image"/><Choices name="kind" toName="image"><Choice value="good"/><Choice value="bad"/></Choices></View>',
  });
  const source = await api('POST', '/api/storages/azure', byKey(world, project.id, 'media', {
    use_blob_urls: true, recursive_scan: true, presign: false, regex_filter: '.*(png|jpg|wav|mp4|txt)',
  }));
  await synced(api, `/api/storages/azure/${source.id}`);
  const broken = await api('POST', '/api/storages/azure', byKey(world, project.id, 'media', {
    title: 'task files', use_blob_urls: false, prefix: 'tasks', recursive_scan: true,
  }));
  await synced(api, `/api/storages/azure/${broken.id}`);
  const target = await api('POST', '/api/storages/export/azure', byKey(world, project.id, 'results'));
  const { tasks } = await api('GET', `/api/tasks?project=${project.id}&page_size=50`);
  const result = [{ from_name: 'kind', to_name: 'image', type: 'choices', value: { choices: ['good'] } }];
  for (const task of tasks.slice(0, 2)) await api('POST', `/api/tasks/${task.id}/annotations`, { result, lead_time: 3 });
  await api('POST', '/api/projects', { title: 'An empty project' });
  return { project, source, broken, target, tasks };
}
