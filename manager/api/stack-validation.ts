/** What must be right about a stack by itself, before it is compared with what exists. Pure. */

import { parseConstraint, parseSpread } from '../../proto/constraint.ts';
import { GantryError } from '../../proto/errors.ts';
import type { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import {
  type Annotations,
  FailureAction,
  type GenericReservation,
  type Placement,
  PublishMode,
  RestartCondition,
  type ServiceSpec,
  type UpdateConfig,
} from '../../proto/generated/gantry/v1/types.ts';
import { isGenericReservation } from '../../proto/generic-resource.ts';
import { checkHook, hooksOf } from '../../proto/hook.ts';
import { checkLogConfig } from '../../proto/log/log-driver.ts';
import { isChoice } from '../../proto/published-port.ts';
import { isJob } from '../../proto/service-mode.ts';
import { sharedServices } from '../../proto/shared-namespaces.ts';
import { describePort } from '../allocator/ports.ts';
import { completeAnnotations, STACK_LABEL } from '../store/object-type.ts';
import { type CompleteServiceSpec, completeServiceSpec } from '../store/service.ts';
import { checkContainerName } from './container-names.ts';
import { checkMacvlanSpec } from './macvlan-networks.ts';
import { checkServiceNetworks, checkSharedNetworks } from './service-networks.ts';
import { checkTemplates } from './stack-templates.ts';

/** As Docker's; also what a DNS label and a container name can hold. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;
const MOST_REPLICAS = 100_000;

/** The stack with every object labelled as its own. Throws INVALID_ARGUMENT, UNSUPPORTED, PORT_IN_USE. */
export function validateStack(stack: StackSpec): StackSpec {
  checkName('stack', stack.name);
  checkUnique('service', stack.services);
  checkUnique('network', stack.networks);
  checkUnique('secret', stack.secrets);
  checkUnique('config', stack.configs);
  const labelled = <S extends { annotations: Annotations | undefined }>(spec: S) => withStackLabel(spec, stack.name);
  const services = stack.services.map((spec) => labelled(validateService(spec)));
  for (const network of stack.networks) checkMacvlanSpec(network);
  checkPorts(services);
  checkCycles(services);
  checkSharedNetworks(services.map(completeServiceSpec));
  checkTemplates(stack);
  return {
    name: stack.name,
    services,
    networks: stack.networks.map(labelled),
    secrets: stack.secrets.map(labelled),
    configs: stack.configs.map(labelled),
  };
}

export function checkName(kind: string, name: string): void {
  if (NAME.test(name)) return;
  throw new GantryError('INVALID_ARGUMENT', `invalid ${kind} name "${name}"`, {
    hint: 'use up to 63 letters, digits, "_", "." and "-", beginning with a letter or digit',
  });
}

function checkUnique(kind: string, specs: readonly { readonly annotations: Annotations | undefined }[]): void {
  const names = new Set<string>();
  for (const spec of specs) {
    const { name } = completeAnnotations(spec.annotations);
    checkName(kind, name);
    if (names.has(name)) throw new GantryError('INVALID_ARGUMENT', `${kind} ${name} is defined twice`);
    names.add(name);
  }
}

function withStackLabel<S extends { annotations: Annotations | undefined }>(spec: S, stack: string): S {
  const { name, labels } = completeAnnotations(spec.annotations);
  return { ...spec, annotations: { name, labels: { ...labels, [STACK_LABEL]: stack } } };
}

/** Throws INVALID_ARGUMENT. */
export function validateService(raw: ServiceSpec): ServiceSpec {
  const spec = completeServiceSpec(raw);
  const { name } = spec.annotations;
  if (spec.task.container.image === '') throw new GantryError('INVALID_ARGUMENT', `service ${name} has no image`);
  checkGenericReservations(name, spec.task.resources?.genericReservations ?? []);
  checkServiceNetworks(spec);
  checkContainerName(spec);
  for (const hook of hooksOf(spec.task.container)) checkHook(`service ${name}`, hook);
  checkLogConfig(`service ${name}`, spec.task.container.log);
  checkPlacement(name, spec.placement);
  checkUpdateConfig(name, 'update', spec.update);
  checkUpdateConfig(name, 'rollback', spec.rollback);
  if (spec.mode === undefined) return { ...spec, mode: { $case: 'replicated', value: { replicas: 1 } } };
  if (spec.mode.$case === 'replicated') checkReplicas(name, spec.mode.value.replicas);
  if (isJob(spec)) checkJob(name, spec);
  return spec;
}

function checkJob(name: string, { mode, task, update, rollback }: CompleteServiceSpec): void {
  const refused = (what: string, hint: string) =>
    new GantryError('INVALID_ARGUMENT', `service ${name} is a job, ${what}`, { hint });
  if (mode?.$case === 'replicatedJob') {
    checkReplicas(name, mode.value.totalCompletions);
    if (mode.value.maxConcurrent < 1) throw refused('of which none may run', 'let at least one run at a time');
  }
  // Left out, it is restarted always.
  const condition = task.restart?.condition ?? RestartCondition.ANY;
  if (condition === RestartCondition.ANY) {
    throw refused('which would never be done: it is restarted always', 'restart it on-failure or none');
  }
  if (update !== undefined || rollback !== undefined) {
    throw refused('which is run anew as a whole', 'leave out how it is to be updated or rolled back');
  }
}

function checkGenericReservations(service: string, reservations: readonly GenericReservation[]): void {
  const kinds = new Set<string>();
  for (const reservation of reservations) {
    const { kind, count } = reservation;
    if (!isGenericReservation(reservation) || kinds.has(kind)) {
      throw new GantryError('INVALID_ARGUMENT', `service ${service}: it can't reserve ${count} of "${kind}"`, {
        hint: 'each kind once, and at least 1 of it',
      });
    }
    kinds.add(kind);
  }
}

function checkPlacement(service: string, placement: Placement | undefined): void {
  const parts = [
    ...(placement?.constraints ?? []).map(parseConstraint),
    ...(placement?.spread ?? []).map((text) => parseSpread(text)),
  ];
  for (const part of parts) {
    if ('hint' in part) throw new GantryError('INVALID_ARGUMENT', `service ${service}: ${part.message}`, part);
  }
}

function checkUpdateConfig(service: string, kind: 'update' | 'rollback', config: UpdateConfig | undefined): void {
  if (config === undefined) return;
  if (!(config.maxFailureRatio >= 0 && config.maxFailureRatio <= 1)) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `service ${service}: a failure ratio of ${config.maxFailureRatio} is not between 0 and 1`,
    );
  }
  if (kind === 'rollback' && config.failureAction === FailureAction.ROLLBACK) {
    throw new GantryError('INVALID_ARGUMENT', `service ${service}: a rollback that fails can't be rolled back`, {
      hint: 'let it pause or continue',
    });
  }
}

