/** Brings the services of a project to what the files say. */
import {
  ChangeKind,
  type ControlClient,
  ObjectKind,
  type RegistryFacts,
  ResolveImage,
  type StackChange,
} from '../../proto/generated/gantry/v1/control.ts';
import { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import type { PullPolicy, ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain } from '../cli.ts';
import type { LoadedStack } from '../compose/load-stack.ts';
import { ask, withClient } from '../connection.ts';
import { findImage } from '../registry/image-exists.ts';
import { askRegistries } from '../registry/service-images.ts';
import { askPatiently } from '../rollout/ask-patiently.ts';
import { buildServices } from './build-services.ts';
import { type ImageWishes, imageNeed } from './image-need.ts';
import { pinBuiltImages } from './pin-built-images.ts';
import { withPlaceOfPort } from './port-conflict.ts';
import { refuseMissingImages } from './prepare-images.ts';
import type { ProjectService } from './project-state.ts';
import { type SelectedService, withScale } from './selection.ts';
import { warnUnknownSources } from './unknown-sources.ts';

/** Builds what is to be built, and finds out what registries have of the rest. Rejects for images that are nowhere. */
export async function prepareProjectImages(
  cli: Cli,
  loaded: LoadedStack,
  services: readonly SelectedService[],
  wishes: ImageWishes,
): Promise<RegistryFacts> {
  const asked: string[] = [];
  const toBuild: SelectedService[] = [];
  await withClient(EngineClient, cli, async (engine) => {
    for (const service of services) {
      const image = await findImage(engine, service.image);
      const need = imageNeed(service, image, wishes, cli.nowMs());
      if (need === 'build') toBuild.push(service);
      else if (need === 'ask') asked.push(service.image);
    }
  });
  await buildServices(cli, loaded, wishes.progress, { services: toBuild });
  const answers = await askRegistries(cli, {
    images: asked,
    resolveImage: ResolveImage.ALWAYS,
    withRegistryAuth: true,
  });
  await refuseMissingImages(cli, loaded, answers);
  return { ...answers.registry, built: await pinBuiltImages(cli, services) };
}

export interface DeployWishes {
  readonly pull: PullPolicy | undefined;
  /** By service. */
  readonly scale: Readonly<Record<string, number>>;
  /** Services whose containers are made anew although nothing has changed. */
  readonly recreate: ReadonlySet<string>;
  readonly registry: RegistryFacts;
  /** Whether what is not running is started, or left as it is. */
  readonly idle: 'start' | 'leave';
  /** Whether what starts waits for services that aren't selected. */
  readonly others: 'awaited' | 'left-out';
}

/** `existing`: what the cluster has of the project. Services that aren't selected stay as they are. */
export async function deployProject(
  cli: Cli,
  control: ControlClient,
  loaded: LoadedStack,
  services: readonly SelectedService[],
  existing: readonly ProjectService[],
  wishes: DeployWishes,
): Promise<readonly StackChange[]> {
  const before = new Map(existing.map(({ name, service }) => [name, service.spec?.task?.forceUpdate ?? 0]));
  const specs = services.map((service) => specOf(service, before.get(service.name) ?? 0, wishes));
  // So that `compose run` can make containers on them.
  const networks = loaded.spec.networks.map((network) => ({ ...network, attachable: true }));
  const request = {
    stack: { ...loaded.spec, services: specs, networks },
    prune: false,
    dryRun: false,
    resolveImage: ResolveImage.CHANGED,
    registry: wishes.registry,
    leaveStopped: wishes.idle === 'leave',
    leaveOutOthers: wishes.others === 'left-out',
  };
  try {
    // What is deployed twice is deployed.
    const { changes, unknownSources } = await askPatiently(
      () => ask(control, control.stackDeploy, request),
      ({ message }) => complain(cli, `gantry: warning: ${message}; asking again`),
    );
    await warnUnknownSources(cli, unknownSources);
    if (wishes.idle === 'start') await startIdle(control, changes, wishes.others === 'awaited' ? [] : others(services));
    return changes;
  } catch (error) {
    throw withPlaceOfPort(loaded, error);
  }
}

function specOf(service: SelectedService, forceUpdate: number, { pull, scale, recreate }: DeployWishes): ServiceSpec {
  const replicas = scale[service.name];
  const spec = replicas === undefined ? service.spec : withScale(service, replicas);
  const { task } = spec;
  if (task?.container === undefined) return spec;
  const container = { ...task.container, pullPolicy: pull ?? task.container.pullPolicy };
  return {
    ...spec,
    task: { ...task, container, forceUpdate: recreate.has(service.name) ? forceUpdate + 1 : forceUpdate },
  };
}

/** What is as it was may have ended, or have been stopped. */
async function startIdle(control: ControlClient, changes: readonly StackChange[], notAwaited: string[]): Promise<void> {
  const same = changes.filter(({ change, kind }) => kind === ObjectKind.SERVICE && change === ChangeKind.UNCHANGED);
  if (same.length > 0) await ask(control, control.serviceStart, { references: same.map(({ id }) => id), notAwaited });
}

/** Full names of those that they depend on, as far as they aren't among them. */
function others(services: readonly SelectedService[]): string[] {
  const own = new Set(services.map(({ fullName }) => fullName));
  const needed = services.flatMap(({ spec }) => spec.dependencies.map(({ service }) => service));
  return needed.filter((name) => !own.has(name));
}
