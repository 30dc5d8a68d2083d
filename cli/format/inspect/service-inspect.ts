/** A service in the form of `docker service inspect`, and its --pretty text. */

import { endpointModeWord } from '../../../proto/endpoint-mode.ts';
import {
  ContainerSpec,
  DependencyCondition,
  EndpointMode,
  IngressScope,
  type LogConfig,
  type NetworkAttachmentConfig,
  type Placement,
  PlacementStrategy,
  type Platform,
  type PortConfig,
  PublishMode,
  RestartCondition,
  type RestartPolicy,
  type Service,
  type TaskSpec,
} from '../../../proto/generated/gantry/v1/types.ts';
import { platformText } from '../../../proto/platform.ts';
import { protocolName } from '../../../proto/port-protocol.ts';
import { publishedText } from '../../../proto/published-port.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { clusterStrategyName } from '../../options/strategies.ts';
import { goDuration, rfc3339 } from '../duration.ts';
import { type ModeName, modeName, serviceName } from '../rows/service-row.ts';
import { binarySize } from '../size.ts';
import { containerSpecFields } from './container-spec-fields.ts';
import { containerSpecLines } from './container-spec-lines.ts';
import { genericReservationFields } from './generic-resource-fields.ts';
import { nanoseconds, stringMap } from './inspect-values.ts';
import { logFields, logLines } from './log-fields.ts';
import { updateFields, updateLines, updateStatusFields, updateStatusLines } from './update-fields.ts';

export function inspectService(service: Service): Fields {
  const spec = service.spec;
  const mode = endpointModeWord(spec?.endpointMode ?? EndpointMode.VIP);
  return {
    ID: service.id,
    Version: { Index: service.meta?.version ?? 0 },
    CreatedAt: rfc3339(service.meta?.createdAtMs ?? 0),
    UpdatedAt: rfc3339(service.meta?.updatedAtMs ?? 0),
    Spec: {
      Name: serviceName(service),
      Labels: stringMap(spec?.annotations?.labels),
      TaskTemplate: { ...taskFields(spec?.task), Placement: placementFields(spec?.placement) },
      Mode: modeFields(service),
      UpdateConfig: updateFields(spec?.update),
      RollbackConfig: updateFields(spec?.rollback),
      EndpointSpec: {
        Mode: mode,
        Ports: (spec?.ports ?? []).map(portFields),
        // Of ours, and so only where it says something.
        ...(spec?.ingressScope === IngressScope.LOCAL ? { IngressScope: 'local' } : {}),
      },
      Dependencies: (spec?.dependencies ?? []).map(({ service: name, condition, restart, optional }) => ({
        Service: name,
        Condition: conditionName(condition),
        ...(restart ? { Restart: true } : {}),
        ...(optional ? { Required: false } : {}),
      })),
    },
    Endpoint: {
      Spec: { Mode: mode, Ports: (spec?.ports ?? []).map(portFields) },
      Ports: service.ports.map(portFields),
      VirtualIPs: service.virtualIps.map(({ networkId, address }) => ({ NetworkID: networkId, Addr: address })),
    },
    ...updateStatusFields(service.updateStatus),
  };
}

const MODE_TITLES: Readonly<Record<ModeName, string>> = {
  global: 'Global',
  replicated: 'Replicated',
  'replicated job': 'ReplicatedJob',
  'global job': 'GlobalJob',
};

function conditionName(condition: DependencyCondition): string {
  if (condition === DependencyCondition.HEALTHY) return 'service_healthy';
  return condition === DependencyCondition.COMPLETED ? 'service_completed_successfully' : 'service_started';
}

function modeFields(service: Service): Fields {
  const mode = service.spec?.mode;
  switch (mode?.$case) {
    case 'global':
      return { Global: {} };
    case 'globalJob':
      return { GlobalJob: {} };
    case 'replicatedJob': {
      const { maxConcurrent, totalCompletions } = mode.value;
      return { ReplicatedJob: { MaxConcurrent: maxConcurrent, TotalCompletions: totalCompletions } };
    }
    default:
      return { Replicated: { Replicas: mode?.value.replicas ?? 0 } };
  }
}

