/**
 * Whether this project reads YAML files as Helm does: `node scripts/compare-yaml.ts <file>…`, document by document. Prints
 * what differs, and ends with 1 when anything does.
 */
import { readFileSync } from 'node:fs';
import { splitDocuments } from '../src/inputs/read-yaml.ts';
import { compareWithHelm } from './read-with-helm.ts';

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: node scripts/compare-yaml.ts <file>…');
  process.exit(2);
}
const documents = files.flatMap((file) =>
  splitDocuments(readFileSync(file, 'utf8')).map(({ text, line }) => ({ where: `${file}:${line}`, text })),
);
const { differences, refused } = compareWithHelm(documents.map(({ text }) => text));
for (const { index, ours, helm } of differences)
  console.log(`${documents[index]?.where}\n  k8s-test-action: ${ours}\n  helm:            ${helm}`);
console.log(`${documents.length} documents, ${refused} that both refuse, ${differences.length} differences`);
process.exitCode = differences.length === 0 ? 0 : 1;
