/** --annotation of `build`. Pure. Source: docs.docker.com, "docker buildx build", --annotation. */
import { invalidFlag } from '../command-line.ts';
import { CliError, EXIT } from '../failure.ts';

/** What it is an annotation of, as far as that is said: TYPE,TYPE:KEY=VALUE, where a type may have a [PLATFORM]. */
const ANNOTATION = /^(?:([a-z-]+(?:\[[\w/-]+\])?(?:,[a-z-]+(?:\[[\w/-]+\])?)*):)?([^\s=]+)=(.*)$/s;

/** By name; the last of a name counts. */
export interface ReadAnnotations {
  /** Of each manifest. */
  readonly annotations: Record<string, string>;
  /** Of the index of those for several platforms. */
  readonly indexAnnotations: Record<string, string>;
}

/** Throws CliErrors. */
export function readAnnotations(texts: readonly string[], platforms: 'one' | 'several'): ReadAnnotations {
  const read: ReadAnnotations = { annotations: {}, indexAnnotations: {} };
  for (const text of texts) {
    const [, types, name, value] = ANNOTATION.exec(text) ?? [];
    if (name === undefined || value === undefined) throw invalidFlag('--annotation', text, 'write NAME=VALUE');
    for (const type of types?.split(',') ?? ['manifest']) {
      checkType(text, type, platforms);
      read[type === 'index' ? 'indexAnnotations' : 'annotations'][name] = value;
    }
  }
  return read;
}

function checkType(text: string, type: string, platforms: 'one' | 'several'): void {
  if (type === 'manifest' || (type === 'index' && platforms === 'several')) return;
  throw new CliError(`--annotation ${text}: there is no ${type} that it could be of`, {
    hint:
      platforms === 'several'
        ? 'write NAME=VALUE for the manifest of each platform, index:NAME=VALUE for the index of them'
        : 'an image for one platform has a manifest alone: write NAME=VALUE',
    exitCode: EXIT.refused,
  });
}
