/** The syntax tree of a Go template, and the error that names a place in one. */

/** Wrong syntax, or a value that the template can't be executed with. `message` is as Docker prints it. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  /** Of the template, from 1. */
  readonly line: number;
  /** Without the place. */
  readonly reason: string;

  /** `text` begins with the place: "LINE: " or "LINE:COLUMN: ". */
  constructor(text: string) {
    super(`template parsing error: template: :${text}`);
    const [, line = '1', reason = text] = /^(\d+)(?::\d+)?: (?:executing "" at )?(.*)$/s.exec(text) ?? [];
    this.line = Number(line);
    this.reason = reason;
  }
}

/** Where in the source: line and column from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  /** `of` undefined: a field of dot. */
  | { readonly kind: 'field'; readonly of: Expression | undefined; readonly name: string; readonly place: Place }
  | { readonly kind: 'function'; readonly name: string; readonly place: Place }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };

/** First the function, method or value, then its arguments. */
export type Command = readonly [Expression, ...Expression[]];

export interface Pipeline {
  /** `$x :=` or `$x =`; of a range also `$i, $x :=`. */
  readonly variables: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly Command[];
  /** The text as written, for errors. */
  readonly source: string;
  readonly place: Place;
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | { readonly kind: 'break' | 'continue' };
