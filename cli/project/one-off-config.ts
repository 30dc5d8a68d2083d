/** The container that `compose run` makes of a service of the files. Reads the files that its options name. */
import { ContainerConfig } from '../../proto/generated/gantry/v1/engine.ts';
import type { ContainerSpec, Mount, NetworkAttachmentConfig } from '../../proto/generated/gantry/v1/types.ts';
import type { LoadedStack } from '../compose/load-stack.ts';
import { splitWords } from '../compose/syntax/command-line.ts';
import { CliError } from '../failure.ts';
import { parseVolume } from '../options/mounts.ts';
import { type Environment, readEnvironment, readLabels } from '../options/pairs.ts';
import { parsePublish } from '../options/ports.ts';
import { oneOffLabels } from './one-off.ts';
import type { SelectedService } from './selection.ts';

export interface OneOffOptions {
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly entrypoint?: string;
  readonly env: readonly string[];
  readonly envFromFile: readonly string[];
  readonly interactive: boolean;
  readonly label: readonly string[];
  readonly name?: string;
  readonly publish: readonly string[];
  readonly rm?: boolean;
  readonly servicePorts?: boolean;
  readonly tty: boolean;
  readonly useAliases?: boolean;
  readonly user?: string;
  readonly volume: readonly string[];
  readonly workdir?: string;
}

export interface OneOffContext {
  readonly env: Environment;
  readonly cwd: string;
  /** Hex digits: what makes its name its own. */
  readonly random: string;
}

/** `argv`: instead of the service's command; none: as the files say. */
export function oneOffConfig(
  { spec: stack }: LoadedStack,
  service: SelectedService,
  argv: readonly string[],
  options: OneOffOptions,
  { env, cwd, random }: OneOffContext,
): ContainerConfig {
  const { task, ports } = service.spec;
  const container = task?.container;
  if (container === undefined) throw new CliError(`service ${service.name} has no container`);
  return ContainerConfig.fromPartial({
    name: options.name ?? `${service.fullName}_run_${random}`,
    spec: {
      ...container,
      ...commandOf(container, argv, options.entrypoint),
      // These are of the service's own containers; their content is sent beside this.
      containerName: '',
      preStart: [],
      secrets: [],
      configs: [],
      env: withEnvironment(container.env, readEnvironment(options.envFromFile, options.env, env)),
      user: options.user ?? container.user,
      dir: options.workdir ?? container.dir,
      labels: {
        ...container.labels,
        ...readLabels([], options.label),
        ...oneOffLabels(stack.name, service.name),
      },
      mounts: withMounts(
        container.mounts,
        options.volume.map((text) => parseVolume(text, cwd)),
      ),
      capAdd: [...container.capAdd, ...options.capAdd],
      capDrop: [...container.capDrop, ...options.capDrop],
      tty: options.tty,
      openStdin: options.interactive,
      // It is nobody's service, and needn't be healthy.
      healthcheck: { test: ['NONE'] },
    },
    ...(task?.resources?.limits === undefined ? {} : { limits: task.resources.limits }),
    networks: (task?.networks ?? []).map((one) => attachment(one, options.useAliases ?? false)),
    ports: [...(options.servicePorts ? ports : []), ...options.publish.flatMap((text) => parsePublish(text))],
    autoRemove: options.rm ?? false,
  });
}

/** A command or entrypoint takes the place of what the files say of both. */
function commandOf({ entrypoint, command }: ContainerSpec, argv: readonly string[], given: string | undefined) {
  if (given !== undefined) {
    const items = splitWords(given) ?? [given];
    return { entrypoint: { items }, command: { items: [...argv] } };
  }
  return { entrypoint, command: argv.length === 0 ? command : { items: [...argv] } };
}

function withEnvironment(own: readonly string[], given: readonly string[]): string[] {
  const nameOf = (pair: string) => pair.split('=', 1)[0] ?? '';
  const names = new Set(given.map(nameOf));
  return [...own.filter((pair) => !names.has(nameOf(pair))), ...given];
}

function withMounts(own: readonly Mount[], given: readonly Mount[]): Mount[] {
  const targets = new Set(given.map(({ target }) => target));
  return [...own.filter(({ target }) => !targets.has(target)), ...given];
}

/** The service's own address is its containers'; its name, too, unless that is wanted. */
function attachment({ target, aliases }: NetworkAttachmentConfig, withAliases: boolean): NetworkAttachmentConfig {
  return { target, aliases: withAliases ? aliases : [] };
}
