/** From the text of one YAML document to its nodes, with every alias at its anchor: the grammar of go-yaml's parser. Pure. */
import { YamlProblem } from './yaml-scalars.ts';
import { type Token, type TokenType, YamlScanner } from './yaml-scanner.ts';

export type YamlNode = ScalarNode | SequenceNode | MappingNode | AliasNode;

export interface ScalarNode {
  kind: 'scalar';
  text: string;
  /** Its text decides of its type: it has no tag, and is neither quoted nor a block. */
  isImplicit: boolean;
  /** In full, as `tag:yaml.org,2002:str`; empty without one. */
  tag: string;
  offset: number;
}

export interface SequenceNode {
  kind: 'sequence';
  items: YamlNode[];
  offset: number;
}

export interface MappingNode {
  kind: 'mapping';
  pairs: { key: YamlNode; value: YamlNode }[];
  offset: number;
}

export interface AliasNode {
  kind: 'alias';
  name: string;
  target: YamlNode;
  offset: number;
}

/**
 * The first document of a text, as go-yaml takes the first and leaves the rest; undefined when there is none.
 * @throws YamlProblem
 */
export function readFirstNode(text: string): YamlNode | undefined {
  return new DocumentParser(text).parse();
}

const coreHandles = new Map([
  ['!', '!'],
  ['!!', 'tag:yaml.org,2002:'],
]);

class DocumentParser {
  readonly #scanner: YamlScanner;
  readonly #anchors = new Map<string, YamlNode>();
  readonly #handles = new Map<string, string>();

  constructor(text: string) {
    this.#scanner = new YamlScanner(text);
  }

  parse(): YamlNode | undefined {
    if (this.#isNext('stream-end')) return undefined;
    const hasDirectives = this.#readDirectives();
    if (this.#isNext('document-start')) this.#scanner.take();
    else if (hasDirectives) this.#fail("did not find expected '---' behind the directives");
    else return this.#finish(this.#parseNode('block'));
    const ends: TokenType[] = ['version-directive', 'tag-directive', 'document-start', 'document-end', 'stream-end'];
    return this.#finish(this.#isNext(...ends) ? this.#emptyScalar() : this.#parseNode('block'));
  }

  /** After the document follows its end, or another one; the first token of that is read, and may be wrong. */
  #finish(node: YamlNode): YamlNode {
    this.#scanner.peek();
    return node;
  }

  #isNext(...types: TokenType[]): boolean {
    return types.includes(this.#scanner.peek().type);
  }

  #fail(message: string, offset = this.#scanner.peek().offset): never {
    throw new YamlProblem(message, offset);
  }

  #readDirectives(): boolean {
    let version: string | undefined;
    let hasAny = false;
    while (this.#isNext('version-directive', 'tag-directive')) {
      const { type, text, suffix, offset } = this.#scanner.take();
      hasAny = true;
      if (type === 'version-directive') {
        if (version !== undefined) this.#fail('found duplicate %YAML directive', offset);
        if (text !== '1.1') this.#fail(`found incompatible YAML document: it says %YAML ${text}`, offset);
        version = text;
      } else {
        if (this.#handles.has(text)) this.#fail('found duplicate %TAG directive', offset);
        this.#handles.set(text, suffix);
      }
    }
    for (const [handle, prefix] of coreHandles) if (!this.#handles.has(handle)) this.#handles.set(handle, prefix);
    return hasAny;
  }

  #emptyScalar(): ScalarNode {
    return { kind: 'scalar', text: '', isImplicit: true, tag: '', offset: this.#scanner.peek().offset };
  }

  /** @param place its position: for a key or a value of a block mapping, a sequence need not be indented. */
  #parseNode(place: 'block' | 'block-or-indentless' | 'flow'): YamlNode {
    if (this.#isNext('alias')) return this.#parseAlias(this.#scanner.take());
    const { anchor, tag, offset } = this.#parseProperties();
    const remember = <T extends YamlNode>(node: T): T => {
      if (anchor !== '') this.#anchors.set(anchor, node);
      return node;
    };
    const next = this.#scanner.peek();
    if (place === 'block-or-indentless' && next.type === 'block-entry')
      return this.#parseIndentlessSequence(remember({ kind: 'sequence', items: [], offset: next.offset }));
    if (next.type === 'scalar') {
      this.#scanner.take();
      const isImplicit = (tag === '' && next.isPlain) || tag === '!';
      return remember({ kind: 'scalar', text: next.text, isImplicit, tag, offset: next.offset });
    }
    if (next.type === 'flow-sequence-start')
      return this.#parseFlowSequence(remember({ kind: 'sequence', items: [], offset: next.offset }));
    if (next.type === 'flow-mapping-start')
      return this.#parseFlowMapping(remember({ kind: 'mapping', pairs: [], offset: next.offset }));
    if (place !== 'flow' && next.type === 'block-sequence-start')
      return this.#parseBlockSequence(remember({ kind: 'sequence', items: [], offset: next.offset }));
    if (place !== 'flow' && next.type === 'block-mapping-start')
      return this.#parseBlockMapping(remember({ kind: 'mapping', pairs: [], offset: next.offset }));
    if (anchor !== '' || tag !== '')
      return remember({ kind: 'scalar', text: '', isImplicit: tag === '', tag, offset: offset ?? next.offset });
    this.#fail('did not find expected node content');
  }

  #parseAlias({ text: name, offset }: Token): AliasNode {
    const target = this.#anchors.get(name);
    if (target === undefined) this.#fail(`unknown anchor '${name}' referenced`, offset);
    return { kind: 'alias', name, target, offset };
  }

