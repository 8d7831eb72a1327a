/**
 * Prints the messages of src/ as a Markdown list, an item each, for the prose linter: every string with three words in a row.
 * What a message puts in (`${…}`) stays as it is in the source.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(import.meta.dirname, '../src');
for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort())
  if (name.endsWith('.ts')) listMessages(name);

function listMessages(name: string): void {
  const source = ts.createSourceFile(
    name,
    readFileSync(path.join(root, name), 'utf8'),
    ts.ScriptTarget.Latest,
    /* setParentNodes */ true,
  );
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) {
      const text = node.getText(source).replace(/\s+/g, ' ');
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      // A program that is sent into a container is no message, and has more than a message's length.
      if (/[a-z]+ [a-z]+ [a-z]+/.test(text) && text.length < 1000)
        process.stdout.write(`- src/${name}:${line} ${text.replaceAll('`', ' ')}\n`);
      if (ts.isTemplateExpression(node)) return;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}
