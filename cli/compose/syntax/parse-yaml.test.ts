import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCommonYaml } from './common-yaml/read-common-yaml.ts';
import { parseAnyYaml, parseYaml } from './parse-yaml.ts';
import { plain } from './plain.testing.ts';
import { ProblemError, problemLine } from './problem.ts';

function read(text: string): unknown {
  const [tree] = parseYaml('f.yml', text);
  return tree === undefined ? undefined : plain(tree);
}

function refused(text: string): string {
  try {
    parseYaml('f.yml', text);
  } catch (error) {
    if (error instanceof ProblemError) return problemLine(error.problem);
    throw error;
  }
  return 'was accepted';
}

/** What most compose files are written in. */
const COMMON: readonly string[] = [
  'a: 1\n',
  'a: 1',
  '# note\n\na: b # c\n\n  # d\nb: c\n',
  'a:\n  b:\n    c: d\n  e: f\ng:\n',
  'a:\n- 1\n- b\n-\nb:\n  - x: 1\n    y: 2\n  -\n    z: 3\n  - - 1\n    - 2\n',
  'a: [1, "x y", \'it\'\'s\', [b, {c: d}], {}]\nb: { c: d, "e":f, g: h i , }\nc: [a,b , c]\n',
  'a: "x\\ny\\t\\"z\\\\"\nb: \'# no note\'\nc: x#y\nd: x:y\ne: http://a:80/b?c\n',
  'a: null\nb: ~\nc:\nd: true\ne: False\nf: yes\ng: 0o17\nh: 0x1F\ni: 017\nj: 1.50\nk: 1e3\nl: .5\nm: -3\nn: .inf\no: .nan\np: 56:12\nq: 1_000\nr: +1\ns: 1.\nt: 0b11\nu: -0x1f\nv: 0b2\nw: _1\n',
  'x: &a\n  b: 1\n  c: [1]\ny: *a\nz:\n  <<: *a\n  b: 2\nw: {k: v}\nv: &s text\nu: *s # note\n',
  'x: &a {a: 1}\ny: &b {a: 2, b: 3}\nz:\n  c: 4\n  <<: [*a, *b]\n'.replace('[*a, *b]', '*b'),
  'a: |\n  one\n   two\n\n  three # no note\nb: |-\n  x\n\nc: |+\n  y\n\nd: z\n',
  'a:\n  b: |\n    x: y\n  c: d\n',
  'a: !reset\nb: !reset null\nc: !override [a]\nd: !override\n  e: f\nf: !reset 1\ng: !override "1"\n',
  'a: &x !override [b]\nc: *x\n',
  '"a b": 1\n\'c\': 2\n? : 3\n'.replace('? : 3\n', ''),
  'a-b.c/d: 1\n-x: 2\n',
  '- a'.replace('- a', 'k:   # note\n  - a   # note\n  -   b\n'),
  '<<: &d {a: 1}\nb: *d\n',
  '---\na: 1\nb: {c: , d: }\ne: [\n  a,\n  "b", # c\n\n  {d: e,\n   f: g},\n  h # i\n  ]\n',
  'a: &x {b: 1}\nc: {<<: *x, d: *x }\ne: [*x, [*x]]\n',
  'a:\n  &x\n  b: 1\nc: *x\nd:\n  [e,\n   f]\n',
  'a: >\n  one\n  two\n\n  three\n\n\n  four\nb: >-\n  x\n  y\n\nc: z\n',
  'é: ü\n日本: [語]\n',
];

/** What only the library reads, and all that is wrong. */
const OTHER: readonly string[] = [
  'a: >\n  folded\n   deeper\n',
  'a: one\n  two\n',
  'a: "one\n  two"\n',
  'a: [b\n  c]\n',
  'a:\r\n  b: c\r\n',
  'a:\tb\n',
  'a: b\n---\nc: d\n',
  '? a\n: b\n',
  'a: "\\u0041"\n',
  'a: {b}\n',
  'a: [b: c]\n',
  'a: |2\n   b\n',
];

