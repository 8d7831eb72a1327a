/**
 * Whether this project reads YAML and JSON files as kubectl and Helm do: `node scripts/compare-yaml.ts <file>…`, document by
 * document. Prints what differs, and ends with 1 when anything does, and with 2 when a file cannot be read.
 */
import path from 'node:path';
import { messageOf, toOneLine } from '../src/core/outcome.ts';
import { readInputFile } from '../src/inputs/inspect-path.ts';
import { splitDocuments } from '../src/inputs/read-yaml.ts';
import { compareWithHelm } from './read-with-helm.ts';

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: node scripts/compare-yaml.ts <file>…');
  process.exit(2);
}
const documents: { where: string; text: string }[] = [];
for (const file of files) {
  const { text, problem } = readInputFile(path.resolve(file));
  if (problem === undefined)
    for (const { text: document, line } of splitDocuments(text))
      documents.push({ where: `${file}:${line}`, text: document });
  else {
    console.error(`${file} ${problem}`);
    process.exitCode = 2;
  }
}
try {
  const { differences, refused } = compareWithHelm(documents.map(({ text }) => text));
  for (const { index, ours, helm } of differences)
    console.log(`${documents[index]?.where}\n  k8s-test-action: ${ours}\n  helm:            ${helm}`);
  console.log(`${documents.length} documents, ${refused} that both refuse, ${differences.length} differences`);
  if (differences.length > 0) process.exitCode ??= 1;
} catch (error) {
  console.error(`Helm could not be asked: ${toOneLine(messageOf(error))}`);
  process.exitCode = 2;
}
