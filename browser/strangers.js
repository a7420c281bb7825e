// Both browsers, and what tests of hostile values ask of every page: nothing of a stranger ran in it, nothing was
// sent by it, nothing was asked for elsewhere, and it is still there.

import assert from 'node:assert/strict';

import { open } from './chromium.js';
import { openFirefox } from './firefox.js';
import { CANARY, POSTED } from './hostile.js';
import { owner } from './world.js';

/** Chromium with the same few words as `openFirefox`. */
async function openChromium() {
  const { context, close } = await open();
  const newTab = async () => {
    const page = await context.newPage();
    const requests = [];
    page.on('request', (request) => requests.push({ method: request.method(), url: request.url(), kind: request.resourceType(), request }));
    // What the page's policy blocks is told as a request that failed.
    page.on('requestfailed', (request) => {
      const at = requests.findIndex((sent) => sent.request === request);
      if (request.failure().errorText === 'csp' && at >= 0) requests.splice(at, 1);
    });
    page.on('dialog', (dialog) => dialog.dismiss());
    return { goto: (url) => page.goto(url, { waitUntil: 'domcontentloaded' }), evaluate: (expression) => page.evaluate(expression), close: () => page.close(), requests };
  };
  return { name: 'Chromium', newTab, close };
}

/** Both, with the owner signed in; each has tabs, and `using(work)` waits for one that is free. */
export async function openBoth(t, url, count = 2) {
  return Promise.all([openChromium, openFirefox].map(async (start) => {
    const { name, newTab, close } = await start();
    t.after(close);
    const free = await Promise.all(Array.from({ length: count }, newTab));
    const waiting = [];
    const using = async (work) => {
      const tab = free.pop() ?? (await new Promise((found) => waiting.push(found)));
      try {
        return await work(tab);
      } finally {
        const next = tab.isLost ? await newTab() : tab;
        if (tab.isLost) await tab.close();
        (waiting.shift() ?? ((it) => free.push(it)))(next);
      }
    };
    await using(async (tab) => {
      await tab.goto(`${url}/user/login`);
      await tab.evaluate(inPage((person) => fetch('/user/login', { method: 'POST', body: new URLSearchParams(person) }).then(({ status }) => status), owner));
    });
    return { name, using };
  }));
}

/** A function and its arguments as an expression for a page. */
export const inPage = (run, ...given) => `(${run})(...${JSON.stringify(given)})`;

/**
 * Waits until the page and its frames show the texts, as a person sees them or in a field, and the elements, and
 * nothing comes any more. Answers what is missing.
 */
async function shown({ texts = [], elements = [] }) {
  const plain = (text) => text.replace(/\s+/g, ' ').toLowerCase();
  const documents = (at) => [at, ...[...at.querySelectorAll('iframe')].flatMap(({ contentDocument: inside }) => (inside ? documents(inside) : []))];
  const words = (at) => [at.body?.innerText ?? '', ...[...at.querySelectorAll('input, textarea, option')].map(({ value }) => value)].join(' ');
  const missing = () => {
    const all = documents(document);
    const said = plain(all.map(words).join(' '));
    return [...texts.filter((text) => !said.includes(plain(text))), ...elements.filter((element) => !all.some((at) => at.querySelector(element)))];
  };
  const loaded = () => documents(document).reduce((sum, at) => sum + (at.defaultView?.performance.getEntriesByType('resource').length ?? 0), 0);
  const wait = (time) => new Promise((done) => setTimeout(done, time));
  const ends = Date.now() + 30_000;
  while (Date.now() < ends && (document.readyState !== 'complete' || missing().length > 0)) await wait(100);
  for (let before = -1; Date.now() < ends && before !== loaded(); await wait(300)) before = loaded();
  return missing().join('\n');
}

/** What of the requests no page of ours sends; `may` says which addresses are asked by more than GET. */
function foreign(requests, world, may) {
  return requests.filter(({ method, url, kind }) => {
    const at = new URL(url);
    if (!at.protocol.startsWith('http')) return false;
    if (at.origin !== world.url && at.origin !== new URL(world.azure.blob).origin) return true;
    if (method !== 'GET') return !may(at);
    return kind === 'script' && !/^\/(static|editor)\//.test(at.pathname);
  });
}

