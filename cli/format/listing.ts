/**
 * How a list of objects is printed: as a table, by the ids alone, or by a --format template.
 * A column is a field of the template by the same name, so that every table is also data. Rows name their fields
 * in alphabetical order, which is how `{{json .}}` prints them.
 */

import { compileTemplate } from '../../proto/template/template.ts';
import { type Fields, toJsonValue, type Value } from '../../proto/template/values.ts';
import { alignColumns } from './table.ts';

/** Field name → heading, in the order of Docker's documentation. */
export type Headings = Readonly<Record<string, string>>;

export interface ListingOptions {
  /** `table`, `table TEMPLATE`, `json`, a template, or undefined for the default table. */
  readonly format: string | undefined;
  readonly quiet: boolean;
}

export interface Listing {
  readonly headings: Headings;
  /** The template of the default table, without the word table. */
  readonly defaultTable: string;
  /** The field that --quiet prints. */
  readonly quietField: string;
}

/** The listing as text, with a final line end when there is any. Throws TemplateError. */
export function renderListing(listing: Listing, rows: readonly Fields[], options: ListingOptions): string {
  return toText(listingLines(listing, rows, options));
}

function listingLines(listing: Listing, rows: readonly Fields[], { format, quiet }: ListingOptions): string[] {
  const wanted = format ?? 'table';
  if (quiet && (format === undefined || wanted === 'table')) {
    return rows.map((row) => String(row[listing.quietField] ?? ''));
  }
  if (wanted === 'json') return rows.map((row) => JSON.stringify(toJsonValue(row)));
  const columns = /^table(?:\s+|\\t)?/.exec(wanted);
  if (columns === null) {
    const template = compileTemplate(expandEscapes(wanted));
    return rows.map((row) => template.render(row));
  }
  const text = wanted.slice(columns[0].length);
  const template = compileTemplate(text === '' ? listing.defaultTable : expandEscapes(text));
  const heading = template.renderHeading(new Map(Object.entries(listing.headings)));
  return [alignColumns([heading, ...rows.map((row) => template.render(row))])];
}

/** A shell's single quotes leave \t and \n as they are typed. */
function expandEscapes(format: string): string {
  return format.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}

function toText(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** One object, or several, as `inspect` prints them: an indented JSON array, or a template's text per object. */
export function renderInspect(objects: readonly Value[], format: string | undefined): string {
  if (format === undefined || format === '') return `${JSON.stringify(objects.map(toJsonValue), null, 4)}\n`;
  if (format === 'json') return `${JSON.stringify(objects.map(toJsonValue))}\n`;
  const template = compileTemplate(format);
  return toText(objects.map((object) => template.render(object)));
}

/** A single object (`version`, `info`) by a template. */
export function renderObject(object: Fields, format: string): string {
  if (format === 'json') return `${JSON.stringify(toJsonValue(object))}\n`;
  return `${compileTemplate(expandEscapes(format)).render(object)}\n`;
}
