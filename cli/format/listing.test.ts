import { describe, expect, it } from 'vitest';
import type { Fields } from '../../proto/template/values.ts';
import { type Listing, renderInspect, renderListing } from './listing.ts';

const LISTING: Listing = {
  headings: { ID: 'ID', Name: 'NAME' },
  defaultTable: '{{.ID}}\t{{.Name}}',
  quietField: 'ID',
};
const ROWS: Fields[] = [
  { ID: '1', Name: 'one' },
  { ID: '2', Name: 'two' },
];

describe('renderListing', () => {
  it.each<[string | undefined, boolean, string]>([
    [undefined, false, 'ID        NAME\n1         one\n2         two\n'],
    ['table', false, 'ID        NAME\n1         one\n2         two\n'],
    [undefined, true, '1\n2\n'],
    ['table', true, '1\n2\n'],
    ['{{.Name}}', true, 'one\ntwo\n'],
    ['{{.ID}}: {{.Name}}', false, '1: one\n2: two\n'],
    ['{{.ID}}\\t{{.Name}}', false, '1\tone\n2\ttwo\n'],
    ['table {{.Name}}\\t{{.ID}}', false, 'NAME      ID\none       1\ntwo       2\n'],
    ['table {{upper .Name}}', false, 'NAME\nONE\nTWO\n'],
    ['json', false, '{"ID":"1","Name":"one"}\n{"ID":"2","Name":"two"}\n'],
    ['{{json .}}', false, '{"ID":"1","Name":"one"}\n{"ID":"2","Name":"two"}\n'],
  ])('format %s, quiet %s', (format, quiet, expected) => {
    expect(renderListing(LISTING, ROWS, { format, quiet })).toBe(expected);
  });

  it('prints headings alone for an empty table, and nothing for an empty list', () => {
    expect(renderListing(LISTING, [], { format: undefined, quiet: false })).toBe('ID        NAME\n');
    expect(renderListing(LISTING, [], { format: '{{.ID}}', quiet: false })).toBe('');
    expect(renderListing(LISTING, [], { format: undefined, quiet: true })).toBe('');
  });

  it('names a field that is not there', () => {
    expect(() => renderListing(LISTING, ROWS, { format: '{{.Nope}}', quiet: false })).toThrow(
      'template parsing error: template: :1:3: executing "" at <.Nope>: can\'t evaluate field Nope',
    );
  });
});

describe('renderInspect', () => {
  const object: Fields = { Id: 'x', State: { Pid: 7 }, Labels: new Map([['a', 'b']]) };

  it('is an indented array', () => {
    expect(renderInspect([object], undefined)).toBe(
      '[\n    {\n        "Id": "x",\n        "State": {\n            "Pid": 7\n        },\n        "Labels": {\n            "a": "b"\n        }\n    }\n]\n',
    );
    expect(renderInspect([], undefined)).toBe('[]\n');
  });

  it('is a line for each object by a template', () => {
    expect(renderInspect([object, object], '{{.State.Pid}} {{index .Labels "a"}}')).toBe('7 b\n7 b\n');
  });
});