/** What pages of ours send by themselves. */
const OWN = /^\/(api\/tasks\/\d+\/(presence|drafts)|projects\/\d+\/(label-preview\/shown|settings\/label-config\/check|connect\/preview))\/?$/;

/** Opens the page and waits for what it shows (`texts`, `elements`); then nothing has run, and nothing was sent. */
export async function held(tab, world, path, shows) {
  tab.requests.length = 0;
  await tab.goto(`${world.url}${path}`);
  await unharmed(tab, world, path, shows);
}

/** The same of the page that sending a form ({name: value}) from the present page leads to. */
export async function posted(tab, world, path, fields, shows, landing = path) {
  tab.requests.length = 0;
  await tab.evaluate(inPage((action, given) => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action, enctype: given.text === undefined ? '' : 'multipart/form-data' });
    for (const [name, value] of Object.entries(given)) form.append(Object.assign(document.createElement('textarea'), { name, value }));
    document.body.append(form);
    window.isLeft = true;
    form.submit();
  }, path, fields));
  await arrived(tab);
  await unharmed(tab, world, landing, shows, ({ pathname }) => pathname === path || OWN.test(pathname));
}

/** Presses the button of the present page that says this, and waits for the page that it leads to. */
export async function pressed(tab, text) {
  await tab.evaluate(inPage((wanted) => {
    window.isLeft = true;
    [...document.querySelectorAll('button')].find((button) => button.textContent.trim() === wanted).click();
  }, text));
  await arrived(tab);
}

/** Waits until the page that `isLeft` was set in is gone, and the next is there. */
async function arrived(tab) {
  const ends = Date.now() + 20_000;
  const isThere = () => tab.evaluate('String(!window.isLeft && document.readyState === "complete")').catch(() => 'false');
  while ((await isThere()) === 'false') {
    if (Date.now() > ends) throw new Error('the next page did not come');
    await new Promise((done) => setTimeout(done, 30));
  }
}

async function unharmed(tab, world, path, shows, may = ({ pathname }) => OWN.test(pathname)) {
  const address = new URL(path, world.url).href;
  assert.equal(await tab.evaluate(inPage(shown, shows)), '', `${address} does not show it`);
  assert.equal(await tab.evaluate(`String(window.${CANARY})`), 'undefined', `a script ran in ${address}`);
  // The editor's PagedView writes an empty query.
  assert.equal((await tab.evaluate('location.href')).replace(/\?$/, ''), address);
  const sent = foreign(tab.requests, world, may).map(({ method, url, kind }) => ({ method, url, kind }));
  assert.deepEqual(sent, [], address);
}

/** Opens the page, whatever becomes of it: what happens of a stranger's until that is `wanted`, or the texts are shown. */
export async function happenings(tab, url, path, texts, wanted) {
  tab.requests.length = 0;
  let gone = await tab.goto(`${url}${path}`).then(() => null, ({ message }) => message);
  const look = async () => {
    const [canary, at] = gone ? [] : (await tab.evaluate(`window.${CANARY} + ' ' + location.href`).catch(({ message }) => ` ${message}`)).split(/ (.*)/s);
    if (!gone && at !== `${url}${path}`) gone = at;
    // What leads away may still be on its way.
    tab.isLost = Boolean(gone);
    const isPosted = tab.requests.some(({ method, url: address }) => method !== 'GET' && new URL(address).pathname === POSTED);
    return [canary === '1' && 'a script ran', gone && `led away: ${gone}`, isPosted && 'sent'].filter(Boolean);
  };
  const ends = Date.now() + 20_000;
  while (wanted && Date.now() < ends && !(await look()).some((it) => wanted.test(it))) await new Promise((done) => setTimeout(done, 50));
  if (!wanted) assert.equal(await tab.evaluate(inPage(shown, { texts })), '', `${path} does not show it`);
  return look();
}
