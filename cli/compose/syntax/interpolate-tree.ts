/** Replaces the variables in all values of a tree; keys stay as they are, as the Compose specification says. */
import { InterpolationError, interpolate, type Lookup } from './interpolation.ts';
import type { Problem } from './problem.ts';
import type { Entry, Scalar, Tree } from './tree.ts';

export interface InterpolationResult {
  readonly tree: Tree;
  readonly problems: readonly Problem[];
  /** One line for each variable that isn't set. */
  readonly warnings: readonly string[];
}

export function interpolateTree(tree: Tree, lookup: Lookup): InterpolationResult {
  const problems: Problem[] = [];
  const unset = new Map<string, string>();
  const visit = (value: Tree, path: string): Tree => {
    switch (value.kind) {
      case 'scalar':
        return scalar(value, path);
      case 'sequence':
        return { ...value, items: value.items.map((item, index) => visit(item, `${path}[${index}]`)) };
      case 'mapping': {
        const entries = new Map<string, Entry>();
        for (const entry of value.entries.values()) {
          const inner = path === '' ? entry.key : `${path}.${entry.key}`;
          entries.set(entry.key, { ...entry, value: visit(entry.value, inner) });
        }
        return { ...value, entries };
      }
    }
  };
  const scalar = (value: Scalar, path: string): Scalar => {
    if (typeof value.value !== 'string') return value;
    try {
      const result = interpolate(value.text, lookup);
      for (const name of result.unset) {
        if (!unset.has(name)) {
          const { file, line } = value.position;
          unset.set(name, `${file}:${line}: variable ${name} is not set; it becomes an empty string`);
        }
      }
      return { ...value, text: result.text, value: result.text };
    } catch (error) {
      if (!(error instanceof InterpolationError)) throw error;
      const [message = '', hint = 'set the variable or correct the text'] = error.message.split('; ');
      problems.push({ position: value.position, key: path, message, hint });
      return value;
    }
  };
  const result = visit(tree, '');
  return { tree: result, problems, warnings: [...unset.values()] };
}
