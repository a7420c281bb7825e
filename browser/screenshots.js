// node screenshots.js URL FOLDER: pictures of a running demo's pages, for README and docs.

import { join } from 'node:path';

import { choose, drag, submitButton } from './annotating.js';
import { open, signIn } from './chromium.js';
import { owner } from './world.js';

const [url, folder] = process.argv.slice(2);

const browser = await open();
const { page } = browser;
const picture = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
const link = (name) => page.getByRole('link', { name });
const button = (name) => page.getByRole('button', { name });

/** Waits until every picture that the page shows has come. */
const settled = async () => {
  await page.waitForLoadState('networkidle');
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
};

try {
  await signIn(page, url, owner);
  await link('Photos: draw boxes').click();
  await page.getByText('100% coffee.png').waitFor();
  await settled();
  await picture('project');
  const project = page.url();

  await link('Label next task').click();
  await submitButton(page).waitFor();
  const canvas = page.locator('#editor canvas').first();
  await canvas.waitFor();
  await settled();
  await choose(page, 'Object');
  await drag(page, canvas, [0.27, 0.02], [0.72, 0.55]);
  await picture('annotate');

  await page.goto(`${project}/settings`);
  await page.frameLocator('iframe').getByText('Person').first().waitFor();
  await settled();
  await picture('labeling-config');

  await page.goto(`${project}/connect`);
  await button('Next').click();
  await page.getByRole('textbox', { name: 'Storage account' }).fill('https://contosomedia.blob.core.windows.net/media/');
  await button('Next').click();
  await page.getByText(/blobs looked at match/).waitFor();
  await settled();
  await picture('connect-preview');

  await page.goto(`${project}/storages`);
  await link('Check access').first().click();
  await button('Check access').click();
  await page.getByText('Passed').first().waitFor();
  await picture('check');

  await page.goto(`${url}/settings/integrations`);
  await picture('integrations');
  await link(/^Grant roles/).first().click();
  await page.getByRole('textbox', { name: 'Storage account' }).fill('contosomedia');
  await page.getByRole('textbox', { name: 'Container', exact: true }).fill('media');
  await button('Show what to grant').click();
  await page.getByText('Granted: the container can be used.').waitFor();
  await picture('grants');
} finally {
  await browser.close();
}
