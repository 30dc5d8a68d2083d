import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DotenvError, parseDotenv } from './dotenv.ts';

const shell: Record<string, string> = { HOME: '/root' };
const parse = (text: string) =>
  Object.fromEntries(parseDotenv(text, (name) => shell[name]).map(({ key, value }) => [key, value]));

describe('parseDotenv', () => {
  it.each([
    ['A=1', { A: '1' }],
    ['A: 1', { A: '1' }],
    ['export A=1', { A: '1' }],
    ['  A = 1  ', { A: '1' }],
    ['# note\n\nA=1 # tail', { A: '1' }],
    ['A=a#b', { A: 'a#b' }],
    ['A=', { A: '' }],
    ['A', { A: undefined }],
    ["A='$HOME \\n' # x", { A: '$HOME \\n' }],
    ['A="x\\ty\\n\\"q\\" \\$HOME $HOME"', { A: 'x\ty\n"q" $HOME /root' }],
    ['A="one\ntwo"\nB=3', { A: 'one\ntwo', B: '3' }],
    ["A='one\ntwo'", { A: 'one\ntwo' }],
    ['A=1\nB=${A}2\nC=${X:-d}', { A: '1', B: '12', C: 'd' }],
    ['A=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['\uFEFFA=1', { A: '1' }],
    ['A=b=c', { A: 'b=c' }],
    ['a[1]=c\na.key=d\nárvíz-Ű=ő', { 'a[1]': 'c', 'a.key': 'd', 'árvíz-Ű': 'ő' }],
    ["A='it\\'s' # x", { A: "it's" }],
    ["A='a\\\\b'", { A: 'a\\\\b' }],
    ['A="\\a\\b\\f\\v\\0101\\c"', { A: '\x07\b\f\vA\\c' }],
    ['A="a\\\\nb"', { A: 'a\\nb' }],
    ['A="\\${B} $$C"', { A: '${B} $C' }],
    ['A="a#b" # c', { A: 'a#b' }],
    ['A: B=c', { A: 'B=c' }],
    ['exportA=1\nexport_B =2\nexport\tC=3', { exportA: '1', export_B: '2', C: '3' }],
    ['A=some "inner" \'quotes\'', { A: 'some "inner" \'quotes\'' }],
    ['A=b #', { A: 'b' }],
    ['A=b #c', { A: 'b' }],
    ['A="b"#c', { A: 'b' }],
    ['A=#b', { A: '#b' }],
    ['A=1:B', { A: '1:B' }],
    ['A=b=', { A: 'b=' }],
    ['A=a\\tb', { A: 'a\\tb' }],
    ['A= "b c" ', { A: 'b c' }],
    ['A="\'d\'"', { A: "'d'" }],
    ['A="\\x07 \\u12e4"', { A: '\\x07 \\u12e4' }],
    ['A=5$ ^x$', { A: '5$ ^x$' }],
    ['A=${B:-{"c": 1}}', { A: '{"c": 1}' }],
    ['export A\nB', { A: undefined, B: undefined }],
    ['A="x\n\n# y\n"\nB=$A', { A: 'x\n\n# y\n', B: 'x\n\n# y\n' }],
    ['A="quoted\n# no comment\nlast"', { A: 'quoted\n# no comment\nlast' }],
  ])('reads %j', (text, expected) => {
    expect(parse(text)).toEqual(expected);
  });

  it.each([
    ['A=1\nnot a line', 2, 'not KEY=VALUE'],
    ['A="open\nfor ever', 1, 'never closed'],
    ['A="x" y', 1, 'after the closing quote'],
    ['A=${', 1, 'invalid variable'],
    ['A B=1', 1, 'not KEY=VALUE'],
    ['a$b', 1, 'not KEY=VALUE'],
    ["A='b\\'", 1, 'never closed'],
    ['A=1\n\nB=${A?}${C?c is needed}', 3, 'required variable C is missing a value: c is needed'],
    [
      `A0=0123456789abcdef\n${Array.from({ length: 40 }, (_, index) => `A${index + 1}=$A${index}$A${index}`).join('\n')}`,
      18,
      'the value has 2097152 characters',
    ],
  ])('refuses %j at line %i', (text, line, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ line, message: expect.stringContaining(message) }));
    expect(() => parse(text)).toThrow(DotenvError);
  });

  it('reads any text, or says in which line it can’t', () => {
    const pieces = fc.constantFrom(
      'A',
      'B=',
      '=',
      ':',
      '"',
      "'",
      '\\',
      '\n',
      '\r\n',
      ' ',
      '\t',
      '#',
      '$',
      '${',
      '}',
      ':-',
      '?',
      'export ',
      'é',
      '\0',
      '1',
    );
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 30 }).map((all) => all.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (written) => {
        const lines = written.split('\n').length;
        try {
          for (const { line } of parseDotenv(written, () => undefined)) expect(line).toBeLessThanOrEqual(lines);
        } catch (error) {
          if (!(error instanceof DotenvError)) throw error;
          expect(error.line).toBeGreaterThanOrEqual(1);
          expect(error.line).toBeLessThanOrEqual(lines);
        }
      }),
      { numRuns: Number(process.env.GANTRY_FUZZ ?? 1000) },
    );
  });

  it('takes a line separator of Unicode for a character', () => {
    expect(parse('A="\u2028" # \u2028\n#\u2028\nB=a\u2028b')).toEqual({ A: '\u2028', B: 'a\u2028b' });
  });

  it('gives back what was quoted', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const quoted = value
          .replace(/["\\$]/g, '\\$&')
          .replaceAll('\r', '\\r')
          .replaceAll('\n', '\\n');
        expect(parse(`A="${quoted}"`)).toEqual({ A: value });
      }),
    );
  });
});
