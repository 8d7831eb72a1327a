/**
 * Builds dist/: one entry for each entry point, ESM with shared chunks, so that the post step starts without the rest.
 * Chunks that the command line does not load are named `action-…`: its package leaves them out.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';

/**
 * Marks the modules of client-node as free of side effects, which its package does not do: none of its generated classes for
 * each kind of object is used here.
 */
const dropUnusedKinds = {
  name: 'drop-unused-kinds',
  setup(bundler) {
    bundler.onResolve({ filter: /./ }, async ({ path: name, pluginData, ...from }) => {
      if (pluginData === 'resolved' || !`${name} ${from.importer}`.includes('@kubernetes/client-node'))
        return undefined;
      const found = await bundler.resolve(name, { ...from, pluginData: 'resolved' });
      return found.path.includes('@kubernetes/client-node') ? { ...found, sideEffects: false } : found;
    });
  },
};

/**
 * Leaves out what undici has beside its clients, almost half of it, which neither the sources nor a dependency ask for: mocks,
 * WebSockets, event sources and an experimental parser.
 */
const dropUnusedClients = {
  name: 'drop-unused-clients',
  setup(bundler) {
    bundler.onLoad({ filter: /undici\/lib\/(mock|milo|web\/websocket|web\/eventsource)\// }, () => ({
      contents: 'module.exports = {};',
    }));
  },
};

/**
 * Node's own streams in place of their copy in readable-stream 4, which gives out Node's as well where READABLE_STREAM says
 * `disable`.
 */
const useStreamsOfNode = {
  name: 'use-streams-of-node',
  setup(bundler) {
    bundler.onLoad({ filter: /node_modules\/readable-stream\/lib\/ours\/index\.js$/ }, async ({ path: file }) => {
      const copied = JSON.parse(await readFile(path.join(file, '../../../package.json'), 'utf8'));
      if (!copied.version.startsWith('4.')) throw new Error(`readable-stream ${copied.version}: is it still a copy?`);
      return { contents: "module.exports = require('node:stream');" };
    });
  },
};

/**
 * Node's http by `require`: an import in the form of ES modules reads all that it exports at once, `WebSocket` among it, for
 * which Node loads an undici of its own, a sixth of the time until the first line.
 */
const requireHttp = {
  name: 'require-http',
  setup(bundler) {
    bundler.onResolve({ filter: /^(node:)?https?$/ }, ({ path: name, kind }) =>
      kind === 'import-statement' ? { path: name.replace('node:', ''), namespace: 'required' } : undefined,
    );
    bundler.onLoad({ filter: /./, namespace: 'required' }, ({ path: name }) => ({
      contents: `module.exports = require('node:${name}');`,
    }));
  },
};

await rm('dist', { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { action: 'src/action/main.ts', cleanup: 'src/action/post.ts', cli: 'src/cli/main.ts' },
  outdir: 'dist',
  bundle: true,
  metafile: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  plugins: [dropUnusedKinds, dropUnusedClients, useStreamsOfNode, requireHttp],
  // Loaded by @azure/storage-blob when a list of blobs is asked for in Arrow's format, which nothing here does.
  external: ['apache-arrow'],
  // Names of classes and functions stay, for stack traces that a reader can follow.
  keepNames: true,
  legalComments: 'none',
  chunkNames: 'chunks/[name]-[hash]',
  // CommonJS dependencies inside an ES module ask for `require`, which ESM does not have.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});

/** The outputs that an entry loads, itself included. */
function reach(entry, reached = new Set()) {
  if (reached.has(entry)) return reached;
  reached.add(entry);
  for (const { path: output, external } of metafile.outputs[entry].imports) if (!external) reach(output, reached);
  return reached;
}

const ofCommandLine = reach('dist/cli.js');
const ofActionOnly = Object.keys(metafile.outputs).filter(
  (output) => path.dirname(output) === 'dist/chunks' && !ofCommandLine.has(output),
);
// Chunks are referred to by file names, which consist of a hash only.
const names = new Map(
  ofActionOnly.map((output) => [path.basename(output), path.basename(output).replace(/^(chunk-)?/, 'action-')]),
);
for (const output of Object.keys(metafile.outputs)) {
  const text = await readFile(output, 'utf8');
  let renamed = text;
  for (const [from, to] of names) renamed = renamed.replaceAll(from, to);
  if (renamed !== text) await writeFile(output, renamed);
  const to = names.get(path.basename(output));
  if (to !== undefined) await rename(output, path.join('dist/chunks', to));
}
