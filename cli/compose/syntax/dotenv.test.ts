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
    ['A="quoted\n# no comment\nlast"', { A: 'quoted\n# no comment\nlast' }],
  ])('reads %j', (text, expected) => {
    expect(parse(text)).toEqual(expected);
  });

  it.each([
    ['A=1\nnot a line', 2, 'not KEY=VALUE'],
    ['A="open\nfor ever', 1, 'never closed'],
    ['A="x" y', 1, 'after the closing quote'],
    ['A=${', 1, 'invalid variable'],
    [
      `A0=0123456789abcdef\n${Array.from({ length: 40 }, (_, index) => `A${index + 1}=$A${index}$A${index}`).join('\n')}`,
      18,
      'the value has 2097152 characters',
    ],
  ])('refuses %j at line %i', (text, line, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ line, message: expect.stringContaining(message) }));
    expect(() => parse(text)).toThrow(DotenvError);
  });
});
