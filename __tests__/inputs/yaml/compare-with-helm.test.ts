import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { compareWithHelm } from '../../../scripts/read-with-helm.ts';
import { messageOf } from '../../../src/core/outcome.ts';
import { DocumentGenerator, seededRandom } from './generate-documents.ts';

const count = 5000;

test(`${count} documents, written in all the ways in which people write YAML, are read value by value as Helm reads them`, () => {
  const generator = new DocumentGenerator(seededRandom(20_261_128));
  const documents = Array.from({ length: count }, () => generator.next());
  const { differences, refused } = compareWithHelm(documents);
  expect(differences.map((one) => ({ ...one, document: documents[one.index] }))).toEqual([]);
  // What both refuse compares no values: it has to stay a minority.
  expect(refused).toBeLessThan(count * 0.3);
  console.log(`${count} documents compared with Helm: 0 differences, ${refused} that both refuse`);
});

test('a reader of YAML 1.2 is found to differ, so that no difference is nothing by accident', () => {
  const documents = ['mode: 0400', 'hostNetwork: yes', '<<: {a: 1}', 'a: 1', 'a: [\n1]'];
  const { differences } = compareWithHelm(documents, (text) => {
    try {
      return { value: load(text) };
    } catch (error) {
      return { problem: messageOf(error) };
    }
  });
  expect(differences.map(({ index }) => documents[index])).toEqual(documents.filter((one) => one !== 'a: 1'));
});
