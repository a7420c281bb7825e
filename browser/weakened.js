// Longshore with some of the links taken out that keep a stranger's script from running, to show that the others are
// enough: a proxy between the browser and the server, which undoes in the answers what the server did.

import { once } from 'node:events';
import http from 'node:http';

/** The policy of pages with the editor before scripts had a nonce: every script of the origin was one of the page. */
const BY_ADDRESS = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
  + "media-src 'self' blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; font-src 'self' data:; "
  + "object-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";
/** What keeps a browser from making more of a blob than it is. */
const CONFINING = ['content-security-policy', 'x-content-type-options', 'x-frame-options', 'content-disposition', 'cross-origin-resource-policy'];

/**
 * Where the browser goes instead (`url`), and what is `taken` out, which a test sets. `policy`: 'by address' is as it
 * was before, 'none' is none. `stored`: {blob's name: type} sends blobs of a task with the type that they are stored
 * with, to whatever asks; `isUnsaid` only hides from the server what the browser asks for. `raw`: data and configs come
 * as they are stored, and the page's own script lets them through.
 */
export async function openWeakened(t, world) {
  const way = { taken: {} };
  const server = http.createServer(async (request, answer) => {
    try {
      const body = Buffer.concat(await request.toArray());
      const sent = await weakened(request, body);
      answer.writeHead(sent.status, sent.headers);
      answer.end(sent.body);
    } catch (error) {
      // The page lacks it, which its test sees.
      console.error(`${request.url}: ${error.message}`);
      answer.destroy();
    }
  });

  /** The server's answer to this request: {status, headers, body}. */
  function asked({ method, url, headers }, body = '') {
    // The editor's files are packed, and stay as they are.
    const encoding = url.startsWith('/editor/') ? headers['accept-encoding'] : 'identity';
    const own = { ...headers, host: new URL(world.url).host, 'accept-encoding': encoding };
    for (const name of ['origin', 'referer']) if (own[name]) own[name] = own[name].replace(headers.host, own.host);
    // What a browser keeps of one way to answer is not for another.
    if (!url.startsWith('/editor/')) for (const name of ['if-none-match', 'if-modified-since']) delete own[name];
    if (way.taken.stored || way.taken.isUnsaid) delete own['sec-fetch-dest'];
    return new Promise((done, failed) => {
      const forwarded = http.request(`${world.url}${url}`, { method, headers: own }, async (got) => {
        const bytes = Buffer.concat(await got.toArray());
        const { 'content-length': _, 'transfer-encoding': __, ...rest } = got.headers;
        done({ status: got.statusCode, headers: rest, body: bytes });
      });
      forwarded.on('error', failed);
      forwarded.end(body);
    });
  }
  const json = async (request, url) => JSON.parse((await asked({ ...request, method: 'GET', url, headers: { cookie: request.headers.cookie } })).body);
  const said = (value) => ({ status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });

  async function weakened(request, body) {
    const { method, headers } = request;
    const { policy, stored, raw } = way.taken;
    let { url } = request;
    const of = (pattern) => url.match(pattern)?.slice(1);
    if (raw) {
      const [task] = of(/^\/tasks\/(\d+)\/shown$/) ?? [];
      if (task) return said(await json(request, `/api/tasks/${task}`));
      const [project] = of(/^\/projects\/(\d+)\/label-preview\/shown$/) ?? [];
      if (project) {
        const { tasks: [first] } = await json(request, `/api/tasks?project=${project}`);
        return said({ config: JSON.parse(body).label_config, task: await json(request, `/api/tasks/${first.id}`) });
      }
      url = url.replace('/shown-html/', '/resolve/');
    }
    const sent = await asked({ method, url, headers }, body);
    const type = sent.headers['content-type'] ?? '';
    if (!url.startsWith('/editor/')) sent.headers['cache-control'] = 'no-store';
    if (url.startsWith('/static/editor_guard.js')) {
      // In frames the page's script has a policy of its own, which goes with the page's.
      if (raw) sent.body = 'export function guard() {}';
      else if (policy === 'none') sent.body = changed(sent.body, /(const POLICY = ").*(")/, (_, before, after) => before + after);
    }
    const [blob] = of(/^\/tasks\/\d+\/resolve\/\?fileuri=([^&]+)/) ?? [];
    if (stored && blob && sent.status === 200) {
      for (const name of CONFINING) delete sent.headers[name];
      sent.headers['content-type'] = stored[nameOf(blob)] ?? type;
    } else if (type.startsWith('text/html')) {
      if (policy === 'none') delete sent.headers['content-security-policy'];
      else if (policy) sent.headers['content-security-policy'] = BY_ADDRESS;
      const [project] = of(/^\/projects\/(\d+)\/tasks\/\d+$/) ?? [];
      if (raw && project) sent.body = withConfig(sent.body, (await json(request, `/api/projects/${project}`)).label_config);
    }
    return sent;
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  way.url = `http://127.0.0.1:${server.address().port}`;
  return way;
}

/** The blob that a `fileuri` names, plain or in base64. */
function nameOf(fileuri) {
  const text = decodeURIComponent(fileuri);
  const uri = text.includes('://') ? text : Buffer.from(text, 'base64').toString();
  return decodeURIComponent(uri.split('/').at(-1));
}

/** What must be there to be changed. */
function changed(body, pattern, change) {
  const text = String(body);
  if (!pattern.test(text)) throw new Error(`${pattern} is nowhere`);
  return text.replace(pattern, change);
}

/** The page with this config in its data. */
function withConfig(page, config) {
  return changed(page, /(<script type="application\/json" id="page">)(.*?)(<\/script>)/s, (_, before, text, after) => {
    const data = JSON.parse(text);
    data.project.config = config;
    return before + JSON.stringify(data).replaceAll('<', '\\u003c') + after;
  });
}
