/**
 * From nodes of YAML to values, as go.yaml.in/yaml/v2 and sigs.k8s.io/yaml make them for kubectl, Helm and the API server:
 * merge keys at their position, the last of two equal keys, keys of any type as strings. `decode.go` there is the source of the
 * rules. Pure.
 */
import type { AliasNode, MappingNode, ScalarNode, YamlNode } from './yaml-nodes.ts';
import {
  floatKey,
  mergeTag,
  type ResolvedScalar,
  resolvePlain,
  resolveTagged,
  type ScalarType,
  YamlProblem,
} from './yaml-scalars.ts';

/**
 * `kubernetes` reads as above. `as-written` is for what is read by types that only the next reader knows, as kind reads its
 * config by yaml/v3: plain scalars that are no strings stay `WrittenScalar`, merge keys lose to what is written beside them,
 * and a key that is there twice is refused.
 */
export type YamlReader = 'kubernetes' | 'as-written';

/** A plain scalar whose meaning is left to who reads it next, since that depends on the field's type: `1.30` of a string. */
export class WrittenScalar {
  readonly text: string;
  readonly type: Exclude<ScalarType, 'null' | 'str'>;
  constructor(text: string, type: WrittenScalar['type']) {
    this.text = text;
    this.type = type;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}

type Mapping = Record<string, unknown>;

/**
 * The value of a document.
 * @throws YamlProblem
 */
export function buildValue(root: YamlNode, reader: YamlReader): unknown {
  const value = new Construction(reader).read(root);
  refuseUnreadable(value);
  return value;
}

/** What JSON cannot hold is refused last, as Go does: a later key or a merge may have replaced it. */
class Unreadable {
  readonly problem: YamlProblem;
  constructor(message: string, offset: number) {
    this.problem = new YamlProblem(message, offset);
  }
}
/** In place of a key that JSON cannot hold. */
const unreadableKey = Symbol('unreadable key');

function refuseUnreadable(value: unknown): void {
  if (value instanceof Unreadable) throw value.problem;
  if (Array.isArray(value)) value.forEach(refuseUnreadable);
  else if (typeof value === 'object' && value !== null && !JSON.isRawJSON(value) && !(value instanceof WrittenScalar)) {
    refuseUnreadable((value as { [unreadableKey]?: unknown })[unreadableKey]);
    Object.values(value).forEach(refuseUnreadable);
  }
}

class Construction {
  readonly #reader: YamlReader;
  /** Aliases that are being expanded. */
  readonly #active = new Set<AliasNode>();
  #readNodes = 0;
  #aliasedNodes = 0;
  #depth = 0;

  constructor(reader: YamlReader) {
    this.#reader = reader;
  }