function taskFields(task: TaskSpec | undefined): Fields {
  const container = task?.container;
  return {
    ContainerSpec: containerSpecFields(container ?? ContainerSpec.create()),
    Resources: {
      Limits: amountFields(task?.resources?.limits),
      Reservations: {
        ...amountFields(task?.resources?.reservations),
        ...genericReservationFields(task?.resources?.genericReservations ?? []),
      },
    },
    RestartPolicy: {
      Condition: restartName(task?.restart?.condition ?? RestartCondition.ANY),
      Delay: nanoseconds(task?.restart?.delayMs ?? 0),
      MaxAttempts: task?.restart?.maxAttempts ?? 0,
      Window: nanoseconds(task?.restart?.windowMs ?? 0),
    },
    Networks: (task?.networks ?? []).map(attachmentFields),
    ForceUpdate: task?.forceUpdate ?? 0,
    ...logDriverFields(container?.log),
  };
}

/** What Docker has no word for only where it says something. */
function attachmentFields({
  target,
  aliases,
  ip,
  ipv6,
  mac,
  interfaceName,
  linkLocalIps,
}: NetworkAttachmentConfig): Fields {
  return {
    Target: target,
    Aliases: aliases,
    ...(ip === undefined ? {} : { IPv4Address: ip }),
    ...(ipv6 === undefined ? {} : { IPv6Address: ipv6 }),
    ...(mac === undefined ? {} : { MacAddress: mac }),
    ...(interfaceName === undefined ? {} : { InterfaceName: interfaceName }),
    ...(linkLocalIps === undefined ? {} : { LinkLocalIPs: linkLocalIps.items }),
  };
}

/** Only what somebody has said. */
function logDriverFields(log: LogConfig | undefined): Fields {
  if (log === undefined) return {};
  const { driver, options } = logFields(log);
  return { LogDriver: { Name: driver, Options: options } };
}

function placementFields(placement: Placement | undefined): Fields {
  if (placement === undefined) return {};
  const { constraints, spread, maxReplicasPerNode, strategy, platforms, imagePlatforms } = placement;
  return {
    ...(constraints.length === 0 ? {} : { Constraints: constraints }),
    ...(spread.length === 0
      ? {}
      : { Preferences: spread.map((descriptor) => ({ Spread: { SpreadDescriptor: descriptor } })) }),
    ...(maxReplicasPerNode === 0 ? {} : { MaxReplicas: maxReplicasPerNode }),
    ...platformFields('Platforms', platforms),
    ...platformFields('ImagePlatforms', imagePlatforms),
    ...(strategy === PlacementStrategy.UNSPECIFIED ? {} : { Strategy: clusterStrategyName(strategy) }),
  };
}

/** Docker has one list of both. */
function platformFields(name: string, platforms: readonly Platform[]): Fields {
  if (platforms.length === 0) return {};
  return { [name]: platforms.map(({ os, architecture }) => ({ Architecture: architecture, OS: os })) };
}

function placementLines(placement: Placement | undefined): string[] {
  const lines = ['Placement:'];
  if (placement === undefined) return lines;
  if (placement.constraints.length > 0) lines.push(` Constraints:\t[${placement.constraints.join(' ')}]`);
  if (placement.spread.length > 0)
    lines.push(` Preferences:\t[${placement.spread.map((by) => `spread=${by}`).join(' ')}]`);
  if (placement.maxReplicasPerNode > 0) lines.push(` Max Replicas Per Node:\t${placement.maxReplicasPerNode}`);
  const platforms = (list: readonly Platform[]) => list.map(platformText).join(' ');
  if (placement.platforms.length > 0) lines.push(` Platforms:\t[${platforms(placement.platforms)}]`);
  if (placement.imagePlatforms.length > 0) lines.push(` Image Platforms:\t[${platforms(placement.imagePlatforms)}]`);
  if (placement.strategy !== PlacementStrategy.UNSPECIFIED)
    lines.push(` Strategy:\t${clusterStrategyName(placement.strategy)}`);
  return lines;
}

function restartName(condition: RestartCondition): string {
  if (condition === RestartCondition.NONE) return 'none';
  return condition === RestartCondition.ON_FAILURE ? 'on-failure' : 'any';
}

type Amounts = NonNullable<NonNullable<TaskSpec['resources']>['limits']>;

function amountFields(amounts: Amounts | undefined): Fields {
  return { NanoCPUs: amounts?.nanoCpus ?? 0, MemoryBytes: amounts?.memoryBytes ?? 0, Pids: amounts?.pids ?? 0 };
}

