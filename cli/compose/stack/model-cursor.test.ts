import { expect, it } from 'vitest';
import { withOrigins } from '../model/origins.ts';
import { parseYaml } from '../syntax/parse-yaml.ts';
import { type Problem, problemLine } from '../syntax/problem.ts';
import type { Mapping } from '../syntax/tree.ts';
import { ModelCursor } from './model-cursor.ts';

function onlyDocument(text: string): Mapping {
  const [document] = parseYaml('c.yml', text);
  if (document === undefined) throw new Error('there is no document');
  return document;
}

function cursorOn(text: string, value: ConstructorParameters<typeof ModelCursor>[0]) {
  const problems: Problem[] = [];
  const cursor = new ModelCursor(value, { tree: onlyDocument(text), problems });
  return { cursor, lines: () => problems.map(problemLine) };
}

it('tells of each key that nobody has asked for, where it is written', () => {
  const { cursor, lines } = cursorOn('a: 1\nb: 2\nx-own: 3\ncolour: 4\n', { a: 1, b: 2, 'x-own': 3, colour: 4 });
  const read = cursor.object({ b: 'use a' }, (fields) => [
    fields.get('a', (one) => one.integer(0)),
    fields.text('color'),
  ]);
  expect(read).toEqual([1, '']);
  expect(lines()).toEqual([
    'c.yml:2:1: b: not supported yet; use a',
    'c.yml:4:1: colour: unknown key; did you mean "color"?',
  ]);
});

it('goes on after a value that is refused', () => {
  const { cursor, lines } = cursorOn('a: -1\nb: [x, y]\n', { a: -1, b: ['x', 'y'] });
  const read = cursor.object({}, (fields) => ({
    a: fields.get('a', (one) => one.integer(0, 5)),
    b: fields.get('b', (list) => list.items((item) => item.oneOf(['x']))),
  }));
  expect(read).toEqual({ a: undefined, b: ['x'] });
  expect(lines()).toEqual([
    'c.yml:1:4: a: "-1" is not a whole number from 0 to 5; correct it',
    'c.yml:2:8: b[1]: "y" is not allowed here; write one of x',
  ]);
});

it('points at the item of a short form, and at what is around a value that is not written', () => {
  const { cursor, lines } = cursorOn('s:\n  - "80:80"\n  - "x=1"\n', { s: { x: '1' }, t: withOrigins(['b'], [1]) });
  cursor.at('', 's', '0', 'target').report('one', '');
  cursor.at('', 's', 'x').report('two', '');
  cursor.at('', 'none').report('three', '');
  cursor.at(withOrigins(['b'], [1]), 's').items((item) => item.report('four', ''));
  expect(lines()).toEqual([
    'c.yml:2:5: s[0]: one',
    'c.yml:3:5: s[1]: two',
    'c.yml:1:1: three',
    'c.yml:3:5: s[1]: four',
  ]);
  expect(cursor.at('', 's', 'x').written).toMatchObject({ text: 'x=1' });
  expect(cursor.at('', 's', '0', 'target').written).toBeUndefined();
});

it.each<[value: ConstructorParameters<typeof ModelCursor>[0], read: (cursor: ModelCursor) => unknown, result: unknown]>(
  [
    ['1m30s', (cursor) => cursor.durationMs(), 90_000],
    ['500us', (cursor) => cursor.durationMs(), 1],
    ['-5s', (cursor) => cursor.durationMs(), undefined],
    ['1024', (cursor) => cursor.bytes(), 1024],
    ['-1', (cursor) => cursor.bytes(), undefined],
    [0.1, (cursor) => cursor.nanoCpus(), 100_000_000],
    [-1, (cursor) => cursor.nanoCpus(), undefined],
    [1.5, (cursor) => cursor.ratio(), undefined],
    ['0440', (cursor) => cursor.fileMode(), 0o440],
    ['5', (cursor) => cursor.digits(0, 9), 5],
    ['root', (cursor) => cursor.digits(0, 9), undefined],
    [1.5, (cursor) => cursor.integer(0), undefined],
  ],
)('reads %j', (value, read, result) => {
  const { cursor, lines } = cursorOn('a: 1\n', value);
  expect(cursor.attempt(read)).toEqual(result);
  expect(lines()).toHaveLength(result === undefined ? 1 : 0);
});
