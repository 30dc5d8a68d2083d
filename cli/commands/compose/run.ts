/** `compose run`: a container of its own with what the files say of a service, on the host that is asked. */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type ContainerCreateRequest, EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { collect, refuse } from '../../command-line.ts';
import type { LoadedStack } from '../../compose/load-stack.ts';
import { ask, withClient } from '../../connection.ts';
import { runExitCode, withExitCode } from '../../failure.ts';
import { awaitNetworks } from '../../project/await-networks.ts';
import { deployProject, prepareProjectImages } from '../../project/deploy-project.ts';
import { type OneOffOptions, oneOffConfig } from '../../project/one-off-config.ts';
import { oneOffFiles } from '../../project/one-off-files.ts';
import { declareProject, loadProject, type ProjectOptions } from '../../project/project-options.ts';
import { stateBefore, waitForDependencies } from '../../project/run.ts';
import { fileServices, type SelectedService, select, serviceNamed } from '../../project/selection.ts';
import { ensureImage, type PullPolicy, pullPolicy } from '../../registry/pull-policy.ts';
import { runSession, terminalSize } from '../../terminal/session.ts';

interface RunOptions extends ProjectOptions, Omit<OneOffOptions, 'tty' | 'interactive'> {
  readonly build?: boolean;
  readonly detach?: boolean;
  readonly deps: boolean;
  readonly interactive: boolean;
  /** False for -T. */
  readonly tty: boolean;
  readonly pull: PullPolicy;
  readonly quiet?: boolean;
  readonly quietBuild?: boolean;
  readonly quietPull?: boolean;
  readonly rm?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command)
    .argument('<service>', 'service of the files')
    .argument('[command...]', 'command and its arguments')
    .passThroughOptions()
    .option('--build', 'build its image before')
    .option('-d, --detach', 'run it in the background and print its id')
    .option('--entrypoint <command>', "instead of the image's and the files'")
    .option('-e, --env <name=value>', 'environment variable', collect, [])
    .option('--env-from-file <file>', 'file of environment variables', collect, [])
    .option('-i, --interactive', 'keep standard input open', true)
    .option('--no-interactive', "don't")
    .option('-l, --label <name=value>', 'label', collect, [])
    .option('--name <name>', 'name of the container')
    .option('--no-deps', "don't start what the service depends on")
    .option('-p, --publish <port>', 'publish a port: [IP:][HOST:]CONTAINER[/udp]', collect, [])
    .option('-P, --service-ports', "publish the service's ports")
    .option('--pull <policy>', 'pull its image before: always, missing or never', pullPolicy, 'missing')
    .option('-q, --quiet', 'print only what the container writes')
    .option('--quiet-build', "don't show how far builds are")
    .option('--quiet-pull', "don't show how far images are")
    .option('--rm', 'remove the container when it has ended')
    .option('-T, --no-tty', 'without a terminal (default: with one, where there is one)')
    .option('--use-aliases', "let the container be found by the service's name, too")
    .option('-u, --user <user>', 'user name or id, with :GROUP if wanted')
    .option('-v, --volume <volume>', 'mount: [SOURCE:]/TARGET[:ro]', collect, [])
    .option('-w, --workdir <directory>', 'working directory in the container')
    .option('--cap-add <capability>', 'capability to add', collect, [])
    .option('--cap-drop <capability>', 'capability to drop', collect, [])
    .action(async (service: string, argv: string[], options: RunOptions) => {
      try {
        await run(cli, service, argv, options);
      } catch (error) {
        throw withExitCode(error, runExitCode(error));
      }
    });
  refuse(command, '--remove-orphans', "'gantry compose up --remove-orphans' does that");
}

async function run(cli: Cli, name: string, argv: readonly string[], options: RunOptions): Promise<void> {
  const loaded = await loadProject(cli, options, [name]);
  const all = fileServices(loaded);
  const service = serviceNamed(all, name);
  const files = await withClient(ControlClient, cli, async (control) => {
    const { container } = service.spec.task ?? {};
    const content = container === undefined ? [] : await oneOffFiles(control, loaded.spec, service.name, container);
    await startAround(cli, control, loaded, all, service, options);
    return content.length === 0 ? undefined : { files: content };
  });
  const { detach = false } = options;
  const interactive = options.interactive && !detach;
  const tty = options.tty && !detach && cli.stdin.isTTY === true && cli.stdout.isTTY === true;
  const config = oneOffConfig(
    loaded,
    service,
    argv,
    { ...options, tty, interactive },
    {
      env: cli.env,
      cwd: cli.cwd,
      random: randomBytes(6).toString('hex'),
    },
  );
  await withClient(EngineClient, cli, async (engine) => {
    if (service.build === undefined) {
      await ensureImage(engine, cli, { image: service.image, policy: options.pull, quiet: hidesPulls(options) });
    }
    await awaitNetworks(
      engine,
      config.networks.map(({ target }) => target),
    );
    if (options.detach) return await runDetached(engine, cli, { config, files });
    const session = { tty, stdin: interactive };
    const start = { config, files, stdin: interactive, size: terminalSize(cli) };
    const { exitCode } = await runSession(engine.containerRun(), { $case: 'run', value: start }, cli, session);
    cli.exitCode = exitCode ?? 0;
  });
}

async function runDetached(engine: EngineClient, cli: Cli, request: ContainerCreateRequest): Promise<void> {
  const { id, warnings } = await ask(engine, engine.containerCreate, request);
  for (const warning of warnings) await complain(cli, `gantry: warning: ${warning}`);
  await ask(engine, engine.containerStart, { reference: id });
  await printLine(cli, id);
}

/** The networks that the container will be on, its image, and what the service depends on. */
async function startAround(
  cli: Cli,
  control: ControlClient,
  loaded: LoadedStack,
  all: readonly SelectedService[],
  service: SelectedService,
  options: RunOptions,
): Promise<void> {
  const needed = options.deps ? select(all, [service.name], 'with-dependencies').filter((one) => one !== service) : [];
  const build = options.quietBuild || hidesPulls(options) ? 'quiet' : options.progress;
  if (service.build !== undefined) {
    const when = options.build ? 'always' : 'missing';
    await prepareProjectImages(cli, loaded, [service], { build: when, pull: undefined, progress: build });
  }
  const registry = await prepareProjectImages(cli, loaded, needed, {
    build: 'missing',
    pull: undefined,
    progress: build,
  });
  const before = await stateBefore(control, loaded.spec.name);
  const wishes = {
    pull: undefined,
    scale: {},
    recreate: new Set<string>(),
    registry,
    idle: 'start',
    others: 'awaited',
  } as const;
  const changes = await deployProject(cli, control, loaded, needed, before.services, wishes);
  const project = { project: loaded.spec.name, services: needed, changes, before };
  const progress = options.quiet ? 'quiet' : options.progress;
  await waitForDependencies(cli, control, project, service.spec.dependencies, progress);
}

function hidesPulls({ quiet = false, quietPull = false, progress }: RunOptions): boolean {
  return quiet || quietPull || progress === 'quiet';
}