describe('parseYaml', () => {
  it.each(COMMON)('reads %j itself, as the library does', (text) => {
    const [expected] = parseAnyYaml('f.yml', text);
    expect(readCommonYaml('f.yml', text)).toEqual(expected);
    expect(expected).toBeDefined();
  });

  it.each(OTHER)('leaves %j to the library', (text) => {
    expect(readCommonYaml('f.yml', text)).toBeUndefined();
    expect(parseYaml('f.yml', text).length).toBeGreaterThan(0);
  });

  it.each<[string, string]>([
    ['', 'f.yml:1:1: the file is empty; it needs at least "services:"'],
    ['- a\n', 'f.yml:1:1: the file must be a mapping; start with "services:"'],
    ['a: 1\nb: 2\na: 3\n', 'f.yml:3:1: YAML: Map keys must be unique; remove one of the two'],
    ['a:\n\tb: 1\n', 'f.yml:2:1: YAML: Tabs are not allowed as indentation; indent with spaces'],
    ['a:\n  b: 1\n c: 2\n', 'f.yml:3:1: YAML: All mapping items must start at the same column; check the indentation'],
    ['a: b: c\n', 'f.yml:1:4: YAML: Nested mappings are not allowed in compact mappings; check the indentation'],
    ['a: *b\n', 'f.yml:1:4: unknown alias *b; define &b before it'],
    ['a: !foo b\n', 'f.yml:1:4: the tag !foo is unknown; there are !reset and !override'],
    [
      'a: [1\n',
      'f.yml:2:1: YAML: Flow sequence in block collection must be sufficiently indented and end with a ]; check the indentation',
    ],
    ['a: {<<: 1}\n', 'f.yml:1:9: "<<" merges mappings only; give it an alias of one'],
    ['a: &a [*a]\n', 'f.yml:1:8: values are nested too deeply; 64 levels are allowed'],
  ])('refuses %j', (text, line) => {
    expect(refused(text)).toBe(line);
  });

  it('reads every document', () => {
    expect(parseYaml('f.yml', '---\na: 1\n...\n---\n---\nb: 2\n').map(plain)).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it('takes what stands beside a merge key before what is merged', () => {
    expect(read('x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], a: 0}\n')).toMatchObject({
      z: { a: 0, b: 2, c: 4 },
    });
  });
});

describe('bounds', () => {
  const bomb = (levels: number, width: number) =>
    ['a0: &a0 [x, x, x]']
      .concat(
        Array.from(
          { length: levels },
          (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(width).slice(0, -1)}]`,
        ),
      )
      .join('\n');

  it.each<[string, string, RegExp]>([
    ['aliases of aliases', bomb(12, 9), /^f\.yml:\d+:\d+: aliases make the file too large; use fewer aliases$/],
    [
      'aliases of aliases in blocks',
      bomb(12, 9)
        .replace(/\[(.*)\]/g, '[$1]')
        .replaceAll(', ', ','),
      /too large/,
    ],
    ['a chain of aliases', bomb(100, 1), /nested too deeply/],
    ['lists in lists', `a: ${'['.repeat(100_000)}`, /^f\.yml:1:\d+: .*nested too deeply/],
    ['closed lists in lists', `a: ${'['.repeat(100_000)}${']'.repeat(100_000)}`, /nested too deeply/],
    ['mappings in mappings', `${'{a: '.repeat(100_000)}`, /nested too deeply/],
    ['dashes', `a:\n  ${'- '.repeat(100_000)}b`, /nested too deeply/],
    ['lines', Array.from({ length: 2000 }, (_, level) => `${' '.repeat(level)}a:`).join('\n'), /nested too deeply/],
    ['characters', `a: ${'x'.repeat(50 * 1024 * 1024)}`, /^f\.yml:1:1: the file has \d+ characters/],
  ])('of %s', (_, text, line) => {
    const start = performance.now();
    expect(refused(text)).toMatch(line);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

/** More of them with GANTRY_FUZZ=N. */
const RUNS = Number(process.env.GANTRY_FUZZ ?? 1500);

const PIECES = [
  'a',
  'b: ',
  'c:\n',
  '\n',
  '  ',
  ' ',
  '- ',
  '-',
  '"',
  "'",
  '[',
  ']',
  '{',
  '}',
  ', ',
  ': ',
  ':',
  '#',
  ' #',
  '&x ',
  '*x',
  '|\n',
  '|-\n',
  '|+\n',
  '>\n',
  '!reset ',
  '!override',
  '<<: ',
  '1',
  '~',
  'true',
  '.5',
  '? ',
  '\\',
  '%',
  '@',
  '`',
  '=',
  'é',
  '\t',
  '---',
  '0x1',
];

describe('the two readers', () => {
  const seeds = fc.constantFrom(...COMMON, ...OTHER);
  const edits = fc.array(fc.tuple(fc.nat(200), fc.constantFrom(...PIECES), fc.nat(3)), { maxLength: 6 });
  const edited = fc.tuple(seeds, edits).map(([text, changes]) =>
    changes.reduce((before, [at, piece, removed]) => {
      const place = at % (before.length + 1);
      return before.slice(0, place) + piece + before.slice(place + removed);
    }, text),
  );
  const random = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join(''));

  it('read the same, where both read', () => {
    fc.assert(
      fc.property(fc.oneof(edited, random), (text) => {
        const tree = readCommonYaml('f.yml', text);
        if (tree !== undefined) expect([tree]).toEqual(parseAnyYaml('f.yml', text));
      }),
      { numRuns: RUNS },
    );
  });

  it('end with a tree or a problem', () => {
    fc.assert(
      fc.property(fc.oneof(edited, random, fc.string()), (text) => {
        expect(typeof refused(text)).toBe('string');
      }),
      { numRuns: RUNS },
    );
  });
});
