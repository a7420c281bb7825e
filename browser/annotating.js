// What tests of the Annotate page share: projects of each kind, and a person's hands.

import { byKey, mediaFile, putBlob, synced } from './sample.js';

const CONTROLS = {
  image: '<Image name="item" value="$image"/><RectangleLabels name="label" toName="item"><Label value="Cat"/></RectangleLabels>',
  text: '<Text name="item" value="$text"/><Labels name="label" toName="item"><Label value="Person"/></Labels>',
  audio: '<Audio name="item" value="$audio"/><Labels name="label" toName="item"><Label value="Boom"/></Labels>',
  video: '<Video name="item" value="$video"/><VideoRectangle name="box" toName="item"/><Labels name="label" toName="item"><Label value="City"/></Labels>',
  choices: '<Text name="item" value="$text"/><Choices name="label" toName="item"><Choice value="Good"/><Choice value="Bad"/></Choices>',
};

export const FILES = {
  image: ['chelsea.png', '04-chelsea.png', 'image/png'],
  audio: ['explosion.wav', '33-explosion1.wav', 'audio/wav'],
  video: ['earth.mp4', '39-earth.mp4', 'video/mp4'],
};

/** A project of this kind without tasks. */
export const projectOf = (api, kind) =>
  api('POST', '/api/projects', { title: `Some ${kind}`, label_config: `<View>${CONTROLS[kind]}</View>` });

/** A project whose tasks are these texts. */
export async function textProject(api, kind, texts) {
  const project = await projectOf(api, kind);
  await api('POST', `/api/projects/${project.id}/import`, texts.map((text) => ({ text })));
  return { project, tasks: await tasksOf(api, project) };
}

/** A project of one blob's task, from a container of its own. */
export async function mediaProject(world, api, kind, more = {}) {
  const project = await projectOf(api, kind);
  const container = `${kind}${project.id}`;
  await world.control('POST', '/accounts/contosomedia/containers', { name: container });
  const [name, file, type] = FILES[kind];
  await putBlob(world, container, name, await mediaFile(file), type);
  const fields = byKey(world, project.id, container, { use_blob_urls: true, recursive_scan: true, presign: false, ...more });
  const storage = await api('POST', '/api/storages/azure', fields);
  await synced(api, `/api/storages/azure/${storage.id}`);
  return { project, storage, container, blob: name, tasks: await tasksOf(api, project) };
}

export async function tasksOf(api, project) {
  const { tasks } = await api('GET', `/api/tasks?project=${project.id}&page_size=100`);
  return tasks.sort((one, other) => one.id - other.id);
}

export const addressOf = (world, project, task) => `${world.url}/projects/${project.id}/tasks/${task.id}`;

/** Label Studio's part of the page, whose accessibility is theirs. */
export const THEIRS = ['#editor', 'body > video'];

/** Opens the task and waits for the editor. */
export async function openTask(page, world, project, task) {
  await page.goto(addressOf(world, project, task));
  await submitButton(page).waitFor();
}

/** Submit, or Update when the annotation is on the server. */
export const submitButton = (page) => page.locator('#editor button', { hasText: /^(Submit|Update)$/ });

/** Presses a label or a choice, whose texts have their keys behind them. */
export const choose = (page, value) =>
  page.locator('#editor .lsf-label, #editor label').filter({ hasText: new RegExp(`^${value}`) }).first().click();

/** Is it on the screen, as far as a program can tell? */
export const isShown = {
  image: (page) => page.waitForFunction(() =>
    [...document.querySelectorAll('#editor img')].some((image) => image.naturalWidth > 100)),
  audio: (page) => page.waitForFunction(() =>
    [...document.querySelectorAll('#editor input')].some((time) => time.value === '00:00:01:547')),
  video: (page) => page.waitForFunction(() =>
    [...document.querySelectorAll('video')].some((video) => video.readyState >= 2 && video.videoWidth > 0)),
};

/** Drags the mouse over a part of an element: fractions of its width and height. */
export async function drag(page, element, from, to) {
  const box = await element.boundingBox();
  const at = ([x, y]) => [box.x + box.width * x, box.y + box.height * y];
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]), { steps: 4 });
  await page.mouse.move(...at(to), { steps: 4 });
  await page.mouse.up();
}

/** Waits until `look` gives something; for what no page shows. */
export async function eventually(look, what) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const annotationsOf = (api, task) => api('GET', `/api/tasks/${task.id}/annotations`);
