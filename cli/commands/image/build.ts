import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EngineClient, type ImageBuildOptions } from '../../../proto/generated/gantry/v1/engine.ts';
import { createBuildDisplay, type ProgressKind, parseProgressKind } from '../../build/build-display.ts';
import { buildImage } from '../../build/build-image.ts';
import { openBuildSource } from '../../build/build-source.ts';
import { readSecrets } from '../../build/secrets.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { collect, invalidFlag, refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { CliError, fileReason } from '../../failure.ts';
import { parsePairs } from '../../options/pairs.ts';
import { allCredentials } from '../../registry/credentials.ts';

interface BuildOptions {
  readonly addHost: readonly string[];
  readonly buildArg: readonly string[];
  readonly cache: boolean;
  readonly file?: string;
  readonly iidfile?: string;
  readonly label: readonly string[];
  readonly metadataFile?: string;
  readonly network: string;
  readonly platform: string;
  readonly progress?: ProgressKind;
  readonly pull?: boolean;
  readonly quiet?: boolean;
  readonly secret: readonly string[];
  readonly tag: readonly string[];
  readonly target: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<context>', "directory or URL to build from, or '-' for a tar of it, or a Dockerfile, on standard input")
    .option('-t, --tag <name>', 'name of the image: NAME[:TAG]', collect, [])
    .option('-f, --file <path>', "Dockerfile (default: CONTEXT/Dockerfile), or '-' for standard input")
    .option('--add-host <host:ip>', 'a host that RUN steps know', collect, [])
    .option('--build-arg <name=value>', 'value of an ARG', collect, [])
    .option('--target <stage>', 'stage to stop after', '')
    .option('--no-cache', 'run every step again')
    .option('--iidfile <file>', 'write the id of the image there')
    .option('--label <name=value>', 'label of the image', collect, [])
    .option('--metadata-file <file>', 'write what became of the build there, as JSON')
    .option('--network <mode>', 'network of RUN steps: default, none or host', networkMode, '')
    .option('--platform <platform>', "platform to build for; the host's own, others are refused", '')
    .option('--pull', 'look in registries for newer base images')
    .option('-q, --quiet', 'print only the id of the image')
    .option('--progress <how>', 'auto, plain, tty or quiet (default: $BUILDKIT_PROGRESS, or auto)', parseProgressKind)
    .option('--secret <secret>', 'for RUN --mount=type=secret: id=NAME,src=FILE or id=NAME,env=VARIABLE', collect, [])
    .action((context: string, options: BuildOptions) => build(context, options, cli));
  acceptNeedless(command);
  refuseUnsupported(command);
}

async function build(place: string, options: BuildOptions, cli: Cli): Promise<void> {
  const { quiet = false, tag, iidfile, metadataFile } = options;
  const kind = quiet ? 'quiet' : (options.progress ?? parseProgressKind(cli.env.BUILDKIT_PROGRESS || 'auto'));
  const { context, ...source } = await openBuildSource(cli, place, options.file);
  const request = { ...(await requestOptions(options, cli)), ...source };
  const display = createBuildDisplay(cli, kind);
  const id = await withClient(EngineClient, cli, (engine) => buildImage(engine, request, context, display));
  if (iidfile !== undefined) writeResult(cli, iidfile, id);
  if (metadataFile !== undefined) writeResult(cli, metadataFile, metadata(id, tag));
  if (quiet) return await printLine(cli, id);
  if (kind === 'quiet') return;
  await complain(cli, `Successfully built ${id}`);
  for (const name of tag) await complain(cli, `Successfully tagged ${name}`);
}

async function requestOptions(
  options: BuildOptions,
  cli: Cli,
): Promise<Omit<ImageBuildOptions, 'dockerfile' | 'dockerfileText' | 'contextUrl'>> {
  // As buildx has it, a time that scripts set for all tools is the build's, too.
  const epoch = cli.env.SOURCE_DATE_EPOCH === undefined ? [] : [`SOURCE_DATE_EPOCH=${cli.env.SOURCE_DATE_EPOCH}`];
  return {
    tags: [...options.tag],
    args: parsePairs('--build-arg', [...epoch, ...options.buildArg], (key) => cli.env[key]),
    target: options.target,
    noCache: !options.cache,
    labels: parsePairs('--label', options.label, () => ''),
    pull: options.pull ?? false,
    credentials: await allCredentials(cli),
    secrets: readSecrets(options.secret, cli),
    network: options.network,
    extraHosts: options.addHost.map(hostEntry),
    platform: options.platform,
  };
}

function networkMode(text: string): string {
  if (['default', 'none', 'host'].includes(text)) return text;
  throw invalidFlag('--network', text, 'write default, none or host');
}

/** HOST:IP, or as buildx also has it HOST=IP. */
function hostEntry(text: string): string {
  const [, host, address] = /^([^:=]+)[:=](.+)$/.exec(text) ?? [];
  if (host === undefined) throw invalidFlag('--add-host', text, 'write HOST:IP');
  return `${host}:${address}`;
}

function metadata(id: string, tags: readonly string[]): string {
  const names = tags.length === 0 ? {} : { 'image.name': tags.join(',') };
  return `${JSON.stringify({ 'containerimage.config.digest': id, ...names }, undefined, 2)}\n`;
}

function writeResult(cli: Cli, file: string, text: string): void {
  try {
    writeFileSync(resolve(cli.cwd, file), text);
  } catch (error) {
    throw new CliError(`the image is built, but ${file} can't be written: ${fileReason(error)}`);
  }
}

/** Docker's flags for what is always so here. */
function acceptNeedless(command: Command): void {
  for (const flags of ['--load', '--rm', '--force-rm']) {
    command.addOption(command.createOption(flags, 'always so').hideHelp());
  }
}

function refuseUnsupported(command: Command): void {
  const unsupported: readonly (readonly [string, string])[] = [
    ['--allow <entitlement>', 'leave it out: steps are isolated as containers are'],
    ['--attest <attestation>', 'leave it out'],
    ['--build-context <name=path>', 'copy the files into the context, or make the image first and use its name'],
    ['--builder <name>', 'choose the host with -H or --context'],
    ['--cache-from <image>', 'the build cache of this host is used by itself'],
    ['--cache-to <target>', 'the build cache of this host is used by itself'],
    ['--call <method>', 'leave it out'],
    ['--check', 'leave it out: the Dockerfile is checked before anything is run'],
    ['--isolation <technology>', 'leave it out'],
    ['-m, --memory <size>', 'leave it out'],
    ['--no-cache-filter <stage>', 'use --no-cache'],
    ['-o, --output <target>', "the result is always an image of this host; 'gantry save' writes it to a file"],
    ['--provenance <attestation>', 'leave it out: there is none'],
    ['--push', "run 'gantry push' afterwards"],
    ['--sbom <attestation>', 'leave it out: there is none'],
    ['--shm-size <size>', 'leave it out'],
    ['--squash', 'build in several stages and COPY --from the last'],
    ['--ssh <agent>', 'give a key as a secret: --secret id=key,src=FILE'],
    ['--ulimit <limit>', 'leave it out'],
  ];
  for (const [flags, hint] of unsupported) refuse(command, flags, hint);
}
