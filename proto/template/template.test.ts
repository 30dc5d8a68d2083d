import { describe, expect, it } from 'vitest';
import { compileTemplate } from './template.ts';
import type { Fields } from './values.ts';

const LABELS = new Map([
  ['b', 'two'],
  ['a', 'one'],
]);

const DATA: Fields = {
  ID: '0123456789ab',
  Names: 'web,front',
  Count: 3,
  Ratio: 0.5,
  Up: true,
  Empty: '',
  Nothing: null,
  List: ['x', 'y', 'z'],
  None: [],
  Config: { Image: 'busybox', Labels: LABELS, Cmd: null },
  Items: [
    { Name: 'one', Size: 1 },
    { Name: 'two', Size: 2 },
  ],
  Label: (name) => LABELS.get(String(name)) ?? '',
};

function render(source: string): string {
  return compileTemplate(source).render(DATA);
}

describe('what a template prints', () => {
  it.each([
    ['plain text', 'plain text'],
    ['{{.ID}}: {{.Names}}', '0123456789ab: web,front'],
    ['{{ .ID }}', '0123456789ab'],
    ['{{.Config.Image}}', 'busybox'],
    ['{{$.ID}}', '0123456789ab'],
    ['{{.Count}} {{.Ratio}} {{.Up}}', '3 0.5 true'],
    ['{{.List}}', '[x y z]'],
    ['{{.Config.Labels}}', 'map[a:one b:two]'],
    ['{{.Nothing}}', '<no value>'],
    ['{{.Config.Labels.nope}}', '<no value>'],
    ['{{.Config.Labels.a}}', 'one'],
    ['{{json .List}}', '["x","y","z"]'],
    ['{{json .Config}}', '{"Image":"busybox","Labels":{"a":"one","b":"two"},"Cmd":null}'],
    ['{{json .Nothing}}', 'null'],
    ['{{.List | json}}', '["x","y","z"]'],
    ['{{"<&>" | json}}', '"<&>"'],
    ['{{.Label "a"}}', 'one'],
    ['{{.Label "zzz"}}', ''],
    ['{{"a" | .Label}}', 'one'],
    ['{{upper .Names}}', 'WEB,FRONT'],
    ['{{lower "ABC"}}', 'abc'],
    ['{{title "hello big world"}}', 'Hello Big World'],
    ['{{title "reg.example:5000/a_b/c"}}', 'Reg.Example:5000/A_b/C'],
    ['{{join .List "-"}}', 'x-y-z'],
    ['{{range split .Names ","}}<{{.}}>{{end}}', '<web><front>'],
    ['{{truncate .ID 4}}', '0123'],
    ['{{truncate "ab" 4}}', 'ab'],
    ['[{{pad "x" 1 2}}]', '[ x  ]'],
    ['{{len .List}} {{len "äb"}} {{len .Config.Labels}}', '3 3 2'],
    ['{{index .List 1}}', 'y'],
    ['{{index .Config.Labels "a"}}', 'one'],
    ['{{index .Config.Labels "no"}}', ''],
    ['{{(index .Items 1).Name}}', 'two'],
    ['{{index .Items 1 "Name"}}', 'two'],
    ['{{slice .ID 2 4}}', '23'],
    ['{{print "a" 1}}', 'a 1'],
    ['{{println "a" 1}}.', 'a 1\n.'],
    [
      '{{printf "%s=%d|%5s|%-5s|%05d|%.2f|%q|%v|%t|%x|%%" "a" 1 "b" "c" 42 1.5 "q" true false 255}}',
      'a=1|    b|c    |00042|1.50|"q"|true|false|ff|%',
    ],
    ['{{printf "%s"}}', '%!s(MISSING)'],
    ['{{printf "%d" "x"}}', '%!d(string=x)'],
    ['{{.ID | printf "%.3s"}}', '012'],
    ['{{"\\t\\"\\u0041"}}', '\t"A'],
    ['{{`raw\\t`}}', 'raw\\t'],
    ['{{"}}"}}', '}}'],
    ["{{'a'}}", '97'],
    ['{{true}} {{0x10}} {{-3}} {{1.5}}', 'true 16 -3 1.5'],
  ])('%s', (source, expected) => {
    expect(render(source)).toBe(expected);
  });
});