export function checkReplicas(service: string, replicas: number): void {
  if (Number.isInteger(replicas) && replicas >= 0 && replicas <= MOST_REPLICAS) return;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `service ${service}: ${replicas} replicas; at most ${MOST_REPLICAS} are possible`,
  );
}

/** Ports of the stack among themselves; those of other services are the allocator's to check. */
function checkPorts(services: readonly ServiceSpec[]): void {
  const holders = new Map<string, string>();
  for (const service of services) {
    const { name } = completeAnnotations(service.annotations);
    for (const port of service.ports) {
      if (port.mode === PublishMode.INGRESS && port.hostIp !== '') checkHostIp(name, port.hostIp);
      if (isChoice(port)) continue;
      const key = describePort(port);
      const holder = holders.get(key);
      if (holder !== undefined) {
        throw new GantryError('PORT_IN_USE', `port ${key} is published by both ${holder} and ${name}`, {
          hint: 'give one of them another port',
        });
      }
      holders.set(key, name);
    }
  }
}

function checkHostIp(service: string, hostIp: string): void {
  if (/^[0-9a-fA-F:.]+$/.test(hostIp)) return;
  throw new GantryError('INVALID_ARGUMENT', `service ${service}: "${hostIp}" is no address to publish a port on`);
}

/** Whose tasks it waits for, too. */
function networkServices({ task }: ServiceSpec): string[] {
  return task?.container === undefined ? [] : sharedServices(task.container);
}

function checkCycles(services: readonly ServiceSpec[]): void {
  const edges = new Map(
    services.map((service) => [
      completeAnnotations(service.annotations).name,
      [...service.dependencies.map((dependency) => dependency.service), ...networkServices(service)],
    ]),
  );
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]) => {
    if (path.includes(name)) {
      const cycle = [...path.slice(path.indexOf(name)), name].join(' → ');
      throw new GantryError('INVALID_ARGUMENT', `services depend on each other in a circle: ${cycle}`);
    }
    if (done.has(name)) return;
    for (const next of edges.get(name) ?? []) visit(next, [...path, name]);
    done.add(name);
  };
  for (const name of edges.keys()) visit(name, []);
}
