/** Lists in pages: `n` of them after `last`. Pure. */
import { compareText } from '../image/text-order.ts';

export interface PageRequest {
  /** Undefined: all. */
  readonly n: number | undefined;
  readonly last: string;
}

export interface Page {
  readonly names: readonly string[];
  /** The query of the next one; undefined: that was all. */
  readonly next: string | undefined;
}

export function readPage(query: URLSearchParams): PageRequest {
  const n = query.get('n') ?? '';
  return { n: /^\d{1,9}$/.test(n) ? Number(n) : undefined, last: query.get('last') ?? '' };
}

/** In lexical order, as the specification asks. */
export function pageOf(all: Iterable<string>, { n, last }: PageRequest): Page {
  const rest = [...all].sort(compareText).filter((name) => last === '' || compareText(name, last) > 0);
  const names = n === undefined ? rest : rest.slice(0, n);
  const end = names.at(-1);
  if (end === undefined || names.length === rest.length) return { names, next: undefined };
  return { names, next: new URLSearchParams({ n: String(n), last: end }).toString() };
}
