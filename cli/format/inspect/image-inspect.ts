/** An image in the form of `docker image inspect`. */
import type { Image } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Fields, NIL_LIST, NIL_MAP, type Value } from '../../../proto/template/values.ts';
import { rfc3339 } from '../duration.ts';
import { healthcheckFields } from './inspect-values.ts';

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
    // Of older versions of Docker: scripts may still ask for it.
    VirtualSize: () => image.sizeBytes,
    GraphDriver: { Data: null, Name: 'overlay2' },
    RootFS: { Type: 'layers', Layers: image.diffIds },
    Metadata: { LastTagTime: rfc3339(image.taggedAtMs) },
  };
}

/** What Docker leaves out of the JSON when it is empty, templates can still ask for. */
function configFields(image: Image): Fields {
  const config = image.config;
  const health = config?.healthcheck;
  return {
    User: config?.user ?? '',
    ExposedPorts: unlessEmpty(keySet(config?.exposedPorts)),
    Env: orNil(config?.env),
    Cmd: orNil(config?.command),
    Healthcheck: health === undefined ? () => null : healthcheckFields(health),
    Volumes: keySet(config?.volumes),
    WorkingDir: config?.dir ?? '',
    Entrypoint: orNil(config?.entrypoint),
    OnBuild: orNil(image.onBuild),
    Labels: orNilMap(Object.entries(config?.labels ?? image.labels)),
    StopSignal: config?.stopSignal || (() => ''),
    Shell: unlessEmpty(orNil(config?.shell)),
  };
}

function orNil(items: readonly string[] | undefined): readonly Value[] {
  return items === undefined || items.length === 0 ? NIL_LIST : items;
}

function orNilMap(entries: readonly (readonly [string, Value])[]): ReadonlyMap<string, Value> {
  return entries.length === 0 ? NIL_MAP : new Map(entries);
}

function keySet(keys: readonly string[] | undefined): ReadonlyMap<string, Value> {
  return orNilMap((keys ?? []).map((key) => [key, new Map()]));
}

/** Methods are no part of the JSON. */
function unlessEmpty(value: Value): Value {
  return value === NIL_LIST || value === NIL_MAP ? () => value : value;
}
