import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { BuildResult, EngineClient, type ImageBuildOptions } from '../../../proto/generated/gantry/v1/engine.ts';
import { readCacheSources, readCacheTargets, writeCache } from '../../build/build-caches.ts';
import { createBuildDisplay, type ProgressKind, parseProgressKind } from '../../build/build-display.ts';
import { type BuildUpload, buildImage } from '../../build/build-image.ts';
import { type BuildFlags, buildRequest, platformsOf } from '../../build/build-request.ts';
import { openBuildSource } from '../../build/build-source.ts';
import { checkReport } from '../../build/build-warnings.ts';
import { CheckDisplay } from '../../build/check-display.ts';
import { buildMetadata } from '../../build/metadata.ts';
import { readNamedContexts } from '../../build/named-contexts.ts';
import { type BuildOutput, readOutputs } from '../../build/outputs.ts';
import { readSshSources, withAgentSockets } from '../../build/ssh-agents.ts';
import { declareUnsupported } from '../../build/unsupported-flags.ts';
import { checkOutputs, imageNames, usesStandardOutput, writeFiles, writeImage } from '../../build/write-outputs.ts';
import { type Cli, complain, print, printLine } from '../../cli.ts';
import { collect, invalidFlag } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { CliError, EXIT, fileReason } from '../../failure.ts';
import { byteSize } from '../../options/limits.ts';

interface BuildOptions extends BuildFlags {
  readonly buildContext: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  readonly call: 'build' | 'check';
  readonly check?: boolean;
  readonly file?: string;
  readonly iidfile?: string;
  readonly load?: boolean;
  readonly metadataFile?: string;
  readonly output: readonly string[];
  readonly progress?: ProgressKind;
  readonly push?: boolean;
  readonly quiet?: boolean;
  readonly ssh: readonly string[];
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<context>', "directory or URL to build from, or '-' for a tar of it, or a Dockerfile, on standard input")
    .option('-t, --tag <name>', 'name of the image: NAME[:TAG]', collect, [])
    .option('-f, --file <path>', "Dockerfile (default: CONTEXT/Dockerfile), or '-' for standard input")
    .option(
      '--build-context <name=place>',
      'further files or image by a name: DIRECTORY, URL, docker-image://IMAGE or oci-layout://DIRECTORY',
      collect,
      [],
    )
    .option('--target <stage>', 'stage to stop after', '')
    .option('--platform <platforms>', "platforms to build for, with commas between (default: the host's)", collect, [])
    .option('--label <name=value>', 'label of the image', collect, [])
    .option(
      '--annotation <name=value>',
      "annotation of the image's manifest, or with index: of the index of several",
      collect,
      [],
    )
    .option('--no-cache', 'run every step again')
    .option('--no-cache-filter <stage>', 'run every step of these stages again', collect, [])
    .option('--cache-from <source>', 'take steps from an image, or with type=local,src=DIRECTORY', collect, [])
    .option(
      '--cache-to <target>',
      'keep steps for other hosts: type=inline (in the image), type=registry,ref=IMAGE or type=local,dest=DIRECTORY',
      collect,
      [],
    )
    .option('--pull', 'look in registries for newer base images')
    .action(async (context: string, options: BuildOptions) => {
      if (options.check === true || options.call === 'check') await check(context, options, cli);
      else await build(context, options, cli);
    });
  declareStepFlags(command);
  declareResultFlags(command);
  declareUnsupported(command);
}

/** What RUN steps get. */
function declareStepFlags(command: Command): void {
  command
    .option('--build-arg <name=value>', 'value of an ARG', collect, [])
    .option('--secret <secret>', 'for RUN --mount=type=secret: id=NAME,src=FILE or id=NAME,env=VARIABLE', collect, [])
    .option('--ssh <agent>', 'for RUN --mount=type=ssh: default, or ID=PATH of a socket or private key', collect, [])
    .option('--network <mode>', 'network of RUN steps: default, none or host', networkMode, '')
    .option('--add-host <host:ip>', 'a host that RUN steps know', collect, [])
    .option('--shm-size <size>', "size of RUN steps' /dev/shm", byteSize('--shm-size'))
    .option('--ulimit <limit>', 'limit of RUN steps: NAME=SOFT[:HARD]', collect, []);
}

/** Where it goes, and what is told of it. */
function declareResultFlags(command: Command): void {
  command
    .option('-o, --output <output>', "DIRECTORY, '-' for a tar, or type=TYPE,dest=PATH", collect, [])
    .option('--check', 'say what is to be said about the Dockerfile, and build nothing')
    .option('--push', 'push the image to the registries of its names')
    .option('--load', 'make an image of this host, which is so without --output')
    .option('--iidfile <file>', 'write the id of the image there')
    .option('--metadata-file <file>', 'write what became of the build there, as JSON')
    .option('-q, --quiet', 'print only the id of the image')
    .option(
      '--progress <how>',
      'auto, plain, tty, quiet or rawjson (default: $BUILDKIT_PROGRESS, or auto)',
      parseProgressKind,
    )
    .addOption(command.createOption('--call <method>').argParser(callMethod).default('build').hideHelp());
}

