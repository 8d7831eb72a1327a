import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** A node of the syntax of one of our sources. */
export interface SourceNode {
  /** Relative to the repository. */
  file: string;
  /** Counted from 1. */
  line: number;
  node: ts.Node;
}

/** Every node of every TypeScript file of `src/`, file by file. */
export function* readSources(directory = 'src'): Generator<SourceNode> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  for (const name of files.sort()) {
    const file = path.join(directory, name);
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    const pending: ts.Node[] = [source];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      yield { file, line: source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1, node };
      ts.forEachChild(node, (child) => {
        pending.push(child);
      });
    }
  }
}
