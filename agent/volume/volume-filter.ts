/** Docker's filters for volumes: name=, label=, driver=, dangling=. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { Volume } from '../../proto/generated/gantry/v1/engine.ts';

type Predicate = (volume: Volume, inUse: boolean) => boolean;

/**
 * Filters of the same key are alternatives, but labels must all be there; different keys must all hold. Throws
 * INVALID_ARGUMENT.
 */
export function volumeFilter(filters: readonly string[]): Predicate {
  const names: string[] = [];
  const drivers: string[] = [];
  const all: Predicate[] = [];
  for (const filter of filters) {
    const [key, value] = split(filter);
    if (key === 'name') names.push(value);
    else if (key === 'driver') drivers.push(value);
    else if (key === 'label') all.push(hasLabel(value));
    else if (key === 'dangling') all.push(isDangling(filter, value));
    else throw invalid(filter);
  }
  if (names.length > 0) all.push(({ name }) => names.some((part) => name.includes(part)));
  if (drivers.length > 0) all.push(({ driver }) => drivers.includes(driver));
  return (volume, inUse) => all.every((holds) => holds(volume, inUse));
}

function split(text: string): [key: string, value: string] {
  const at = text.indexOf('=');
  if (at === -1) throw invalid(text);
  return [text.slice(0, at), text.slice(at + 1)];
}

function hasLabel(label: string): Predicate {
  if (!label.includes('=')) return ({ labels }) => Object.hasOwn(labels, label);
  const [key, value] = split(label);
  return ({ labels }) => labels[key] === value;
}

function isDangling(filter: string, value: string): Predicate {
  if (value === 'true' || value === '1') return (_, inUse) => !inUse;
  if (value === 'false' || value === '0') return (_, inUse) => inUse;
  throw invalid(filter);
}

function invalid(filter: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `invalid volume filter '${filter}'`, {
    hint: 'filters are name=, label=, driver= and dangling=true|false',
  });
}
