/** Merging of whatever there is: it ends, says where two values don't go together, and keeps its laws. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Problem } from '../syntax/problem.ts';
import { type Mapping, mappingAt, nullAt, type Tree, textAt } from '../syntax/tree.ts';
import { mergeTrees } from './merge-trees.ts';
import { settle } from './settle.ts';
import { uniqueTree } from './unique-tree.ts';

const AT = { file: 'f.yml', line: 1, column: 1 };
/** More of them with GANTRY_FUZZ=N. */
const numRuns = Number(process.env.GANTRY_FUZZ ?? 500);

const KEYS = [
  'services',
  'web',
  'image',
  'ports',
  'volumes',
  'environment',
  'networks',
  'depends_on',
  'build',
  'args',
  'logging',
  'driver',
  'options',
  'ulimits',
  'nofile',
  'command',
  'ipam',
  'config',
  'subnet',
  'secrets',
  'target',
  'devices',
  'x-own',
];
const WORDS = ['', 'a', 'A=1', 'A=2', '80:80', '80', '8000-8002:80-82', 'data:/d', './x:/d', '/d', ':', '10.0.0.0/8'];

const tree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(...WORDS).map((text): Tree => textAt(AT, text)),
    fc.constant<Tree>(nullAt(AT)),
    fc.constant<Tree>({ kind: 'scalar', position: AT, text: '80', value: 80, quoted: false }),
    fc.constantFrom<Tree>(
      { ...nullAt(AT), tag: 'reset' },
      { kind: 'sequence', position: AT, items: [], tag: 'override' },
    ),
    fc.array(tie('tree'), { maxLength: 4 }).map((items): Tree => ({ kind: 'sequence', position: AT, items })),
    fc.dictionary(fc.constantFrom(...KEYS), tie('tree'), { maxKeys: 4 }).map((values): Tree => mappingAt(AT, values)),
  ),
})).tree;

const file = fc
  .tuple(tree, tree, fc.dictionary(fc.constantFrom(...KEYS), tree, { maxKeys: 6 }))
  .map(([networks, volumes, web]) =>
    mappingAt(AT, { services: mappingAt(AT, { web: mappingAt(AT, web) }), networks, volumes }),
  );

function merged(files: readonly Mapping[]): { tree: Mapping; problems: Problem[] } {
  const problems: Problem[] = [];
  const result = files.reduce((base, over) => mergeTrees(base, over, [], problems) as Mapping);
  return { tree: uniqueTree(settle(result)), problems };
}

describe('merging anything', () => {
  it('ends with a tree, and with a place for each problem', () => {
    fc.assert(
      fc.property(file, file, file, (...files) => {
        const { tree: result, problems } = merged(files);
        expect(result.kind).toBe('mapping');
        for (const problem of problems) expect(problem.position).toEqual(AT);
      }),
      { numRuns },
    );
  });

  it('changes nothing when the later file says nothing', () => {
    fc.assert(
      fc.property(file, (one) => {
        const nothing = mappingAt(AT, {});
        expect(merged([one, nothing]).tree).toEqual(merged([one]).tree);
        expect(merged([nothing, one]).tree).toEqual(merged([one]).tree);
      }),
      { numRuns },
    );
  });

  it('leaves its parts as they are', () => {
    fc.assert(
      fc.property(file, file, (one, two) => {
        const before = structuredClone([one, two]);
        merged([one, two]);
        expect([one, two]).toEqual(before);
      }),
      { numRuns },
    );
  });
});
