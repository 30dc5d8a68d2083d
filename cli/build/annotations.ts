/** --annotation of `build`. Pure. Source: docs.docker.com, "docker buildx build", --annotation. */
import { invalidFlag } from '../command-line.ts';
import { CliError, EXIT } from '../failure.ts';

/** What it is an annotation of, as far as that is said: TYPE,TYPE:KEY=VALUE, where a type may have a [PLATFORM]. */
const ANNOTATION = /^(?:([a-z-]+(?:\[[\w/-]+\])?(?:,[a-z-]+(?:\[[\w/-]+\])?)*):)?([^\s=]+)=(.*)$/s;

/** Of the manifest, by name; the last of a name counts. Throws CliErrors. */
export function readAnnotations(texts: readonly string[]): Record<string, string> {
  const annotations: Record<string, string> = {};
  for (const text of texts) {
    const [, types, name, value] = ANNOTATION.exec(text) ?? [];
    if (name === undefined || value === undefined) throw invalidFlag('--annotation', text, 'write NAME=VALUE');
    for (const type of types?.split(',') ?? []) checkType(text, type);
    annotations[name] = value;
  }
  return annotations;
}

function checkType(text: string, type: string): void {
  if (type === 'manifest') return;
  throw new CliError(`--annotation ${text}: there is no ${type} that it could be of`, {
    hint: 'an image for one platform has a manifest alone: write NAME=VALUE',
    exitCode: EXIT.refused,
  });
}
