import { expect, test } from 'vitest';
import { AttachmentNames } from '../../src/junit/attachment-names.ts';

/** What is found in a text that arrives in pieces of this size. */
function namesOf(text: string, pieceChars = text.length): string[] {
  const names = new AttachmentNames();
  for (let at = 0; at < text.length; at += pieceChars) names.addText(text.slice(at, at + pieceChars));
  return names.names;
}

test.each([1, 2, 3, 7, 50])('attachments are found however a parser cuts the text (pieces of %i)', (pieceChars) => {
  const text =
    'log [[ATTACHMENT|a.png]]\n[[ATTACHMENT| b/c d.webm ]] [[ATTACHMENT|a.png]] [ATTACHMENT|no]] [[[[ATTACHMENT|e]';
  expect(namesOf(text, pieceChars)).toEqual(['a.png', 'b/c d.webm']);
});

test('marks without an end cost no more time than the text is long', () => {
  const text = '[[ATTACHMENT|'.repeat(200_000);
  const started = performance.now();
  expect(namesOf(text, 4096)).toEqual([]);
  expect(performance.now() - started).toBeLessThan(2000);
});

test('a case that names thousands of files keeps the first twenty', () => {
  const text = Array.from({ length: 5000 }, (_, i) => `[[ATTACHMENT|${i}.png]]`).join('\n');
  expect(namesOf(text, 1000)).toHaveLength(20);
});

test.each([
  ['attachment', true],
  ['attachment.2', true],
  ['Screenshot1', true],
  ['testrail_attachment', true],
  ['video', true],
  ['trace', true],
  ['trace_id', false],
  ['attachments-owner', false],
  ['owner', false],
])('the property %s names an attachment: %s', (name, does) => {
  const names = new AttachmentNames();
  names.addProperty({ name, value: 'a.png' });
  expect(names.names).toEqual(does ? ['a.png'] : []);
});
