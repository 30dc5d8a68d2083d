import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InterpolationError, interpolate } from './interpolation.ts';

const variables: Record<string, string> = { SET: 'value', EMPTY: '', OTHER: 'other' };
const run = (text: string) => interpolate(text, (name) => variables[name]).text;

describe('interpolate', () => {
  it.each([
    ['plain', 'plain'],
    ['$SET', 'value'],
    ['${SET}', 'value'],
    ['a${SET}b$OTHER.c', 'avaluebother.c'],
    ['$$SET $${SET}', '$SET ${SET}'],
    ['${MISSING}', ''],
    ['${MISSING-d}', 'd'],
    ['${EMPTY-d}', ''],
    ['${EMPTY:-d}', 'd'],
    ['${SET:-d}', 'value'],
    ['${MISSING:-}', ''],
    ['${SET+r}', 'r'],
    ['${EMPTY+r}', 'r'],
    ['${EMPTY:+r}', ''],
    ['${MISSING+r}', ''],
    ['${MISSING:-${SET}}', 'value'],
    ['${MISSING:-${ALSO:-deep}}', 'deep'],
    ['${SET:+${OTHER}-x}', 'other-x'],
    ['${SET?needed}', 'value'],
    ['${EMPTY?needed}', ''],
    ['${SET:-${MISSING?not reached}}', 'value'],
    ['${MISSING:-a:b/c?d+e-f}', 'a:b/c?d+e-f'],
    ['${MISSING-$$5}', '$5'],
    ['$', '$'],
    ['a $ b', 'a $ b'],
    ['^[a-z]+$', '^[a-z]+$'],
    ['$}', '$}'],
    ['cost: $5, $1.', 'cost: $5, $1.'],
    ['$-$SET', '$-value'],
    ['$SET-x ${SET}-x', 'value-x value-x'],
    ['-- ${EMPTY:-d} ?', '-- d ?'],
    [':?x ${EMPTY-d}', ':?x '],
    ['${MISSING-a?b}', 'a?b'],
    ['${SET?a-b}', 'value'],
    ['${EMPTY:-/a:-b}', '/a:-b'],
    ['${EMPTY:-$SET ${OTHER}}', 'value other'],
    ['${EMPTY+$SET ${SET:+second}}', 'value second'],
    ['${MISSING:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'],
    ['${SET:-{"a": 1}}', 'value'],
    ['${SET:-{}} ${SET}', 'value value'],
    ['${MISSING:-{}', '{'],
    ['${MISSING:-a{b}', 'a{b'],
    ['${MISSING:-}}', '}'],
    ['${missing-low} ${_a1:-x}', 'low x'],
  ])('%s becomes %s', (template, expected) => {
    expect(run(template)).toBe(expected);
  });

  it.each([
    ['${MISSING?}', 'MISSING is missing a value'],
    ['${MISSING?set it}', 'MISSING is missing a value: set it'],
    ['${EMPTY:?${OTHER} first}', 'EMPTY is missing a value: other first'],
    ['${', 'invalid variable'],
    ['${SET', 'without "}"'],
    ['${SET:-x', 'without "}"'],
    ['${SET!x}', 'invalid'],
    ['${}', 'invalid variable'],
    ['${ }', 'invalid variable'],
    ['${ SET}', 'invalid variable'],
    ['${SET }', 'invalid'],
    ['${1}', 'invalid variable'],
    ['${SET:}', 'invalid'],
    ['${SET:x}', 'invalid'],
    ['${MISSING:?${', 'without "}"'],
    ['${MISSING-${OTHER?}', 'without "}"'],
    ['${MISSING:?a-b}', 'missing a value: a-b'],
    ['${A:-'.repeat(100) + '}'.repeat(100), 'more than 64 variables in each other'],
    [`\${${'x'.repeat(1000)}`, 'without "}"'],
  ])('%s is refused', (template, message) => {
    expect(() => run(template)).toThrow(InterpolationError);
    expect(() => run(template)).toThrow(message);
  });

  it('names what is unset, but not in a branch that is not taken', () => {
    expect(interpolate('$A ${B:-x} ${SET:-$C} ${D:+$E}', (name) => variables[name]).unset).toEqual(['A']);
  });

  it('returns text without dollar signs as it is, and ends on any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const result = run(text);
          if (!text.includes('$')) expect(result).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(InterpolationError);
        }
      }),
    );
  });
});
