/**
 * Takes the pictures of docs/pictures, in the browser of this machine: the recorded runs of scripts/pictures/runs/ and what
 * the commands print, drawn by the code of the day. Writes docs/pictures/manifest.json, by which a test knows that they are
 * current. Words on the command line select pictures by the beginning of their names.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { launchBrowser } from '../__tests__/report/browser.ts';
import { listPictures, type Picture } from './pictures/list-pictures.ts';
import { hashPicture, renderPage } from './pictures/render-page.ts';

const folder = path.resolve(import.meta.dirname, '../docs/pictures');
const manifestFile = path.join(folder, 'manifest.json');
/** What is below it says no more about how a page looks. CSS pixels; a narrow page needs more for the same. */
const maxHeight = (width: number) => (width < 600 ? 2800 : 1900);
/** Text stays sharp; lossless files are four times as large. */
const quality = 0.8;

const wanted = process.argv.slice(2);
const pictures = await listPictures();
const known = existsSync(manifestFile)
  ? (JSON.parse(readFileSync(manifestFile, 'utf8')) as Record<string, string>)
  : {};
const browser = await launchBrowser();
const scratch = mkdtempSync(path.join(tmpdir(), 'take-pictures-'));
const manifest: Record<string, string> = {};
try {
  for (const picture of pictures) {
    const file = `${picture.name}.webp`;
    const isWanted = wanted.length === 0 || wanted.some((word) => picture.name.startsWith(word));
    if (isWanted) writeFileSync(path.join(folder, file), await take(picture));
    const hash = isWanted ? hashPicture(picture) : known[file];
    if (hash !== undefined) manifest[file] = hash;
    if (isWanted) process.stdout.write(`${file}\n`);
  }
} finally {
  await browser.close();
  rmSync(scratch, { recursive: true });
}
for (const file of readdirSync(folder))
  if (/\.(png|webp)$/.test(file) && manifest[file] === undefined) rmSync(path.join(folder, file));
writeFileSync(manifestFile, `${JSON.stringify(manifest, undefined, 2)}\n`);

async function take(picture: Picture): Promise<Buffer> {
  const context = await browser.newContext({
    viewport: { width: picture.width, height: 800 },
    colorScheme: picture.theme,
    deviceScaleFactor: 1.3,
  });
  try {
    const page = await context.newPage();
    const file = path.join(scratch, 'page.html');
    writeFileSync(file, renderPage(picture));
    await page.goto(`file://${file}`);
    // The page unfolds the first failed test by itself.
    for (const row of await page.locator('#tests button[aria-expanded="false"]').all())
      if (picture.unfolds) await row.click();
    // Where no row lies under it.
    await page.mouse.move(0, 0);
    const height = await page.evaluate<number>('document.body.scrollHeight');
    const clip = { x: 0, y: 0, width: picture.width, height: Math.min(height, maxHeight(picture.width)) };
    const png = await page.screenshot({ clip, fullPage: true });
    if (process.env.KEEP_PNG !== undefined) writeFileSync(path.join(process.env.KEEP_PNG, `${picture.name}.png`), png);
    return await toWebp(await context.newPage(), png);
  } finally {
    await context.close();
  }
}

/** The encoder is that of the browser. */
async function toWebp(page: Page, png: Buffer): Promise<Buffer> {
  // As text, since scripts know no DOM.
  const data = await page.evaluate<string>(`(async () => {
    const picture = new Image();
    picture.src = 'data:image/png;base64,${png.toString('base64')}';
    await picture.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext('2d').drawImage(picture, 0, 0);
    return canvas.toDataURL('image/webp', ${quality}).split(',')[1];
  })()`);
  return Buffer.from(data, 'base64');
}
