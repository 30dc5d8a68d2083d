/** Puts what was built where --output wants it. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { responses } from '../../proto/client.ts';
import { BuildResult, type EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import { familiarName, parseReference, withDefaultTag } from '../../proto/image-reference.ts';
import { extractFiles } from '../archive/extract-files.ts';
import type { Cli } from '../cli.ts';
import { CliError, EXIT } from '../failure.ts';
import { writeArchive, writeOutput } from '../output-file.ts';
import { pushImage } from '../registry/push-image.ts';
import type { BuildOutput } from './outputs.ts';

/** What the engine has to make for these. */
export function resultsFor(outputs: readonly BuildOutput[]): BuildResult[] {
  const results = outputs.map(({ kind }) => {
    if (kind === 'cache') return BuildResult.CACHE;
    return kind === 'directory' || kind === 'tar' ? BuildResult.FILES : BuildResult.IMAGE;
  });
  return [...new Set(results)];
}

/** Names that the image gets, those of --tag first. */
export function imageNames(tags: readonly string[], outputs: readonly BuildOutput[]): string[] {
  const more = outputs.flatMap((output) => ('names' in output ? output.names : []));
  return [...new Set([...tags, ...more])];
}

/** Whether an output is what comes on standard output. */
export function usesStandardOutput(outputs: readonly BuildOutput[]): boolean {
  return outputs.some((output) => 'file' in output && output.file === '-');
}

/** Before anything is built. Throws CliErrors. */
export function checkOutputs(
  cli: Cli,
  tags: readonly string[],
  outputs: readonly BuildOutput[],
  platforms: 'one' | 'several',
): void {
  if (usesStandardOutput(outputs) && cli.stdout.isTTY) {
    throw new CliError('refusing to write an archive to a terminal', {
      hint: 'add dest=FILE, or redirect it',
      exitCode: EXIT.refused,
    });
  }
  if (outputs.some((output) => output.kind === 'image' && output.push && namesOf(output, tags).length === 0)) {
    throw new CliError('an image without a name cannot be pushed', {
      hint: 'name it with --tag REGISTRY/NAME',
      exitCode: EXIT.refused,
    });
  }
  const isArchived = outputs.some((output) => output.kind === 'archive' && namesOf(output, tags).length === 0);
  if (isArchived && platforms === 'several') {
    throw new CliError('images for several platforms are one by their name, and this has none', {
      hint: 'name it with --tag NAME, or build for each platform by itself',
      exitCode: EXIT.refused,
    });
  }
}

/** `archive` is the files' tar. */
export async function writeFiles(
  cli: Cli,
  outputs: readonly BuildOutput[],
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  for (const output of outputs) {
    if (output.kind === 'directory') {
      const directory = resolve(cli.cwd, output.path);
      mkdirSync(directory, { recursive: true });
      // Devices are left out: images have none that anybody would want to have here.
      await extractFiles(archive, directory, { replaces: 'anything', owner: 'user' });
      return;
    }
    if (output.kind === 'tar') return await writeOutput(cli, output.file, archive);
  }
}

export interface WrittenImage {
  readonly id: string;
  /** Those of --tag. */
  readonly tags: readonly string[];
  readonly quiet: boolean;
}

/** Archives of the image and registries that it is pushed to. */
export async function writeImage(
  engine: EngineClient,
  cli: Cli,
  outputs: readonly BuildOutput[],
  { id, tags, quiet }: WrittenImage,
): Promise<void> {
  for (const output of outputs) {
    if (output.kind === 'archive') {
      const names = namesOf(output, tags);
      const references = names.length === 0 ? [id] : names.map(withTag);
      await writeArchive(cli, output.file, () => responses(engine.imageSave({ references, platform: '' })));
    } else if (output.kind === 'image' && output.push) {
      for (const reference of namesOf(output, tags)) {
        await pushImage(engine, cli, { reference, allTags: false, quiet, stream: cli.stderr });
      }
    }
  }
}

function namesOf(
  output: Extract<BuildOutput, { kind: 'image' | 'archive' }>,
  tags: readonly string[],
): readonly string[] {
  return output.names.length === 0 ? tags : output.names;
}

/** A name without a tag would mean all of them. */
function withTag(name: string): string {
  return familiarName(withDefaultTag(parseReference(name)));
}
