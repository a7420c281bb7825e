// A local Azure and a Longshore of one test's own: the built programs, on free ports.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const programs = process.env.TEST_PROGRAMS ?? join(import.meta.dirname, '../target/debug');

/** The owner's API token. */
export const token = '0123456789abcdef0123456789abcdef01234567';

export const owner = { email: 'owner@longshore.example', password: 'correct horse battery staple' };

/** The domains of the two companies, and who works there. */
const PLATFORM = 'longshore.example';
const CUSTOMER = 'contoso.example';
export const administrator = `ada@${CUSTOMER}`;
export const member = `mel@${CUSTOMER}`;

/**
 * Starts both; the customer's tenant has an account with a container. Call `stop` at the end.
 * With `isNew` nobody can sign in yet, and `firstRun` is the link that the server prints.
 * With `hasMediaHost` media come from `localhost` and pages from `127.0.0.1`. Longshore's requests to Azure go through
 * `front` (`openFront` of azure_front.js) when there is one; `settings` are more of Longshore's environment.
 */
export async function start({ isNew = false, hasMediaHost = false, front, settings = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-browser-'));
  const children = [];
  const run = async (program, args, environment, ready) => {
    const child = spawn(join(programs, program), args, {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    for await (const line of createInterface({ input: child.stdout })) {
      const found = ready(line);
      if (found) {
        child.stdout.resume();
        return found;
      }
    }
    throw new Error(`${program} ended before it was ready`);
  };

  const azure = await run('local-azure', ['--dir', folder], {}, (line) =>
    line.startsWith('{') && JSON.parse(line));
  const control = controlOf(azure.control);
  if (front) await appendFile(azure.ca_file, front.cert);
  const platform = await control('POST', '/tenants', { domain: PLATFORM });
  const tenant = await control('POST', '/tenants', { domain: CUSTOMER });
  await control('POST', `/tenants/${tenant.id}/users`, { name: 'ada', role: 'global_administrator' });
  await control('POST', `/tenants/${tenant.id}/users`, { name: 'mel', role: 'member' });
  const account = await control('POST', '/accounts', { name: 'contosomedia', tenant: tenant.id });
  await control('POST', '/accounts/contosomedia/containers', { name: 'media' });
  const app = await control('POST', '/apps', {
    tenant: platform.id,
    display_name: 'Longshore',
    audience: 'multi_tenant',
    // The port of a loopback address is free.
    redirect_uris: ['callback', 'consented'].map((end) => `http://127.0.0.1/connect/azure/${end}`),
  });
  const secret = await control('POST', `/apps/${app.client_id}/secrets`, {});

  const firstOwner = isNew ? {} : {
    LONGSHORE_ADMIN_EMAIL: owner.email,
    LONGSHORE_ADMIN_PASSWORD: owner.password,
    LONGSHORE_ADMIN_TOKEN: token,
  };
  const address = isNew ? /http:\/\/[0-9.:]+\/first-run\/\w+/ : /http:\/\/[0-9.:]+/;
  const port = hasMediaHost ? await freePort() : 0;
  const mediaUrl = hasMediaHost ? `http://localhost:${port}` : undefined;
  const hosts = hasMediaHost ? { LONGSHORE_PUBLIC_URL: `http://127.0.0.1:${port}`, LONGSHORE_MEDIA_URL: mediaUrl } : {};
  const environment = {
    LONGSHORE_DATA_DIR: join(folder, 'data'),
    LONGSHORE_LISTEN: `127.0.0.1:${port}`,
    ...hosts,
    LONGSHORE_CLOUD: azure.cloud_file,
    LONGSHORE_APP_CLIENT_ID: app.client_id,
    LONGSHORE_APP_CLIENT_SECRET: secret.value,
    ...firstOwner,
    ...front?.environment,
    ...settings,
  };
  const printed = await run('longshore', ['serve'], environment, (line) => line.match(address)?.[0]);
  /** An operator's command beside the server. */
  const command = (...args) => promisify(execFile)(join(programs, 'longshore'), args, { env: { ...process.env, ...environment } });
  const url = new URL(printed).origin;
  const firstRun = isNew ? printed : undefined;

  const stop = async () => {
    for (const child of children) {
      if (child.exitCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  return { url, mediaUrl, firstRun, azure, control, tenant, account, app, command, stop };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** `control(method, path, body)`: the local Azure's control endpoint. */
function controlOf(base) {
  return async (method, path, body) => {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`local Azure refused ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
}
