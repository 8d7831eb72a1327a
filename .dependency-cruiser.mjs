/**
 * The folders of src/, from the bottom up, and which of the folders below it each one may import. Nothing but these
 * folders lies in src/, and every one of them has its line here: a new folder without one fails the check.
 */
const folders = {
  core: [],
  inputs: ['core'],
  // The lock of the tool cache is that of kept clusters.
  tools: ['core', 'inputs', 'state'],
  state: ['core', 'inputs'],
  // A credential plugin is a program that we start, and one function makes the environment of all of them.
  kube: ['core', 'inputs', 'tools'],
  diagnose: ['core', 'kube'],
  logs: ['core', 'tools', 'kube', 'diagnose', 'cluster'],
  history: ['core'],
  junit: ['core'],
  reconstruct: ['core', 'junit'],
  verdict: ['core', 'report'],
  report: ['core'],
  cluster: ['core', 'inputs', 'tools', 'kube'],
  results: ['core', 'inputs', 'tools', 'state', 'kube', 'junit', 'report', 'cluster'],
  job: ['core', 'inputs', 'kube', 'diagnose', 'reconstruct'],
  // cluster: the network is tried from a node, which is a container of docker.
  platform: ['core', 'inputs', 'tools', 'kube', 'diagnose', 'cluster'],
  'roll-up': ['core', 'inputs', 'junit', 'report', 'results'],
  pipeline: [
    'core',
    'inputs',
    'tools',
    'state',
    'kube',
    'diagnose',
    'logs',
    'history',
    'junit',
    'reconstruct',
    'verdict',
    'report',
    'cluster',
    'results',
    'job',
    'platform',
    'roll-up',
  ],
  cli: [
    'core',
    'inputs',
    'history',
    'tools',
    'state',
    'kube',
    'report',
    'cluster',
    'results',
    'platform',
    'roll-up',
    'pipeline',
  ],
  action: ['core', 'inputs', 'tools', 'state', 'report', 'results', 'roll-up', 'pipeline'],
};
/** What runs: nothing imports these. */
const entryPoints = ['action/main', 'action/post', 'cli/main'];

/** The modules of src/results/ that may open files. */
const openersOfResults = [
  'collect-results',
  'fence-results',
  'foreign-directory',
  'near-misses',
  'pull-results',
  'read-coverage',
  'read-pictures',
  'read-stacks',
  'results-dir',
  'take-files',
  'watch-results-size',
];
const file = (name) => `^src/${name}\\.ts$`;
const folder = (name) => `^src/${name}/`;

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '^src/report/page/' },
      to: {},
    },
    {
      name: 'every-folder-has-a-rule',
      severity: 'error',
      comment: 'a file of src/ lies in one of the folders that are listed in .dependency-cruiser.mjs',
      from: { path: '^src/', pathNot: Object.keys(folders).map(folder) },
      to: {},
    },
    ...Object.entries(folders).map(([name, below]) => ({
      name: `folder-${name}`,
      severity: 'error',
      comment: `src/${name} imports from a folder that it may not know`,
      from: { path: folder(name) },
      to: { path: '^src/', pathNot: [folder(name), ...below.map(folder)] },
    })),
    {
      name: 'one-folder-for-the-kubernetes-client',
      severity: 'error',
      from: { path: '^src/', pathNot: folder('kube') },
      to: { path: 'node_modules/@kubernetes/' },
    },
    {
      name: 'one-folder-for-actions',
      severity: 'error',
      from: { path: '^src/', pathNot: [folder('action'), folder('tools')] },
      to: { path: 'node_modules/@actions/' },
    },
    {
      name: 'few-modules-open-results',
      severity: 'error',
      comment:
        'what tests wrote becomes a file of ours in results/take-files.ts; the others read what it took, or files of our own',
      from: { path: folder('results'), pathNot: openersOfResults.map((name) => file(`results/${name}`)) },
      to: { path: '^(node:)?fs(/promises)?$' },
    },
    {
      name: 'entry-points-are-not-imported',
      severity: 'error',
      from: {},
      to: { path: entryPoints.map(file) },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
