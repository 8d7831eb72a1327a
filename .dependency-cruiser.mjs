/** The rooms of src/ and who may enter which: imports point downwards only. */
const rooms = {
  // room: the rooms it may import from, besides itself and the vocabulary
  github: ['report', 'tools'],
  terminal: ['cluster'],
  tools: [],
  kube: [],
  cluster: ['tools', 'kube'],
  diagnose: ['kube', 'report'],
  platform: ['tools', 'kube', 'diagnose'],
  job: ['kube', 'diagnose'],
  report: [],
  'roll-up': ['job', 'report'],
  // What the pipeline is made of beside its order: it may use every room that does the work, and neither of the doors'.
  run: ['tools', 'kube', 'cluster', 'diagnose', 'platform', 'job', 'report'],
};
/** Files above the rooms that a room may use all the same. */
const files = { run: ['results-dir', 'state', 'disk-trouble', 'name-command'] };
/** Files that every room may read, beside the room `inputs`: types, and pure functions over them. */
const vocabulary = [
  'chart-source',
  'outcome',
  'door',
  'inputs',
  'tiers',
  'job-manifest',
  'results-limits',
  'secret-mask',
  'user-kind-config',
  'user-kubeconfig',
];

const file = (name) => `^src/${name}\\.ts$`;
const room = (name) => `^src/${name}/`;
const isVocabulary = [room('inputs'), ...vocabulary.map(file)];

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, path: '^src/' }, to: {} },
    ...Object.entries(rooms).map(([name, below]) => ({
      name: `room-${name}`,
      severity: 'error',
      comment: `src/${name} reaches sideways or upwards`,
      from: { path: room(name) },
      to: {
        path: '^src/',
        pathNot: [room(name), ...below.map(room), ...isVocabulary, ...(files[name] ?? []).map(file)],
      },
    })),
    {
      name: 'vocabulary-is-at-the-bottom',
      severity: 'error',
      from: { path: isVocabulary },
      to: { path: '^src/', pathNot: isVocabulary },
    },
    {
      name: 'report-knows-outcomes-only',
      severity: 'error',
      from: { path: room('report') },
      to: { path: '^src/', pathNot: [room('report'), file('outcome')] },
    },
    {
      name: 'one-room-for-the-kubernetes-client',
      severity: 'error',
      from: { path: '^src/', pathNot: room('kube') },
      to: { path: 'node_modules/@kubernetes/' },
    },
    {
      name: 'one-room-for-actions',
      severity: 'error',
      from: { path: '^src/', pathNot: [room('github'), room('tools'), file('action'), file('cleanup')] },
      to: { path: 'node_modules/@actions/' },
    },
    {
      name: 'doors-are-not-imported',
      severity: 'error',
      from: {},
      to: { path: ['action', 'cleanup', 'cli'].map(file) },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
