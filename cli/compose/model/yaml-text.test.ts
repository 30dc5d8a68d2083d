import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Json } from './json.ts';
import { yamlText } from './yaml-text.ts';

describe('yamlText', () => {
  it('writes blocks', () => {
    expect(
      yamlText({
        name: 'x',
        list: ['a b', 1, { k: 'v', w: [true] }, [], {}, [['c']]],
        empty: {},
        text: 'one\n two\n',
        none: null,
        'odd key ': '',
      }),
    ).toBe(`name: x
list:
  - a b
  - 1
  - k: v
    w:
      - true
  - []
  - {}
  -
    -
      - c
empty: {}
text: |
  one
   two
none: null
"odd key ": ""
`);
  });

  it.each([
    'on',
    'No',
    'y',
    '~',
    'null',
    '56:12',
    '0o17',
    '017',
    '1_000',
    '1e3',
    '.5',
    '.inf',
    '-',
    '- a',
    'a: b',
    'a #b',
    '#a',
    'a:',
    ' a',
    'a ',
    '',
    '*a',
    '&a',
    '!a',
    '{a}',
    '[a]',
    "'a'",
    '"a"',
    '%a',
    '@a',
    '`a`',
    '<<',
    '=',
    '?',
    '? a',
    '|',
    '>',
    '---',
    '...',
    'a\tb',
    'é',
    '\u2028',
    '\u0000',
    'a\r\nb',
    '\n',
    '\na',
    'a\n\n',
    ' a\nb',
    'a \nb',
    '2024-01-02',
    '0x1f',
    '+1',
    'TRUE',
    '.',
    '..',
    'a,b',
    'x]',
  ])('keeps the string %j', (text) => {
    for (const version of ['1.1', '1.2'] as const) {
      expect(parse(yamlText({ k: text, l: [text], [text]: 1 }), { version })).toEqual({
        k: text,
        l: [text],
        [text]: 1,
      });
    }
  });

  it('says what it was given, whoever reads it', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({
        unit: fc.constantFrom('a', '1', ' ', '\n', ':', '#', '-', '.', '"', '$', '{', 'e', 'x', '0', ',', '\t'),
      }),
    );
    const value = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(
          text.filter((key) => key !== '__proto__'),
          tie('value'),
          { maxKeys: 3 },
        ),
      ),
    })).value;
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'on'), value), (model) => {
        expect(parse(yamlText(model as never), { version: '1.1' })).toEqual(model);
        expect(parse(yamlText(model as never), { version: '1.2' })).toEqual(model);
      }),
      { numRuns: Number(process.env.GANTRY_FUZZ ?? 300) },
    );
  });
});
