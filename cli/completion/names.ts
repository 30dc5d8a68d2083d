/** Names of what there is: asked of the daemon, or read from compose files. Where that fails there are none, and not a word. */
import type { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import type { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { readStackFile } from '../project/read-stack-file.ts';
import type { Named } from './kinds.ts';

/** Nobody waits longer for a list after pressing Tab. */
const DEADLINE_MS = 1000;

export interface NameContext {
  /** Those that are named on the line. */
  readonly composeFiles: readonly string[];
}

export async function namesOf(kind: Named, cli: Cli, context: NameContext): Promise<string[]> {
  const timeout = Promise.withResolvers<readonly string[]>();
  const timer = setTimeout(() => timeout.resolve([]), DEADLINE_MS);
  try {
    const names = await Promise.race([find(kind, cli, context), timeout.promise]);
    return [...new Set(names)].filter((name) => name !== '').sort(byText);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

async function find(kind: Named, cli: Cli, context: NameContext): Promise<readonly string[]> {
  switch (kind) {
    case 'context':
      return ['default', ...cli.contexts().names()];
    case 'compose service':
    case 'compose profile':
      return await composeNames(kind, cli, context);
    case 'object': {
      const lists = (['container', 'image', 'network', 'node', 'service', 'volume'] as const).map((one) =>
        namesOf(one, cli, context),
      );
      return (await Promise.all(lists)).flat();
    }
    case 'container':
    case 'image':
    case 'volume':
      return await ofEngine(kind, cli);
    case 'network':
      return await ofEither(cli);
    default:
      return await ofCluster(kind, cli);
  }
}

async function engineOf<Result>(cli: Cli, action: (engine: EngineClient) => Promise<Result>): Promise<Result> {
  const { EngineClient: Client } = await import('../../proto/generated/gantry/v1/engine.ts');
  return await withClient(Client, cli, action);
}

async function controlOf<Result>(cli: Cli, action: (control: ControlClient) => Promise<Result>): Promise<Result> {
  const { ControlClient: Client } = await import('../../proto/generated/gantry/v1/control.ts');
  return await withClient(Client, cli, action);
}

async function ofEngine(kind: 'container' | 'image' | 'volume', cli: Cli): Promise<string[]> {
  return await engineOf(cli, async (engine) => {
    switch (kind) {
      case 'container': {
        const { containers } = await ask(engine, engine.containerList, { all: true, filters: [] });
        return containers.map(({ name }) => name);
      }
      case 'image': {
        const { images } = await ask(engine, engine.imageList, { filters: [] });
        return images.flatMap(({ tags }) => tags);
      }
      case 'volume': {
        const { volumes } = await ask(engine, engine.volumeList, { filters: [] });
        return volumes.map(({ name }) => name);
      }
    }
  });
}

/** Networks of the cluster, and those of the host alone. */
async function ofEither(cli: Cli): Promise<string[]> {
  const own = engineOf(cli, async (engine) => {
    const { networks } = await ask(engine, engine.localNetworkList, {});
    return networks.map(({ name }) => name);
  });
  const shared = controlOf(cli, async (control) => {
    const { networks } = await ask(control, control.networkList, {});
    return networks.map(({ spec }) => spec?.annotations?.name ?? '');
  });
  const found = await Promise.allSettled([own, shared]);
  return found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}

async function ofCluster(
  kind: 'client' | 'config' | 'node' | 'secret' | 'service' | 'stack',
  cli: Cli,
): Promise<string[]> {
  return await controlOf(cli, async (control) => {
    switch (kind) {
      case 'client':
        return (await ask(control, control.clientList, {})).clients.map(({ name }) => name);
      case 'config':
        return (await ask(control, control.configList, {})).configs.map(({ spec }) => spec?.annotations?.name ?? '');
      case 'node':
        return (await ask(control, control.nodeList, {})).nodes.map(({ description }) => description?.hostname ?? '');
      case 'secret':
        return (await ask(control, control.secretList, {})).secrets.map(({ spec }) => spec?.annotations?.name ?? '');
      case 'service':
      case 'stack': {
        const { services } = await ask(control, control.serviceList, { stack: '', references: [] });
        const annotations = services.flatMap(({ service }) => service?.spec?.annotations ?? []);
        const { STACK_LABEL } = await import('../format/rows/service-row.ts');
        return annotations.map(({ name, labels }) => (kind === 'service' ? name : (labels[STACK_LABEL] ?? '')));
      }
    }
  });
}

async function composeNames(
  kind: 'compose service' | 'compose profile',
  cli: Cli,
  { composeFiles }: NameContext,
): Promise<readonly string[]> {
  const { loadSource } = await import('../compose/source/load-source.ts');
  const source = loadSource({
    files: composeFiles,
    projectName: undefined,
    projectDirectory: undefined,
    envFiles: [],
    profiles: ['*'],
    interpolates: true,
    workingDirectory: cli.cwd,
    env: cli.env,
    readBytes: readStackFile,
  });
  if (kind === 'compose profile') return source.profiles;
  const services = source.tree.entries.get('services')?.value;
  return services?.kind === 'mapping' ? [...services.entries.keys()].filter((name) => !name.startsWith('x-')) : [];
}
