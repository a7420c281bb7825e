// node screenshots.js URL FOLDER: pictures of a running demo's pages, for README and docs.

import { join } from 'node:path';

import { open, signIn } from './chromium.js';

const [url, folder] = process.argv.slice(2);
const owner = { email: 'owner@longshore.example', password: 'correct horse battery staple' };

const browser = await open();
const { page } = browser;
const picture = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
try {
  await signIn(page, url, owner);
  await picture('home');
  await page.getByRole('link', { name: 'Media (account key)', exact: true }).click();
  await page.getByRole('table').waitFor();
  await picture('project');
  await page.goto(`${url}/settings/integrations`);
  await picture('integrations');
  await page.getByRole('link', { name: /^Grant roles/ }).click();
  await page.getByRole('textbox', { name: 'Storage account' }).fill('contosomedia');
  await page.getByLabel('Container', { exact: true }).fill('media');
  await page.getByRole('button', { name: 'Show what to grant' }).click();
  await page.getByText('Granted: the container can be used.').waitFor();
  await picture('grants');
} finally {
  await browser.close();
}
