// From the sign-in page to the green check, and Unlink: two people and a real browser.

import assert from 'node:assert/strict';
import test from 'node:test';

import { barriers, open, signIn } from './chromium.js';
import { administrator, member, owner, start } from './world.js';

const button = (page, name) => page.getByRole('button', { name });

/** Chooses a person on Entra ID's page and presses a button there. */
async function atEntra(page, who, name) {
  await page.getByText('This is not Azure').waitFor();
  await page.getByRole('radio', { name: who }).check();
  await button(page, name).click();
}

test('an owner connects, grants, sees it turn green, and unlinks', async (t) => {
  const world = await start();
  t.after(world.stop);
  const browser = await open();
  t.after(browser.close);
  const { page } = browser;

  await signIn(page, world.url, owner);
  await page.goto(`${world.url}/settings/integrations`);
  await page.getByText('Not connected.').waitFor();
  assert.deepEqual(await barriers(page), []);

  // Who is no administrator is told so, and what to do.
  await button(page, 'Connect to Azure').click();
  await atEntra(page, member, 'Sign in');
  await atEntra(page, member, 'Accept');
  await page.getByText('AADSTS90094').waitFor();
  await button(page, /Return to the application/).click();
  await page.getByText(/Only an administrator/).first().waitFor();
  assert.deepEqual(await barriers(page), []);

  // The administrator signs in, which proves the tenant, and consents.
  await page.goto(`${world.url}/settings/integrations`);
  await button(page, 'Connect to Azure').first().click();
  await atEntra(page, administrator, 'Sign in');
  await atEntra(page, administrator, 'Accept');
  await page.getByText(`who signed in as ${administrator}`).waitFor();
  await page.getByRole('heading', { name: /contoso\.example/ }).waitFor();
  assert.deepEqual(await barriers(page), []);

  // The page names the roles for this container, and turns green by itself.
  await page.getByRole('link', { name: /^Grant roles/ }).click();
  await page.getByRole('textbox', { name: 'Storage account' }).fill('contosomedia');
  await page.getByLabel('Container', { exact: true }).fill('media');
  await button(page, 'Show what to grant').click();
  await page.getByText('Waiting for the roles to act').waitFor();
  const command = await page.getByText(/^az role assignment create/).first().textContent();
  const [, principal] = command.match(/--assignee-object-id ([0-9a-f-]{36})/);
  assert.deepEqual(await barriers(page), []);
  const roles = {
    'Storage Blob Data Reader': `${world.account.scope}/blobServices/default/containers/media`,
    'Storage Blob Delegator': world.account.scope,
  };
  for (const [role, scope] of Object.entries(roles)) {
    await world.control('POST', '/role-assignments', { principal, role, scope });
  }
  await page.getByText('Granted: the container can be used.').waitFor();
  assert.deepEqual(await barriers(page), []);

  // Unlink says what stops and what stays before it does it.
  await page.goto(`${world.url}/settings/integrations`);
  await page.getByRole('link', { name: 'Unlink from Azure' }).click();
  await page.getByText(/az ad sp delete/).waitFor();
  assert.deepEqual(await barriers(page), []);
  await button(page, 'Unlink from Azure').click();
  await page.getByText(/^Unlinked:/).waitFor();
  assert.deepEqual(await barriers(page), []);
  const ours = browser.complaints.filter((text) => text.startsWith(world.url));
  // The refused consents answer 400 to 409 on purpose.
  assert.deepEqual(ours.filter((text) => !text.includes('Failed to load resource')), []);
});
