/** Devices that this host's CDI files describe, and what each container gets with them. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { parse } from 'yaml';
import { parseCdiName } from '../../../proto/cdi-device.ts';
import { GantryError } from '../../../proto/errors.ts';
import { type CdiEdits, type CdiSpec, mergeEdits, NO_EDITS, parseCdiSpec } from './cdi-spec.ts';

/** Later ones win. Source: CDI specification, "CDI JSON Specification". */
export const CDI_DIRECTORIES: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

/** A file that is larger isn't a description of devices. */
const LARGEST_BYTES = 4 * 1024 * 1024;

/** What the named devices bring along. Throws INVALID_ARGUMENT for one that no file describes; CORRUPT, UNSUPPORTED. */
export function cdiEdits(names: readonly string[], directories: readonly string[] = CDI_DIRECTORIES): CdiEdits {
  if (names.length === 0) return NO_EDITS;
  const specs = readCdiSpecs(directories);
  const chosen = names.map((name) => find(name, specs, directories));
  const general = [...new Set(chosen.map(({ spec }) => spec.edits))];
  return mergeEdits([...general, ...chosen.map(({ edits }) => edits)]);
}

/** Throws CORRUPT, UNSUPPORTED. */
export function readCdiSpecs(directories: readonly string[]): CdiSpec[] {
  return directories.flatMap(readDirectory);
}

interface Chosen {
  readonly spec: CdiSpec;
  readonly edits: CdiEdits;
}

function find(name: string, specs: readonly CdiSpec[], directories: readonly string[]): Chosen {
  const wanted = parseCdiName(name);
  const spec = specs.findLast(({ kind, devices }) => kind === wanted?.kind && devices.has(wanted.device));
  const edits = wanted && spec?.devices.get(wanted.device);
  if (spec !== undefined && edits !== undefined) return { spec, edits };
  const known = specs.flatMap(({ kind, devices }) => [...devices.keys()].map((device) => `${kind}=${device}`));
  const hint =
    known.length === 0
      ? `no file in ${directories.join(' or ')} describes any; have the vendor's tool write one`
      : `there are ${[...new Set(known)].join(', ')}`;
  throw new GantryError('INVALID_ARGUMENT', `this host has no CDI device ${name}`, { hint });
}

function readDirectory(directory: string): CdiSpec[] {
  return namesIn(directory)
    .filter((name) => ['.json', '.yaml'].includes(extname(name)))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => readSpec(join(directory, name)));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function readSpec(path: string): CdiSpec {
  const text = readFileSync(path, 'utf8');
  if (text.length > LARGEST_BYTES) throw new GantryError('CORRUPT', `${path} is too large to describe devices`);
  return parseCdiSpec(path, parsed(path, text));
}

function parsed(path: string, text: string): unknown {
  try {
    // JSON is YAML, too.
    return parse(text);
  } catch (cause) {
    throw new GantryError('CORRUPT', `${path} is neither JSON nor YAML`, { cause });
  }
}
