/** Two compose files → one, by the rules of the Compose specification (13-merge). Each value keeps the place where it was written. */
import { keyValueMapping, listOf, longBuild, namedMapping } from '../forms/key-values.ts';
import type { Problem } from '../syntax/problem.ts';
import {
  describe,
  type Entry,
  isNull,
  type Mapping,
  mappingAt,
  nullAt,
  type Tree,
  textAt,
  textIn,
} from '../syntax/tree.ts';
import { ruleOf } from './rules.ts';
import { uniqueItems } from './unique.ts';

/**
 * What `over` says wins. `path`: of both, from the top. What `over` resets stays in the result, marked so, for the
 * next merge; `settle` takes the marks away. Notes a problem where the two don't go together.
 */
export function mergeTrees(base: Tree, over: Tree, path: readonly string[], problems: Problem[]): Tree {
  return new Merger(problems).merge(base, over, path);
}

class Merger {
  readonly #problems: Problem[];

  constructor(problems: Problem[]) {
    this.#problems = problems;
  }

  merge(base: Tree, over: Tree, path: readonly string[]): Tree {
    if (over.tag !== undefined || base.tag === 'reset') return over;
    const rule = ruleOf(path);
    if (rule === 'replace') return over;
    if (isNull(over)) return base;
    if (rule !== undefined && rule !== 'logging' && !isNull(base)) {
      const merged = this.#special(rule, base, over, path);
      if (merged !== undefined) return merged;
    }
    if (rule === 'logging' && !isSameDriver(base, over)) return over;
    return this.#plain(base, over, path);
  }

  #plain(base: Tree, over: Tree, path: readonly string[]): Tree {
    if (base.kind === 'scalar') return over;
    if (base.kind === 'mapping' && over.kind === 'mapping') return this.#mappings(base, over, path);
    if (base.kind === 'sequence' && over.kind === 'sequence') {
      return { ...base, items: uniqueItems([...base.items, ...over.items], path) };
    }
    // Nobody knows what is in the user's own keys.
    if (path.some((key) => key.startsWith('x-'))) return over;
    const { file, line } = base.position;
    this.#problems.push({
      position: over.position,
      key: path.join('.'),
      message: `${describe(over)} can't be merged with ${describe(base)} (${file}:${line})`,
      hint: 'write both in the same form, or put !override before the later one',
    });
    return over;
  }

  #mappings(base: Mapping, over: Mapping, path: readonly string[]): Mapping {
    const entries = new Map<string, Entry>(base.entries);
    for (const entry of over.entries.values()) {
      const before = entries.get(entry.key);
      const value = before === undefined ? entry.value : this.merge(before.value, entry.value, [...path, entry.key]);
      entries.set(entry.key, { ...entry, value });
    }
    return { ...base, position: over.position, entries };
  }

  /** Undefined: they aren't of forms that the rule is for. */
  #special(rule: SpecialRule, base: Tree, over: Tree, path: readonly string[]): Tree | undefined {
    switch (rule) {
      case 'key-values':
        return combined(keyValueMapping(base), keyValueMapping(over));
      case 'named':
        return this.#converted(namedMapping(base, nullOf), namedMapping(over, nullOf), path);
      case 'depends-on':
        return this.#converted(namedMapping(base, startedOf), namedMapping(over, startedOf), path);
      case 'build':
        return this.#plain(longBuild(base), longBuild(over), path);
      case 'list':
        return { ...listOf(base), items: uniqueItems([...listOf(base).items, ...listOf(over).items], path) };
      case 'hosts':
        return { ...listOf(base), items: distinct([...listOf(base).items, ...listOf(over).items]) };
      case 'ipam':
        return this.#ipam(base, over, path);
      case 'limit':
        return base.kind === 'mapping' && over.kind === 'mapping' ? this.#mappings(base, over, path) : over;
    }
  }

  #converted(base: Mapping | undefined, over: Mapping | undefined, path: readonly string[]): Tree | undefined {
    return base === undefined || over === undefined ? undefined : this.#mappings(base, over, path);
  }

  /** Pools of the same subnet are merged, others added. */
  #ipam(base: Tree, over: Tree, path: readonly string[]): Tree | undefined {
    if (base.kind !== 'sequence' || over.kind !== 'sequence') return undefined;
    const items = [...base.items];
    for (const pool of over.items) {
      const index = items.findIndex((other) => subnetOf(other) === subnetOf(pool));
      const before = items[index];
      if (before === undefined) items.push(pool);
      else items[index] = this.#plain(before, pool, path);
    }
    return { ...base, items };
  }
}

/** A key without a value is one that says "none", or "from the environment": it counts, too. */
function combined(base: Mapping | undefined, over: Mapping | undefined): Tree | undefined {
  if (base === undefined || over === undefined) return undefined;
  return { ...base, entries: new Map([...base.entries, ...over.entries]) };
}

type SpecialRule = Exclude<ReturnType<typeof ruleOf>, undefined | 'replace' | 'logging'>;

const nullOf = (item: Tree): Tree => nullAt(item.position);

function startedOf({ position }: Tree): Tree {
  return mappingAt(position, { condition: textAt(position, 'service_started') });
}

function isSameDriver(base: Tree, over: Tree): boolean {
  const [before, after] = [textIn(base, 'driver'), textIn(over, 'driver')];
  return before === after || before === undefined || after === undefined;
}

function subnetOf(pool: Tree): string | undefined {
  return textIn(pool, 'subnet');
}

function distinct(items: readonly Tree[]): Tree[] {
  const seen = new Map<string, Tree>();
  for (const item of items) {
    const text = item.kind === 'scalar' ? item.text.replace(/[=:]/, '=') : '';
    if (!seen.has(text)) seen.set(text, item);
  }
  return [...seen.values()];
}
