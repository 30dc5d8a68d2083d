/** Which texts of a container's spec are templates: the values of its environment, its host name, and its mounts. Pure. */
import type { ContainerSpec, Mount, VolumeSpec } from '../generated/gantry/v1/types.ts';

/** `what`: the text in words, for an error. */
export type Expand = (text: string, what: string) => string;

/** The spec with each of its templates replaced by what `expand` makes of it. */
export function mapTemplates<T extends Pick<ContainerSpec, 'env' | 'hostname' | 'mounts'>>(spec: T, expand: Expand): T {
  return {
    ...spec,
    env: spec.env.map((variable) => mapVariable(variable, expand)),
    hostname: expand(spec.hostname, 'hostname'),
    mounts: spec.mounts.map((mount) => mapMount(mount, expand)),
  };
}

function mapVariable(variable: string, expand: Expand): string {
  const equals = variable.indexOf('=');
  if (equals === -1) return variable;
  const name = variable.slice(0, equals);
  return `${name}=${expand(variable.slice(equals + 1), `environment variable ${name}`)}`;
}

function mapMount(mount: Mount, expand: Expand): Mount {
  return {
    ...mount,
    source: expand(mount.source, `source of the mount at ${mount.target}`),
    target: expand(mount.target, `target of the mount at ${mount.target}`),
    volume:
      mount.volume && mapVolume(mount.volume, (text, what) => expand(text, `${what} of the mount at ${mount.target}`)),
  };
}

function mapVolume(volume: VolumeSpec, expand: Expand): VolumeSpec {
  const mapValues = (values: Record<string, string>, what: string) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, expand(value, `${what} ${key}`)]));
  return {
    ...volume,
    driverOpts: mapValues(volume.driverOpts, 'driver option'),
    labels: mapValues(volume.labels, 'label'),
  };
}
