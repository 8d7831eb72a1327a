import { runInNewContext } from 'node:vm';
import ts from 'typescript';
import { readSources } from '../support/read-sources.ts';

/** A regular expression of our sources. */
export interface SourcePattern {
  /** File and line. */
  place: string;
  pattern: RegExp;
}

/**
 * Every regular expression of `src/`: literals, and `new RegExp` of texts that the same file knows. Those made from a value
 * that is only known when it runs are in `dynamic`, by file and line.
 */
export function readPatterns(): { patterns: SourcePattern[]; dynamic: string[] } {
  const patterns: SourcePattern[] = [];
  const dynamic: string[] = [];
  const constants = new Map<string, ts.Expression>();
  const made: { place: string; node: ts.NewExpression | ts.CallExpression; file: string }[] = [];
  for (const { file, line, node } of readSources()) {
    const place = `${file}:${line}`;
    if (ts.isRegularExpressionLiteral(node)) patterns.push({ place, pattern: toPattern(node) });
    else if (isRegExpCall(node)) made.push({ place, node, file });
    else if (ts.isVariableDeclaration(node) && node.initializer !== undefined && ts.isIdentifier(node.name))
      constants.set(`${file} ${node.name.text}`, node.initializer);
  }
  for (const { place, node, file } of made) {
    const [source, flags] = (node.arguments ?? []).map((argument) => evaluate(argument, file, constants));
    if (typeof source === 'string') patterns.push({ place, pattern: new RegExp(source, String(flags ?? '')) });
    else dynamic.push(place);
  }
  return { patterns, dynamic };
}

function isRegExpCall(node: ts.Node): node is ts.NewExpression | ts.CallExpression {
  return (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'RegExp';
}

function toPattern(node: ts.RegularExpressionLiteral): RegExp {
  const end = node.text.lastIndexOf('/');
  return new RegExp(node.text.slice(1, end), node.text.slice(end + 1));
}

/** The value of an expression that is made of literals and constants of its file; undefined for any other. */
function evaluate(node: ts.Expression, file: string, constants: ReadonlyMap<string, ts.Expression>): unknown {
  const known: Record<string, unknown> = {};
  const look = (inner: ts.Node): void => {
    const value = ts.isIdentifier(inner) ? constants.get(`${file} ${inner.text}`) : undefined;
    if (value !== undefined && ts.isIdentifier(inner)) known[inner.text] ??= evaluate(value, file, constants);
    ts.forEachChild(inner, look);
  };
  look(node);
  try {
    return runInNewContext(ts.transpile(`(${node.getText()})`), known);
  } catch {
    return undefined;
  }
}
