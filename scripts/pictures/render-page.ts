/** Pages to be photographed. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Picture } from './list-pictures.ts';

/** GitHub's own look of Markdown, as far as summaries use it, and a terminal. */
const style = `
body { margin: 0; font: 16px/1.5 "DejaVu Sans", sans-serif; color: #1f2328; background: #fff; }
main { padding: 20px 24px; }
h3, h4, li { overflow-wrap: anywhere; } td code, th code { overflow-wrap: normal; white-space: nowrap; }
h3 { font-size: 20px; line-height: 1.25; margin: 0 0 16px; }
h4 { font-size: 16px; margin: 20px 0 12px; }
p, ul, table, details, blockquote { margin: 0 0 14px; }
ul { padding-left: 28px; }
code, pre { font: 13px/1.45 "DejaVu Sans Mono", monospace; background: #eff1f3; border-radius: 6px; }
code { padding: 2px 5px; overflow-wrap: anywhere; }
pre { padding: 14px; overflow: hidden; }
pre code { padding: 0; background: none; }
table { border-collapse: collapse; display: block; overflow: hidden; font-size: 14px; }
th, td { border: 1px solid #d1d9e0; padding: 5px 11px; }
blockquote { border-left: 4px solid #d1d9e0; padding-left: 14px; color: #59636e; }
a { color: #0969da; }
.terminal { padding: 16px; }
.terminal pre { margin: 0; padding: 16px; color: #1f2328; background: #f6f8fa; border: 1px solid #d1d9e0; white-space: pre; }
.sign { width: 1em; height: 1em; vertical-align: -.12em; } .terminal .sign { width: 2ch; }
.dim { opacity: .6; } .bold { font-weight: bold; }
.c1 { color: #cf222e; } .c2 { color: #1a7f37; } .c3 { color: #9a6700; } .c4, .c6 { color: #0969da; }
@media (prefers-color-scheme: dark) {
  body { color: #f0f6fc; background: #0d1117; }
  code, pre, .terminal pre { background: #151b23; color: #f0f6fc; border-color: #3d444d; }
  th, td { border-color: #3d444d; } blockquote { border-color: #3d444d; color: #9198a1; } a { color: #4493f8; }
  .c1 { color: #f85149; } .c2 { color: #3fb950; } .c3 { color: #d29922; } .c4, .c6 { color: #58a6ff; }
}
@media (max-width: 600px) { main { padding: 14px 12px; } body { font-size: 15px; } .terminal { padding: 6px; } .terminal pre { padding: 8px; font-size: 11.5px; } }
`;

/** By this the manifest knows whether a picture is current: what is drawn, and how. */
export function hashPicture({ source, theme, width, unfolds }: Picture): string {
  const look = source.kind === 'html' ? '' : [style, signs];
  return createHash('sha256')
    .update(JSON.stringify([source, theme, width, unfolds, look]))
    .digest('hex');
}

/** The page of a picture. Markdown becomes HTML by cmark-gfm, the program of GitHub's specification. */
export function renderPage({ source: { kind, text } }: Picture): string {
  if (kind === 'html') return text;
  const body =
    kind === 'markdown' ? `<main>${renderMarkdown(text)}</main>` : `<div class="terminal"><pre>${text}</pre></div>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>${style}</style><body>${drawSigns(body)}</body></html>`;
}

/**
 * The pictures among the characters, drawn as GitHub draws them: whether a machine has a font with them must make no
 * difference.
 */
const signs: Record<string, string> = {
  '✅': '<rect width="16" height="16" rx="3" fill="#2da44e"/><path d="m4 8.5 2.5 2.5L12 5.5" fill="none" stroke="#fff" stroke-width="2"/>',
  '❌': '<path d="M3 3l10 10M13 3 3 13" stroke="#cf222e" stroke-width="3.4"/>',
  '⏹️': '<rect width="16" height="16" rx="3" fill="#6e7781"/><rect x="4.5" y="4.5" width="7" height="7" fill="#fff"/>',
  '⚠️': '<path d="M8 1 16 15H0z" fill="#d4a72c"/><path d="M8 6v4.5M8 12.3v1.4" stroke="#1f2328" stroke-width="1.8"/>',
  '⏳': '<path d="M3 1.5h10M3 14.5h10M4.5 1.5c0 6 7 7 7 13M11.5 1.5c0 6-7 7-7 13" fill="none" stroke="#bf8700" stroke-width="1.6"/>',
};

function drawSigns(html: string): string {
  return Object.entries(signs).reduce(
    (text, [sign, shapes]) => text.replaceAll(sign, `<svg class="sign" viewBox="0 0 16 16" role="img">${shapes}</svg>`),
    html,
  );
}

function renderMarkdown(markdown: string): string {
  const extensions = ['table', 'strikethrough', 'autolink', 'tasklist'].flatMap((name) => ['-e', name]);
  const made = spawnSync('cmark-gfm', [...extensions, '--unsafe'], { input: markdown, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`cmark-gfm: ${made.error?.message ?? made.stderr}`);
  return made.stdout;
}
