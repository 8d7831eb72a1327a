/** YAML that kubectl, Helm and kind, as well as readers of YAML 1.2, read as what it was made from. */
import { DUMP_SCHEMA, defineScalarTag, dump, NOT_RESOLVED, type ScalarTagDefinition } from 'js-yaml';
import { resolvePlain } from './yaml-scalars.ts';
import { WrittenScalar } from './yaml-values.ts';

/** A tag that prints numbers of many digits, and scalars of a user's, as they are. */
function keepWritten(tag: ScalarTagDefinition, type: WrittenScalar['type']): ScalarTagDefinition {
  const isWritten = (data: unknown) => data instanceof WrittenScalar && data.type === type;
  const isExact = (data: unknown) => type === 'int' && JSON.isRawJSON(data);
  return defineScalarTag(tag.tagName, {
    implicit: tag.implicit,
    // What js-yaml knows as a number or a boolean, and what Go knows as one beyond that, is quoted when it is a string.
    resolve: (source, isExplicit, tagName) => {
      const known: unknown = tag.resolve(source, isExplicit, tagName);
      if (known !== NOT_RESOLVED) return known;
      const resolved = resolvePlain(source);
      return resolved.type === type ? resolved.value : NOT_RESOLVED;
    },
    identify: (data: unknown) => isWritten(data) || isExact(data) || tag.identify(data),
    represent: (data: unknown) =>
      data instanceof WrittenScalar ? data.text : JSON.isRawJSON(data) ? data.rawJSON : tag.represent(data),
  });
}

const types = ['bool', 'int', 'float'] as const;
const schema = DUMP_SCHEMA.withTags(
  types.flatMap((type) =>
    DUMP_SCHEMA.implicitScalarTags
      .filter((tag) => tag.tagName === `tag:yaml.org,2002:${type}`)
      .map((tag) => keepWritten(tag, type)),
  ),
);

/** One document, without anchors and without line breaks of our own in its strings. */
export function writeYaml(value: unknown): string {
  return dump(value, { schema, noRefs: true, lineWidth: -1 });
}
