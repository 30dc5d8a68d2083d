import { describe, expect, it } from 'vitest';
import { expandContent, expandWord, expandWords, splitWords } from './words.ts';

const VARIABLES: Readonly<Record<string, string>> = {
  A: 'a',
  B: 'b c',
  EMPTY: '',
  PATH: '/bin',
  FILE: 'app.tar.gz',
  EXT: '.gz',
  STAR: '*b',
};
const expander = { variables: (name: string) => VARIABLES[name], escapeChar: '\\' };

describe('expanding words', () => {
  it.each([
    ['$A', 'a'],
    ['${A}', 'a'],
    ['x${A}y', 'xay'],
    ['$A$A', 'aa'],
    ['$AB', ''],
    ['\\$A', '$A'],
    ["'$A'", '$A'],
    ['"$A"', 'a'],
    ['"\\$A"', '$A'],
    ['"a\\b"', 'a\\b'],
    ['a\\b', 'ab'],
    ['"it\'s"', "it's"],
    ['$B', 'b c'],
    ['${UNSET:-d}', 'd'],
    ['${EMPTY:-d}', 'd'],
    ['${EMPTY-d}', ''],
    ['${UNSET-d}', 'd'],
    ['${A:-d}', 'a'],
    ['${A:+r}', 'r'],
    ['${EMPTY:+r}', ''],
    ['${EMPTY+r}', 'r'],
    ['${UNSET:+r}', ''],
    ['${UNSET:-${A}/$PATH}', 'a//bin'],
    ['${UNSET:-"x y"}', 'x y'],
    ['${A:?must be set}', 'a'],
    ['${FILE#*.}', 'tar.gz'],
    ['${FILE##*.}', 'gz'],
    ['${FILE%.*}', 'app.tar'],
    ['${FILE%%.*}', 'app'],
    ['${FILE#x}', 'app.tar.gz'],
    ['${FILE/ar/-}', 'app.t-.gz'],
    ['${FILE/a/-}', '-pp.tar.gz'],
    ['${FILE//a/-}', '-pp.t-r.gz'],
    ['${FILE//?a/}', 'app.r.gz'],
    ['${STAR#\\*}', 'b'],
    ['${FILE%$EXT}', 'app.tar'],
    ['${UNSET#x}', ''],
    ['$', '$'],
    ['100$', '100$'],
    ['$1$@', ''],
    ['$12x$$y', 'xy'],
    ['été${A}', 'étéa'],
  ])('%s is %s', (text, expected) => {
    expect(expandWord(text, expander)).toBe(expected);
  });

  it.each([
    ['"a', /no closing quote/],
    ["'a", /no closing quote/],
    ['${A', /bad substitution/],
    ['${A:-x', /no closing "}"/],
    ['${}', /bad substitution/],
    ['${UNSET:?must be set}', /UNSET: must be set/],
    ['${A^x}', /modifier "\^"/],
    ['${A/x}', /no closing "\/"/],
  ])('refuses %s', (text, message) => {
    expect(() => expandWord(text, expander)).toThrow(message);
  });

  it('cuts at white space, also at that of variables', () => {
    expect(expandWords('x $B "$B" \'y z\' ""', expander)).toEqual(['x', 'b', 'c', 'b c', 'y z', '']);
  });

  it('takes the other escape character', () => {
    expect(expandWord('C:\\dir\\`$A', { ...expander, escapeChar: '`' })).toBe('C:\\dir\\$A');
  });

  it('leaves quotes in content alone', () => {
    expect(expandContent('say "$A" it\'s \\$A \\n', expander)).toBe('say "a" it\'s $A \\n');
  });

  it('splits without changing', () => {
    expect(splitWords('A="b c" D=e\\ f \'g h\'', '\\')).toEqual(['A="b c"', 'D=e\\ f', "'g h'"]);
  });
});
