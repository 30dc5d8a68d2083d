import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EngineClient, type ImageBuildOptions } from '../../../proto/generated/gantry/v1/engine.ts';
import { type BuildListener, buildImage } from '../../build/build-image.ts';
import { locateDockerfile, packContext } from '../../build/context.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect, invalidFlag, refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { openInput } from '../../input.ts';
import { parsePairs } from '../../options/pairs.ts';
import { allCredentials } from '../../registry/credentials.ts';

interface BuildOptions {
  readonly buildArg: readonly string[];
  readonly cache: boolean;
  readonly file?: string;
  readonly label: readonly string[];
  readonly pull?: boolean;
  readonly quiet?: boolean;
  readonly tag: readonly string[];
  readonly target: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<context>', "directory to build from, or '-' for a tar of it on standard input")
    .option('-t, --tag <name>', 'name of the image: NAME[:TAG]', collect, [])
    .option('-f, --file <path>', 'Dockerfile (default: CONTEXT/Dockerfile)')
    .option('--build-arg <name=value>', 'value of an ARG', collect, [])
    .option('--target <stage>', 'stage to stop after', '')
    .option('--no-cache', 'run every step again')
    .option('--label <name=value>', 'label of the image', collect, [])
    .option('--pull', 'look in registries for newer base images')
    .option('-q, --quiet', 'print only the id of the image')
    .option('--progress <how>', "'plain', which is also what 'auto' and 'tty' give", progressKind)
    .action(async (context: string, options: BuildOptions) => {
      const request = await buildRequest(context, options, cli);
      const listener = options.quiet ? SILENT : plainProgress(cli);
      const id = await withClient(EngineClient, cli, (engine) =>
        buildImage(engine, request.options, request.context, listener),
      );
      await printLine(cli, options.quiet ? id : `Successfully built ${id}`);
      if (!options.quiet) for (const tag of options.tag) await printLine(cli, `Successfully tagged ${tag}`);
    });
  refuseUnsupported(command);
}

interface BuildRequest {
  readonly options: ImageBuildOptions;
  readonly context: AsyncIterable<Buffer>;
}

async function buildRequest(context: string, options: BuildOptions, cli: Cli): Promise<BuildRequest> {
  const common = {
    tags: [...options.tag],
    args: parsePairs('--build-arg', options.buildArg, (key) => cli.env[key]),
    target: options.target,
    noCache: !options.cache,
    labels: parsePairs('--label', options.label, () => ''),
    pull: options.pull ?? false,
    credentials: await allCredentials(cli),
  };
  if (context === '-') {
    const archive = openInput(cli, '-', "pipe a tar of the context in: 'tar c . | gantry build -'");
    return { options: { ...common, dockerfile: options.file ?? '', dockerfileText: '' }, context: archive };
  }
  if (/^(https?:|git@|git:)/.test(context)) {
    throw new CliError(`cannot build ${context}: URLs are not supported yet`, { hint: 'clone or download it first' });
  }
  const directory = resolve(cli.cwd, context);
  if (!statSync(directory).isDirectory()) {
    throw new CliError(`${context} is not a directory`, { hint: 'name the directory to build from' });
  }
  const place = await locateDockerfile(cli.cwd, directory, options.file);
  const dockerfile = place.kind === 'inside' ? place.path : '';
  const dockerfileText = place.kind === 'outside' ? place.text : '';
  return { options: { ...common, dockerfile, dockerfileText }, context: packContext(directory, dockerfile) };
}

function progressKind(text: string): string {
  if (['auto', 'plain', 'tty'].includes(text)) return text;
  throw invalidFlag('--progress', text, 'write plain');
}

const SILENT: BuildListener = { step: () => undefined, output: () => undefined };

/** As the classic builder prints: a line per step, and what the steps print. */
export function plainProgress(cli: Pick<Cli, 'stdout'>): BuildListener {
  return {
    step: ({ number, total, text, cached }) => {
      cli.stdout.write(`Step ${number}/${total} : ${text}\n${cached ? ' ---> Using cache\n' : ''}`);
    },
    output: (data) => {
      cli.stdout.write(data);
    },
  };
}

function refuseUnsupported(command: Command): void {
  const unsupported: readonly (readonly [string, string])[] = [
    ['--add-host <host>', 'leave it out'],
    ['--cache-from <image>', 'the build cache of this host is used by itself'],
    ['--cache-to <target>', 'the build cache of this host is used by itself'],
    ['--iidfile <file>', "use -q: 'gantry build -q . > FILE'"],
    ['--isolation <technology>', 'leave it out'],
    ['-m, --memory <size>', 'leave it out'],
    ['--network <mode>', 'leave it out'],
    ['-o, --output <target>', 'the result is always an image of this host'],
    ['--platform <platform>', "images are built for the host's platform"],
    ['--secret <secret>', 'leave it out'],
    ['--shm-size <size>', 'leave it out'],
    ['--squash', 'build in several stages and COPY --from the last'],
    ['--ssh <agent>', 'leave it out'],
    ['--ulimit <limit>', 'leave it out'],
  ];
  for (const [flags, hint] of unsupported) refuse(command, flags, hint);
}
