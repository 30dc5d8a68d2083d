/** GPUs of this host that its CDI files describe: units that services can reserve, unless the host says itself which it has. */
import type { GenericResource } from '../../../proto/generated/gantry/v1/types.ts';
import { CDI_DIRECTORIES, readCdiSpecs } from './cdi-devices.ts';

const KIND = 'gpu';
/** Beside their numbers devices have further names there, and "all". */
const NUMBERED = /^\d+$/;

/** What is announced, with the GPUs. Throws CORRUPT, UNSUPPORTED for files that can't be read. */
export function withCdiGpus(
  announced: readonly GenericResource[],
  directories: readonly string[] = CDI_DIRECTORIES,
): readonly GenericResource[] {
  if (announced.some(({ kind }) => kind === KIND)) return announced;
  const names = readCdiSpecs(directories)
    .filter(({ kind }) => kind.endsWith(`/${KIND}`))
    .flatMap(({ kind, devices }) => [...devices.keys()].filter(isNumbered).map((device) => `${kind}=${device}`));
  return names.length === 0 ? announced : [...announced, { kind: KIND, names: [...new Set(names)], count: 0 }];
}

function isNumbered(device: string): boolean {
  return NUMBERED.test(device);
}
