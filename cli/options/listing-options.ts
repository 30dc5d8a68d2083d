/** The options of every list: -q, --format, -f, --no-trunc. */
import type { Command } from 'commander';
import { collect, invalidFlag } from '../command-line.ts';
import { parseTime } from './log-options.ts';

export interface ListOptions {
  readonly quiet?: boolean;
  readonly format?: string;
  /** False for --no-trunc. */
  readonly trunc: boolean;
  readonly filter: readonly string[];
}

export function declareListOptions(command: Command, what: string): Command {
  return command
    .option('-q, --quiet', `print only ${what}`)
    .option('--format <template>', "'table', 'table TEMPLATE', 'json' or a Go template");
}

export function declareFilter(command: Command): Command {
  return command.option('-f, --filter <name=value>', 'only what matches', collect, []);
}

/** A filter that the CLI applies itself, since the list comes whole. */
export interface Filter {
  readonly key: string;
  readonly value: string;
}

/** Parses NAME=VALUE filters; a name that isn't one of `known` is an error that says which are. */
export function parseFilters(filters: readonly string[], known: readonly string[]): Filter[] {
  return filters.map((text) => {
    const equals = text.indexOf('=');
    const key = text.slice(0, Math.max(0, equals)).trim();
    if (!known.includes(key)) throw invalidFlag('--filter', text, `write NAME=VALUE; names are ${known.join(', ')}`);
    return { key, value: text.slice(equals + 1).trim() };
  });
}

/** `until=10m` and the like as the second that it means: the daemon's clock may be another. Throws for what is no NAME=VALUE. */
export function withPointOfTime(filters: readonly string[], nowMs: number): string[] {
  return filters.map((text) => {
    if (!text.includes('=')) throw invalidFlag('--filter', text, 'write NAME=VALUE');
    const value = /^until=(.*)$/.exec(text)?.[1];
    return value === undefined ? text : `until=${parseTime('--filter', value, nowMs) / 1000}`;
  });
}

/** As in Docker: filters of one name are alternatives, those of different names must all match. */
export function matchesFilters(filters: readonly Filter[], matches: (filter: Filter) => boolean): boolean {
  const byKey = Map.groupBy(filters, ({ key }) => key);
  return [...byKey].every(([key, group]) => (key === 'label' ? group.every(matches) : group.some(matches)));
}

/** `key` or `key=value` among the labels. */
export function matchesLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  if (equals === -1) return Object.hasOwn(labels, wanted);
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}
