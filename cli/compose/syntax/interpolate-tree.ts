/** Replaces the variables in all values of a tree; keys stay as they are, as the Compose specification says. */
import { InterpolationError, interpolate, type Lookup } from './interpolation.ts';
import type { Problem } from './problem.ts';
import type { Entry, Scalar, Tree } from './tree.ts';

export interface InterpolationResult {
  readonly tree: Tree;
  readonly problems: readonly Problem[];
  /** One line for each variable that isn't set. */
  readonly warnings: readonly string[];
  /** How many values were looked at. */
  readonly nodes: number;
}

/** A tree in which nothing is replaced is the same one. */
export function interpolateTree(tree: Tree, lookup: Lookup): InterpolationResult {
  const interpolation = new Interpolation(lookup);
  const result = interpolation.visit(tree);
  const { problems, unset, nodes } = interpolation;
  return { tree: result, problems, warnings: [...unset.values()], nodes };
}

class Interpolation {
  readonly problems: Problem[] = [];
  readonly unset = new Map<string, string>();
  nodes = 0;
  readonly #lookup: Lookup;
  readonly #path: (string | number)[] = [];

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  visit(value: Tree): Tree {
    this.nodes += 1;
    switch (value.kind) {
      case 'scalar':
        return typeof value.value === 'string' && value.text.includes('$') ? this.#scalar(value) : value;
      case 'sequence': {
        let changed: Tree[] | undefined;
        for (const [index, item] of value.items.entries()) {
          const inner = this.#at(index, item);
          if (inner === item) continue;
          changed ??= [...value.items];
          changed[index] = inner;
        }
        return changed === undefined ? value : { ...value, items: changed };
      }
      case 'mapping': {
        let changed: Map<string, Entry> | undefined;
        for (const [key, entry] of value.entries) {
          const inner = this.#at(key, entry.value);
          if (inner === entry.value) continue;
          changed ??= new Map(value.entries);
          changed.set(key, { ...entry, value: inner });
        }
        return changed === undefined ? value : { ...value, entries: changed };
      }
    }
  }

  #at(key: string | number, value: Tree): Tree {
    this.#path.push(key);
    const result = this.visit(value);
    this.#path.pop();
    return result;
  }

  #scalar(value: Scalar): Scalar {
    try {
      const { text, unset } = interpolate(value.text, this.#lookup);
      for (const name of unset) {
        if (this.unset.has(name)) continue;
        const { file, line } = value.position;
        this.unset.set(name, `${file}:${line}: variable ${name} is not set; it becomes an empty string`);
      }
      return { ...value, text, value: text };
    } catch (error) {
      if (!(error instanceof InterpolationError)) throw error;
      const [message = '', hint = 'set the variable or correct the text'] = error.message.split('; ');
      this.problems.push({ position: value.position, key: this.#key(), message, hint });
      return value;
    }
  }

  #key(): string {
    return this.#path
      .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
      .join('');
  }
}