function portFields(port: PortConfig): Fields {
  return {
    Protocol: protocolName(port.protocol),
    TargetPort: port.targetPort,
    PublishedPort: port.publishedPort,
    // Of ours, and so only where it says something.
    ...(port.publishedLast === undefined ? {} : { PublishedLast: port.publishedLast }),
    PublishMode: port.mode === PublishMode.HOST ? 'host' : 'ingress',
  };
}

/** `service inspect --pretty`: lines of "Name: value", only those that say something. */
export function prettyService(service: Service): string {
  const task = service.spec?.task;
  const container = task?.container;
  const lines: string[] = [];
  const line = (name: string, value: string | number | undefined, indent = 0) => {
    if (value !== undefined && value !== '') lines.push(`${' '.repeat(indent)}${name}:\t${value}`);
  };
  line('ID', service.id);
  line('Name', serviceName(service));
  const labels = Object.entries(service.spec?.annotations?.labels ?? {});
  if (labels.length > 0) lines.push('Labels:', ...labels.sort().map(([key, value]) => ` ${key}=${value}`));
  line('Service Mode', MODE_TITLES[modeName(service)]);
  const mode = service.spec?.mode;
  if (mode?.$case === 'replicated') line('Replicas', mode.value.replicas, 1);
  if (mode?.$case === 'replicatedJob') {
    line('Max Concurrent', mode.value.maxConcurrent, 1);
    line('Total Completions', mode.value.totalCompletions, 1);
  }
  lines.push(
    ...updateStatusLines(service.updateStatus),
    ...placementLines(service.spec?.placement),
    ...updateLines('UpdateConfig', service.spec?.update),
    ...updateLines('RollbackConfig', service.spec?.rollback),
    ...containerSpecLines(container ?? ContainerSpec.create()),
    ...restartLines(task?.restart),
  );
  lines.push(...resourceLines(task), ...logLines(container?.log));
  line('Networks', task?.networks.map(({ target }) => target).join(' '));
  line('Endpoint Mode', endpointModeWord(service.spec?.endpointMode ?? EndpointMode.VIP));
  if (service.ports.length > 0) lines.push('Ports:', ...service.ports.map(portLine));
  return `${lines.join('\n')}\n`;
}

/** Only what somebody has said. */
function restartLines(restart: RestartPolicy | undefined): string[] {
  if (restart === undefined) return [];
  const { condition, delayMs, maxAttempts, windowMs } = restart;
  return [
    'RestartPolicy:',
    ` Condition:\t${restartName(condition)}`,
    ...(delayMs === undefined ? [] : [` Delay:\t${goDuration(delayMs)}`]),
    ...(maxAttempts === 0 ? [] : [` Max attempts:\t${maxAttempts}`]),
    ...(windowMs === 0 ? [] : [` Window:\t${goDuration(windowMs)}`]),
  ];
}

function resourceLines(task: TaskSpec | undefined): string[] {
  const { reservations, limits, genericReservations = [] } = task?.resources ?? {};
  const generic = genericReservations.map(({ kind, count }) => `  ${kind}:\t\t${count}`);
  const reserved = [...amountLines(reservations), ...generic];
  const limited = amountLines(limits);
  const lines = [
    ...(reserved.length === 0 ? [] : [' Reservations:', ...reserved]),
    ...(limited.length === 0 ? [] : [' Limits:', ...limited]),
  ];
  const grace = task?.container?.stopGracePeriodMs;
  if (grace !== undefined) lines.push(` StopGracePeriod:\t${goDuration(grace)}`);
  return lines.length === 0 ? [] : ['Resources:', ...lines];
}

function amountLines(amounts: Amounts | undefined): string[] {
  if (amounts === undefined) return [];
  const { nanoCpus, memoryBytes, pids } = amounts;
  return [
    ...(nanoCpus > 0 ? [`  CPU:\t\t${nanoCpus / 1e9}`] : []),
    ...(memoryBytes > 0 ? [`  Memory:\t${binarySize(memoryBytes)}`] : []),
    ...(pids > 0 ? [`  Pids:\t\t${pids}`] : []),
  ];
}

function portLine(port: PortConfig): string {
  const mode = port.mode === PublishMode.HOST ? 'host' : 'ingress';
  return ` PublishedPort = ${publishedText(port)}\n  Protocol = ${protocolName(port.protocol)}\n  TargetPort = ${port.targetPort}\n  PublishMode = ${mode}`;
}