  read(node: YamlNode, into?: Mapping): unknown {
    this.#count(node);
    if (node.kind === 'alias') return this.#follow(node, into);
    if (node.kind === 'scalar') return this.#readScalar(node);
    this.#depth += 1;
    // Aliases nest what no text can nest, and a value that deep would end every program that walks it.
    if (this.#depth > deepest) throw new YamlProblem(`it is nested more than ${deepest} levels deep`, node.offset);
    const value = node.kind === 'sequence' ? node.items.map((item) => this.read(item)) : this.#readMapping(node, into);
    this.#depth -= 1;
    return value;
  }

  #follow(alias: AliasNode, into: Mapping | undefined): unknown {
    if (this.#active.has(alias)) throw new YamlProblem(`anchor &${alias.name} contains itself`, alias.offset);
    this.#active.add(alias);
    const value = this.read(alias.target, into);
    this.#active.delete(alias);
    return value;
  }

  /** As go-yaml counts, so that what it refuses is refused, and memory stays within what a text of that length may need. */
  #count(node: YamlNode): void {
    this.#readNodes += 1;
    if (this.#active.size === 0) return;
    this.#aliasedNodes += 1;
    const excess = this.#aliasedNodes > 100 && this.#readNodes > 1000;
    if (excess && this.#aliasedNodes / this.#readNodes > allowedAliasRatio(this.#readNodes))
      throw new YamlProblem('its aliases stand for far more than it holds itself', node.offset);
  }

  #readScalar(node: ScalarNode): unknown {
    const { text, tag, isImplicit, offset } = node;
    const { type, value } = resolveScalar(node);
    if (this.#reader === 'as-written' && isImplicit && tag === '' && type !== 'null' && type !== 'str')
      return new WrittenScalar(text, type);
    if (type === 'float' && !Number.isFinite(value))
      return new Unreadable(`${text} is a number that JSON, and with it Kubernetes, does not have`, offset);
    return value;
  }

  #readMapping({ pairs }: MappingNode, into: Mapping = {}): Mapping {
    const isAsWritten = this.#reader === 'as-written';
    const own = new Set<string>();
    for (const { key, value } of pairs) {
      if (isMerge(key)) {
        if (!isAsWritten) this.#merge(value, into);
        continue;
      }
      const name = this.#readKey(key);
      if (name instanceof Unreadable) {
        this.read(value);
        setField(into, unreadableKey, name);
        continue;
      }
      if (isAsWritten && own.has(name)) throw new YamlProblem(`the key "${name}" is there twice`, key.offset);
      own.add(name);
      setField(into, name, this.read(value));
    }
    if (!isAsWritten) return into;
    const merged: Mapping = {};
    for (const { key, value } of pairs) if (isMerge(key)) this.#merge(value, merged);
    for (const [name, value] of Object.entries(into)) setField(merged, name, value);
    return merged;
  }

  #merge(node: YamlNode, into: Mapping): void {
    const sources = node.kind === 'sequence' ? [...node.items].reverse() : [node];
    for (const source of sources) {
      const target = source.kind === 'alias' ? source.target : source;
      if (target.kind !== 'mapping') throw new YamlProblem('"<<" takes a mapping or a list of mappings', source.offset);
      if (this.#reader === 'kubernetes') this.read(source, into);
      else for (const [name, value] of Object.entries(this.read(source) as Mapping)) setField(into, name, value);
    }
  }

  #readKey(node: YamlNode): string | Unreadable {
    const target = node.kind === 'alias' ? node.target : node;
    if (target.kind !== 'scalar')
      throw new YamlProblem(`a ${target.kind} is a key, which Kubernetes does not read`, node.offset);
    this.#count(node);
    if (this.#reader === 'as-written') return target.text;
    const { type, value } = resolveScalar(target);
    if (type === 'null') return new Unreadable('a key is null, which Kubernetes does not read', node.offset);
    if (type === 'float') return floatKey(Number(value));
    if (JSON.isRawJSON(value)) {
      // Of Go's integers, sigs.k8s.io/yaml knows those with a sign.
      if (value.rawJSON.length >= 19 && BigInt(value.rawJSON) > 2n ** 63n - 1n)
        return new Unreadable(`${value.rawJSON} is a key, and too large a number for one`, node.offset);
      return value.rawJSON;
    }
    return String(value);
  }
}

const deepest = 1000;

function resolveScalar({ text, tag, isImplicit, offset }: ScalarNode): ResolvedScalar {
  if (tag !== '') return resolveTagged(tag, text, offset);
  return isImplicit ? resolvePlain(text) : { type: 'str', value: text };
}

function isMerge(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.text === '<<' && (node.isImplicit || node.tag === mergeTag);
}

/** An own field, also for special names: an assignment to `__proto__` would set none. */
function setField(object: Mapping, name: string | symbol, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

/** https://github.com/yaml/go-yaml/blob/v2.4.2/decode.go (`allowedAliasRatio`) */
function allowedAliasRatio(readNodes: number): number {
  const [low, high] = [400_000, 4_000_000];
  if (readNodes <= low) return 0.99;
  return readNodes >= high ? 0.1 : 0.99 - 0.89 * ((readNodes - low) / (high - low));
}
