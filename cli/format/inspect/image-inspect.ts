/** An image in the form of `docker image inspect`. */
import type { Image } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { rfc3339 } from '../duration.ts';
import { healthcheckFields, stringMap } from './inspect-values.ts';

export function inspectImage(image: Image): Fields {
  return {
    Id: image.id,
    RepoTags: image.tags,
    RepoDigests: image.digests,
    Parent: '',
    Comment: image.comment,
    Created: rfc3339(image.createdAtMs),
    DockerVersion: '',
    Author: image.author,
    Config: configFields(image),
    Architecture: image.architecture,
    ...(image.variant === '' ? {} : { Variant: image.variant }),
    Os: image.os,
    Size: image.sizeBytes,
    GraphDriver: { Data: null, Name: 'overlay2' },
    RootFS: { Type: 'layers', Layers: image.diffIds },
    Metadata: { LastTagTime: rfc3339(image.taggedAtMs) },
  };
}

function configFields(image: Image): Fields {
  const config = image.config;
  const health = config?.healthcheck;
  return {
    User: config?.user ?? '',
    ExposedPorts: new Map((config?.exposedPorts ?? []).map((port) => [port, new Map()])),
    Env: config?.env ?? [],
    Cmd: orNull(config?.command),
    ...(health === undefined ? {} : { Healthcheck: healthcheckFields(health) }),
    Volumes: new Map((config?.volumes ?? []).map((path) => [path, new Map()])),
    WorkingDir: config?.dir ?? '',
    Entrypoint: orNull(config?.entrypoint),
    OnBuild: orNull(image.onBuild),
    Labels: stringMap(config?.labels ?? image.labels),
    ...(config === undefined || config.stopSignal === '' ? {} : { StopSignal: config.stopSignal }),
    ...(config === undefined || config.shell.length === 0 ? {} : { Shell: config.shell }),
  };
}

function orNull(items: readonly string[] | undefined): readonly string[] | null {
  return items === undefined || items.length === 0 ? null : items;
}
