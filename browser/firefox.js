// Debian's Firefox, headless, over WebDriver BiDi: its own protocol on a WebSocket, which Node speaks by itself.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Nothing is asked of the network but what a page asks. */
const QUIET = {
  'app.normandy.enabled': false,
  'app.update.auto': false,
  'app.update.enabled': false,
  'browser.contentblocking.report.hide_vpn_banner': true,
  'browser.newtabpage.activity-stream.feeds.system.topsites': false,
  'browser.newtabpage.enabled': false,
  'browser.region.network.url': '',
  'browser.safebrowsing.blockedURIs.enabled': false,
  'browser.safebrowsing.downloads.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.safebrowsing.provider.google4.updateURL': '',
  'browser.safebrowsing.provider.mozilla.updateURL': '',
  'browser.search.geoSpecificDefaults': false,
  'browser.search.update': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage': 'about:blank',
  'browser.startup.page': 0,
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.push.connection.enabled': false,
  'extensions.blocklist.enabled': false,
  'extensions.getAddons.cache.enabled': false,
  'extensions.systemAddon.update.enabled': false,
  'extensions.update.enabled': false,
  'geo.provider.network.url': '',
  'media.gmp-manager.updateEnabled': false,
  'media.gmp-manager.url': '',
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.dns.disablePrefetch': true,
  // On this machine, where nobody answers.
  'network.dns.localDomains': 'evil.example',
  'network.prefetch-next': false,
  'network.trr.mode': 5,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'signon.autofillForms': false,
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.server': '',
  'toolkit.telemetry.unified': false,
};

/**
 * A browser. `newTab()` is a page that is seen: `goto(url)` waits until it is read, `evaluate(text)` runs an
 * expression in it (a promise is waited for), `requests` are all that it and its frames sent: {method, url, kind}.
 */
export async function openFirefox() {
  const profile = await mkdtemp(join(tmpdir(), 'longshore-firefox-'));
  const settings = Object.entries(QUIET).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
  await writeFile(join(profile, 'user.js'), settings.join('\n'));
  const firefox = spawn(
    process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'],
    { env: { ...process.env, HOME: profile }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let address;
  for await (const line of createInterface({ input: firefox.stderr })) {
    address = line.match(/WebDriver BiDi listening on (ws:\S+)/)?.[1];
    if (address) break;
  }
  if (!address) throw new Error('Firefox ended before it was ready');
  firefox.stderr.resume();
  const socket = new WebSocket(`${address}/session`);
  await once(socket, 'open');
  const waiting = new Map();
  /** A frame's context to the one that it is in, and a tab's to its requests. */
  const parents = new Map();
  const sent = new Map();
  const hear = {
    'browsingContext.contextCreated': ({ context, parent }) => parents.set(context, parent),
    'network.beforeRequestSent': ({ context, request }) => {
      while (parents.get(context)) context = parents.get(context);
      sent.get(context)?.push({ method: request.method, url: request.url, kind: request.destination });
    },
  };
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data);
    hear[message.method]?.(message.params);
    const answer = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === 'success') answer?.resolve(message.result);
    else if (message.type === 'error') answer?.reject(new Error(`${message.error}: ${message.message}`));
  });
  let last = 0;
  const send = (method, params) => new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    socket.send(JSON.stringify({ id: last, method, params }));
  });
  await send('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  await send('session.subscribe', { events: Object.keys(hear) });
  const newTab = async () => {
    // A tab behind another is not drawn.
    const { context } = await send('browsingContext.create', { type: 'window' });
    const requests = [];
    sent.set(context, requests);
    const goto = (url) => send('browsingContext.navigate', { context, url, wait: 'interactive' });
    const evaluate = async (expression) => {
      const answer = await send('script.evaluate', { expression, target: { context }, awaitPromise: true });
      if (answer.type === 'exception') throw new Error(answer.exceptionDetails.text);
      return answer.result.value;
    };
    return { goto, evaluate, close: () => send('browsingContext.close', { context }), requests };
  };
  const close = async () => {
    socket.close();
    firefox.kill('SIGKILL');
    if (firefox.exitCode === null && firefox.signalCode === null) await once(firefox, 'exit');
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { name: 'Firefox', newTab, close };
}
