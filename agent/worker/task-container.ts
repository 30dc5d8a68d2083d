/** A task as a container: its configuration, and its secrets and configs as files. Pure. */

import { parseCdiName } from '../../proto/cdi-device.ts';
import { ContainerConfig, LocalRestart, type RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import {
  type Config,
  type ConfigSpec,
  type ContainerSpec,
  type FileReference,
  type GenericResource,
  PublishMode,
  type Secret,
  type SecretSpec,
  type Task,
} from '../../proto/generated/gantry/v1/types.ts';
import { HOST_NETWORKS } from '../../proto/host-networks.ts';
import { modeBeside } from '../../proto/shared-namespaces.ts';
import { containerName } from '../../proto/task-name.ts';
import type { TaskFile } from '../container/containers.ts';
import { type ContentContext, expandContent, type NodeFacts } from './task-templates.ts';

/** What tasks are made of that is assigned on its own. */
export interface TaskMaterial {
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly configs: ReadonlyMap<string, Config>;
  /** Ids of the networks that are ready on this node. */
  readonly networks: ReadonlySet<string>;
  /** Who pulls the image of a task, by its id. 'unknown' until a manager has said: they aren't kept on disk. */
  readonly credentials: ReadonlyMap<string, RegistryCredentials> | 'unknown';
}

const STACK_LABEL = 'com.docker.stack.namespace';

/**
 * Never restarted on the spot: replacing a task is the manager's. Ports in ingress mode are the node's, not the container's.
 * `spec`: with its templates expanded. `peer`: the id of the one whose network or namespaces it shares; undefined: all are its own.
 */
export function containerConfig(task: Task, spec: ContainerSpec, peer: string | undefined): ContainerConfig {
  return ContainerConfig.fromPartial({
    name: containerName(task),
    spec: {
      ...spec,
      ...withUnits(spec, task.genericResources),
      ipcMode: modeBeside(spec.ipcMode, peer),
      pidMode: modeBeside(spec.pidMode, peer),
      env: [...spec.env, ...task.genericResources.map(resourceVariable)],
      labels: { ...spec.labels, ...taskLabels(task) },
    },
    limits: task.spec?.resources?.limits,
    log: spec.log,
    networks:
      peer === undefined || spec.networkOf === ''
        ? (task.spec?.networks ?? [])
        : [{ target: `container:${peer}`, aliases: [] }],
    ports: task.ports.filter((port) => port.mode === PublishMode.HOST),
    restart: LocalRestart.NO,
  });
}

/** Units that are named by a device of the host are in the container: by its path below /dev, or as a CDI file names it. */
function withUnits({ devices, cdiDevices }: ContainerSpec, given: readonly GenericResource[]) {
  const names = given.flatMap((resource) => resource.names);
  const paths = names.filter((name) => name.startsWith('/dev/'));
  return {
    devices: [...devices, ...paths.map((hostPath) => ({ hostPath, containerPath: hostPath, permissions: 'rwm' }))],
    cdiDevices: [...cdiDevices, ...names.filter((name) => parseCdiName(name) !== undefined)],
  };
}

/** By Docker's name, since what hands out devices goes by it: the NVIDIA runtime's swarm-resource, for one. */
function resourceVariable({ kind, names, count }: GenericResource): string {
  return `DOCKER_RESOURCE_${kind.toUpperCase()}=${names.length === 0 ? count : names.join(',')}`;
}

function taskLabels(task: Task): Record<string, string> {
  const stack: string | undefined = task.serviceLabels[STACK_LABEL];
  return {
    'com.docker.swarm.node.id': task.nodeId,
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.service.name': task.serviceName,
    'com.docker.swarm.task': '',
    'com.docker.swarm.task.id': task.id,
    'com.docker.swarm.task.name': containerName(task),
    ...(stack === undefined ? {} : { [STACK_LABEL]: stack }),
  };
}

/** What the task needs and the node hasn't got, in words. */
export function missingMaterial(task: Task, material: TaskMaterial): string[] {
  const container = task.spec?.container;
  return [
    ...(task.spec?.networks ?? [])
      .filter(({ target }) => !HOST_NETWORKS.has(target) && !material.networks.has(target))
      .map(({ target }) => `network ${target}`),
    ...(container?.secrets ?? []).filter(({ id }) => !material.secrets.has(id)).map(({ name }) => `secret ${name}`),
    ...(container?.configs ?? []).filter(({ id }) => !material.configs.has(id)).map(({ name }) => `config ${name}`),
  ];
}

/**
 * The task's secrets and configs, as `container` has them; those missing are left out, see missingMaterial. Throws
 * INVALID_ARGUMENT, UNSUPPORTED for a template that can't be expanded.
 */
export function taskFiles(task: Task, material: TaskMaterial, node: NodeFacts, container: ContainerSpec): TaskFile[] {
  const secretOf = ({ id }: FileReference) => material.secrets.get(id)?.spec;
  const configOf = ({ id }: FileReference) => material.configs.get(id)?.spec;
  const context = { task, node, container, secretOf, configOf };
  return [
    ...container.secrets.flatMap((reference) => file(reference, secretOf(reference), context)),
    ...container.configs.flatMap((reference) => file(reference, configOf(reference), context)),
  ];
}

function file(
  { target, uid, gid, mode }: FileReference,
  spec: SecretSpec | ConfigSpec | undefined,
  context: ContentContext,
): TaskFile[] {
  return spec === undefined ? [] : [{ target, uid, gid, mode, data: expandContent(spec, context) }];
}