async function build(place: string, options: BuildOptions, cli: Cli): Promise<void> {
  const { quiet = false, tag: tags } = options;
  const kind = quiet ? 'quiet' : (options.progress ?? parseProgressKind(cli.env.BUILDKIT_PROGRESS || 'auto'));
  const outputs = readOutputs(options.output, options);
  checkOutputs(cli, tags, outputs, platformsOf(options));
  checkImageFlags(outputs, options);
  const { context, ...source } = await openBuildSource(cli, place, options.file);
  const { sources: namedContexts, sent: named } = readNamedContexts(options.buildContext, cli);
  const taken = await readCacheSources(cli, options.cacheFrom);
  const kept = readCacheTargets(options.cacheTo, imageNames(tags, outputs));
  // A build that fails leaves no id of an earlier one for scripts to read.
  if (options.iidfile !== undefined) rmSync(resolve(cli.cwd, options.iidfile), { force: true });
  const agents = readSshSources(options.ssh, cli);
  const request: ImageBuildOptions = {
    ...(await buildRequest(options, outputs, cli)),
    ...source,
    ...{ namedContexts: { ...namedContexts, ...taken.sources }, sshIds: [...agents.keys()] },
    ...{ cacheImages: [...taken.images], inlineCache: kept.isInline, cacheExport: kept.export },
  };
  const takeCache = (archive: AsyncIterable<Uint8Array>) => writeCache(cli, kept.directory ?? '', archive);
  const perform = async (sockets: BuildUpload['sockets']): Promise<void> =>
    await withClient(EngineClient, cli, async (engine) => {
      const takeFiles = (archive: AsyncIterable<Uint8Array>) => writeFiles(cli, outputs, archive);
      const display = createBuildDisplay(cli, kind);
      const upload = { context, named: new Map([...named, ...taken.sent]), sockets };
      const id = await buildImage(engine, request, upload, display, { takeFiles, takeCache });
      if (id === '') return;
      await tellOfImage(engine, cli, { id, names: imageNames(tags, outputs) }, options, kind);
      await writeImage(engine, cli, outputs, { id, tags, quiet });
    });
  await withAgentSockets(agents, perform);
}

/** Without building; warnings are a failure, so that scripts notice. */
async function check(place: string, options: BuildOptions, cli: Cli): Promise<void> {
  const { context, ...source } = await openBuildSource(cli, place, options.file);
  const { sources: namedContexts, sent: named } = readNamedContexts(options.buildContext, cli);
  const request: ImageBuildOptions = {
    ...(await buildRequest(options, [], cli)),
    ...source,
    ...{ namedContexts: { ...namedContexts }, results: [BuildResult.CHECK] },
  };
  const display = new CheckDisplay(cli.stderr);
  await withClient(EngineClient, cli, (engine) =>
    buildImage(engine, request, { context, named, sockets: new Map() }, display),
  );
  await print(cli, checkReport(display.warnings));
  if (display.warnings.length > 0) cli.exitCode = EXIT.failed;
}

function callMethod(text: string): 'build' | 'check' {
  if (text === 'build' || text === 'check') return text;
  throw invalidFlag('--call', text, 'write build or check');
}

/** Throws for flags about an image where none is made. */
function checkImageFlags(outputs: readonly BuildOutput[], options: BuildOptions): void {
  const makesImage = outputs.some(({ kind }) => kind === 'image' || kind === 'archive');
  const about = [
    ...(options.iidfile === undefined ? [] : ['--iidfile']),
    ...(options.metadataFile === undefined ? [] : ['--metadata-file']),
    ...(options.tag.length === 0 ? [] : ['--tag']),
  ];
  if (!makesImage && about.length > 0) {
    throw new CliError(`${about[0]} is about an image, and --output makes none`, {
      hint: 'add --load, or another --output',
      exitCode: EXIT.refused,
    });
  }
  if (makesImage && options.quiet && usesStandardOutput(outputs)) {
    throw new CliError('--quiet and --output both write to standard output', {
      hint: 'write --progress=quiet',
      exitCode: EXIT.refused,
    });
  }
}

async function tellOfImage(
  engine: EngineClient,
  cli: Cli,
  { id, names }: { readonly id: string; readonly names: readonly string[] },
  { quiet = false, iidfile, metadataFile }: BuildOptions,
  kind: ProgressKind,
): Promise<void> {
  if (iidfile !== undefined) writeResult(cli, iidfile, id);
  if (metadataFile !== undefined) writeResult(cli, metadataFile, await buildMetadata(engine, id, names));
  if (quiet) return await printLine(cli, id);
  if (kind === 'quiet' || kind === 'rawjson') return;
  await complain(cli, `Successfully built ${id}`);
  for (const name of names) await complain(cli, `Successfully tagged ${name}`);
}

function networkMode(text: string): string {
  if (['default', 'none', 'host'].includes(text)) return text;
  throw invalidFlag('--network', text, 'write default, none or host');
}

function writeResult(cli: Cli, file: string, text: string): void {
  try {
    writeFileSync(resolve(cli.cwd, file), text);
  } catch (error) {
    throw new CliError(`the image is built, but ${file} can't be written: ${fileReason(error)}`);
  }
}
