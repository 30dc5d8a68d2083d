/** The config of an image that is made of a container: what the container was told to be, over what its image says. Pure. */
import { ImageConfig } from '../../proto/generated/gantry/v1/engine.ts';
import { ContainerSpec, type Healthcheck } from '../../proto/generated/gantry/v1/types.ts';
import { protocolName } from '../../proto/port-protocol.ts';
import type { ContainerRecord } from './record.ts';
import { overlayEnvironment } from './spec/env.ts';

export function committedConfig({
  config,
  image,
  volumes,
}: Pick<ContainerRecord, 'config' | 'image' | 'volumes'>): ImageConfig {
  const spec = config.spec ?? ContainerSpec.create();
  const ports = config.ports.map((port) => `${port.targetPort}/${protocolName(port.protocol)}`);
  const anonymous = volumes.filter((volume) => volume.anonymous).map(({ target }) => target);
  return ImageConfig.fromPartial({
    ...image,
    ...committedArguments(spec, image),
    env: overlayEnvironment(image.env, spec.env),
    dir: spec.dir || image.dir,
    user: spec.user || image.user,
    exposedPorts: [...new Set([...image.exposedPorts, ...config.expose, ...ports])],
    volumes: [...new Set([...image.volumes, ...anonymous])],
    labels: { ...image.labels, ...spec.labels },
    stopSignal: spec.stopSignal || image.stopSignal,
    healthcheck: committedHealthcheck(spec.healthcheck, image.healthcheck),
  });
}

/** By the rules that the container was started with: see resolveArgv. */
function committedArguments(spec: ContainerSpec, image: ImageConfig): Pick<ImageConfig, 'entrypoint' | 'command'> {
  const own = spec.entrypoint?.items;
  const isCleared = own?.length === 1 && own[0] === '';
  const inherited = own === undefined || own.length === 0 ? image.command : [];
  return {
    entrypoint: isCleared ? [] : (own ?? image.entrypoint),
    command: spec.command?.items ?? inherited,
  };
}

function committedHealthcheck(own: Healthcheck | undefined, image: Healthcheck | undefined): Healthcheck | undefined {
  if (own === undefined || image === undefined) return own ?? image;
  return {
    test: own.test.length > 0 ? own.test : image.test,
    intervalMs: own.intervalMs || image.intervalMs,
    timeoutMs: own.timeoutMs || image.timeoutMs,
    retries: own.retries || image.retries,
    startPeriodMs: own.startPeriodMs || image.startPeriodMs,
    startIntervalMs: own.startIntervalMs || image.startIntervalMs,
  };
}