  /** An anchor and a tag, in either order. */
  #parseProperties(): { anchor: string; tag: string; offset: number | undefined } {
    let anchor = '';
    let tag = '';
    let offset: number | undefined;
    for (const type of this.#isNext('anchor') ? (['anchor', 'tag'] as const) : (['tag', 'anchor'] as const)) {
      if (!this.#isNext(type)) continue;
      const token = this.#scanner.take();
      offset ??= token.offset;
      if (type === 'anchor') anchor = token.text;
      else tag = this.#resolveTag(token);
    }
    return { anchor, tag, offset };
  }

  #resolveTag({ text: handle, suffix, offset }: Token): string {
    if (handle === '') return suffix;
    const prefix = this.#handles.get(handle);
    if (prefix === undefined) this.#fail('found undefined tag handle', offset);
    return prefix + suffix;
  }

  #parseBlockSequence(node: SequenceNode): SequenceNode {
    this.#scanner.take();
    while (this.#isNext('block-entry')) {
      this.#scanner.take();
      node.items.push(this.#isNext('block-entry', 'block-end') ? this.#emptyScalar() : this.#parseNode('block'));
    }
    if (!this.#isNext('block-end')) this.#fail("did not find expected '-' indicator");
    this.#scanner.take();
    return node;
  }

  #parseIndentlessSequence(node: SequenceNode): SequenceNode {
    while (this.#isNext('block-entry')) {
      this.#scanner.take();
      const isEmpty = this.#isNext('block-entry', 'key', 'value', 'block-end');
      node.items.push(isEmpty ? this.#emptyScalar() : this.#parseNode('block'));
    }
    return node;
  }

  #parseBlockMapping(node: MappingNode): MappingNode {
    this.#scanner.take();
    const half = () =>
      this.#isNext('key', 'value', 'block-end') ? this.#emptyScalar() : this.#parseNode('block-or-indentless');
    while (this.#isNext('key')) {
      this.#scanner.take();
      const key = half();
      const hasValue = this.#isNext('value');
      if (hasValue) this.#scanner.take();
      node.pairs.push({ key, value: hasValue ? half() : this.#emptyScalar() });
    }
    if (!this.#isNext('block-end')) this.#fail('did not find expected key');
    this.#scanner.take();
    return node;
  }

  #parseFlowSequence(node: SequenceNode): SequenceNode {
    this.#scanner.take();
    while (!this.#isNext('flow-sequence-end')) {
      if (node.items.length > 0) {
        if (!this.#isNext('flow-entry')) this.#fail("did not find expected ',' or ']'");
        this.#scanner.take();
        if (this.#isNext('flow-sequence-end')) break;
      }
      node.items.push(this.#isNext('key') ? this.#parsePairInSequence() : this.#parseNode('flow'));
    }
    this.#scanner.take();
    return node;
  }

  /** `[a: b]` is a list of one mapping. */
  #parsePairInSequence(): MappingNode {
    const { offset } = this.#scanner.take();
    const isEmptyKey = this.#isNext('value', 'flow-entry', 'flow-sequence-end');
    const key = isEmptyKey ? this.#emptyScalar() : this.#parseNode('flow');
    if (!this.#isNext('value')) return { kind: 'mapping', pairs: [{ key, value: this.#emptyScalar() }], offset };
    this.#scanner.take();
    const isEmpty = this.#isNext('flow-entry', 'flow-sequence-end');
    const value = isEmpty ? this.#emptyScalar() : this.#parseNode('flow');
    return { kind: 'mapping', pairs: [{ key, value }], offset };
  }

  #parseFlowMapping(node: MappingNode): MappingNode {
    this.#scanner.take();
    while (!this.#isNext('flow-mapping-end')) {
      if (node.pairs.length > 0) {
        if (!this.#isNext('flow-entry')) this.#fail("did not find expected ',' or '}'");
        this.#scanner.take();
        if (this.#isNext('flow-mapping-end')) break;
      }
      node.pairs.push(this.#parseFlowPair());
    }
    this.#scanner.take();
    return node;
  }

  #parseFlowPair(): MappingNode['pairs'][number] {
    if (!this.#isNext('key')) return { key: this.#parseNode('flow'), value: this.#emptyScalar() };
    this.#scanner.take();
    const isEmptyKey = this.#isNext('value', 'flow-entry', 'flow-mapping-end');
    const key = isEmptyKey ? this.#emptyScalar() : this.#parseNode('flow');
    if (!this.#isNext('value')) return { key, value: this.#emptyScalar() };
    this.#scanner.take();
    const isEmpty = this.#isNext('flow-entry', 'flow-mapping-end');
    return { key, value: isEmpty ? this.#emptyScalar() : this.#parseNode('flow') };
  }
}