describe('conditions and loops', () => {
  it.each([
    ['{{if .Up}}yes{{else}}no{{end}}', 'yes'],
    ['{{if .Empty}}yes{{else}}no{{end}}', 'no'],
    ['{{if .None}}yes{{end}}', ''],
    ['{{if eq .Count 1}}1{{else if eq .Count 3}}3{{else}}?{{end}}', '3'],
    ['{{if and .Up (eq .Config.Image "busybox")}}ok{{end}}', 'ok'],
    ['{{if or .Empty .Nothing}}ok{{else}}none{{end}}', 'none'],
    ['{{or .Empty "default"}}', 'default'],
    ['{{and .Up .ID}}', '0123456789ab'],
    ['{{if or .Up .Missing}}short{{end}}', 'short'],
    ['{{not .Up}}', 'false'],
    [
      '{{eq .Count 1 2 3}} {{ne .Count 3}} {{lt 1 2}} {{ge "b" "a"}} {{le 2 2}} {{gt 1 2}}',
      'true false true true true false',
    ],
    ['{{with .Config}}{{.Image}}/{{$.Count}}{{end}}', 'busybox/3'],
    ['{{with .Nothing}}x{{else}}none{{end}}', 'none'],
    ['{{with $x := .Count}}{{$x}}{{end}}', '3'],
    ['{{range .Items}}{{.Name}}={{.Size}};{{end}}', 'one=1;two=2;'],
    ['{{range $i, $item := .List}}{{if $i}},{{end}}{{$i}}{{$item}}{{end}}', '0x,1y,2z'],
    ['{{range $item := .List}}{{$item}}{{end}}', 'xyz'],
    ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}', 'a=one b=two '],
    ['{{range .None}}x{{else}}empty{{end}}', 'empty'],
    ['{{range .Nothing}}x{{end}}', ''],
    ['{{range .List}}{{if eq . "y"}}{{continue}}{{end}}{{.}}{{end}}', 'xz'],
    ['{{range .List}}{{if eq . "y"}}{{break}}{{end}}{{.}}{{end}}', 'x'],
    ['{{$n := 1}}{{if .Up}}{{$n = 2}}{{end}}{{$n}}', '2'],
    ['{{$n := 1}}{{if .Up}}{{$n := 2}}{{$n}}{{end}}{{$n}}', '21'],
  ])('%s', (source, expected) => {
    expect(render(source)).toBe(expected);
  });
});

describe('white space and comments', () => {
  it.each([
    ['a  {{- .Count -}}  b', 'a3b'],
    ['a  {{.Count -}}\n b', 'a  3b'],
    ['a {{/* a comment */}} b', 'a  b'],
    ['a {{- /* a comment */ -}} b', 'ab'],
    ['{{-3}}', '-3'],
  ])('%s', (source, expected) => {
    expect(render(source)).toBe(expected);
  });
});

describe('errors', () => {
  it.each([
    ['{{.ID', 'template parsing error: template: :1: unclosed action'],
    ['{{nope .ID}}', 'template parsing error: template: :1: function "nope" not defined'],
    ['{{if .Up}}x', 'template parsing error: template: :1: unexpected EOF'],
    ['{{end}}', 'template parsing error: template: :1: unexpected {{end}}'],
    ['{{}}', 'template parsing error: template: :1: missing value for command'],
    ['{{if}}x{{end}}', 'template parsing error: template: :1: missing value for if'],
    ['{{"abc}}', 'template parsing error: template: :1: unterminated quoted string'],
    ['{{$x}}', 'template parsing error: template: :1: undefined variable "$x"'],
    ['{{(.ID}}', 'template parsing error: template: :1: unclosed left paren'],
    ['{{break}}', 'template parsing error: template: :1: {{break}} outside {{range}}'],
    ['\n{{template "x"}}', 'template parsing error: template: :2: {{template}} is not supported'],
    ['{{"x" 1}}', "template parsing error: template: :1: can't give argument to non-function"],
    ['{{.ID | }}', 'template parsing error: template: :1: missing value for command'],
    ['{{if .Up}}{{else}}{{else}}{{end}}', 'template parsing error: template: :1: expected end; found {{else}}'],
    ['{{.ID ; .Names}}', 'template parsing error: template: :1: unexpected ";" in operand'],
    ['{{.ID )}}', 'template parsing error: template: :1: unexpected ")" in command'],
  ])('%s', (source, message) => {
    expect(() => compileTemplate(source)).toThrow(message);
  });

  it.each([
    [
      '{{.Config.Nope}}',
      `template parsing error: template: :1:10: executing "" at <.Config.Nope>: can't evaluate field Nope in type struct; it has Image, Labels, Cmd`,
    ],
    [
      '{{.ID.X}}',
      `template parsing error: template: :1:6: executing "" at <.ID.X>: can't evaluate field X in type string`,
    ],
    ['{{.Nothing.X}}', 'nil data; no entry for key "X"'],
    ['{{index .List 9}}', 'error calling index: index out of range: 9'],
    ['{{len 3}}', 'error calling len: len of type int'],
    ['{{upper 3}}', 'error calling upper: expected string; found int'],
    ['{{truncate "x"}}', 'wrong number of args for truncate: want 2 got 1'],
    ['{{eq 1 "a"}}', 'incompatible types for comparison'],
    ['{{.ID 1}}', 'ID has arguments but cannot be invoked as function'],
    ['{{range .ID}}{{end}}', "range can't iterate over 0123456789ab"],
  ])('%s', (source, message) => {
    expect(() => compileTemplate(source).render(DATA)).toThrow(message);
  });
});

describe('headings', () => {
  const headings = new Map([
    ['ID', 'CONTAINER ID'],
    ['Names', 'NAMES'],
  ]);

  it.each([
    ['{{.ID}}\t{{.Names}}', 'CONTAINER ID\tNAMES'],
    ['{{lower .Names}}', 'NAMES'],
    ['{{truncate .ID 4}}', 'CONTAINER ID'],
    ['{{.Other}}', '<no value>'],
  ])('%s', (source, expected) => {
    expect(compileTemplate(source).renderHeading(headings)).toBe(expected);
  });
});
