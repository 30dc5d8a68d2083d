import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { EngineClient, type InfoResponse } from '../../../proto/generated/gantry/v1/engine.ts';
import { type ClusterStatusResponse, NodeAgentClient } from '../../../proto/generated/gantry/v1/node.ts';
import type { ClusterSpec } from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { type Cli, print } from '../../cli.ts';
import { clientVersion } from '../../client-version.ts';
import { ask, withClient } from '../../connection.ts';
import { contextName } from '../../context/daemon.ts';
import { isGantryError } from '../../failure.ts';
import { renderObject } from '../../format/listing.ts';
import { binarySize } from '../../format/size.ts';
import { clusterStrategyName } from '../../options/strategies.ts';

interface InfoOptions {
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  command.option('-f, --format <template>', "'json' or a Go template").action(async ({ format }: InfoOptions) => {
    const info = await withClient(EngineClient, cli, (engine) => ask(engine, engine.info, {}));
    const cluster = await withClient(NodeAgentClient, cli, (agent) => ask(agent, agent.clusterStatus, {}));
    const spec = await clusterSpec(cli, cluster);
    const text = format === undefined ? infoText(cli, info, cluster, spec) : undefined;
    await print(cli, text ?? renderObject(infoFields(cli, info, cluster, spec), format ?? ''));
  });
}

/** Undefined where there is no manager, or none that answers: that is said elsewhere. */
async function clusterSpec(cli: Cli, { manager, connected }: ClusterStatusResponse): Promise<ClusterSpec | undefined> {
  if (!manager || !connected) return undefined;
  try {
    const { cluster } = await withClient(ControlClient, cli, (control) => ask(control, control.clusterInspect, {}));
    return cluster?.spec;
  } catch (error) {
    if (isGantryError(error) && error.code === 'UNAVAILABLE') return undefined;
    throw error;
  }
}

function clusterState(cluster: ClusterStatusResponse): string {
  if (cluster.nodeId === '') return 'inactive';
  if (cluster.locked) return 'locked';
  return cluster.connected ? 'active' : 'pending';
}

function infoFields(
  cli: Cli,
  info: InfoResponse,
  cluster: ClusterStatusResponse,
  spec: ClusterSpec | undefined,
): Fields {
  return {
    ID: info.id,
    Containers: info.containers,
    ContainersRunning: info.containersRunning,
    ContainersStopped: info.containers - info.containersRunning,
    Images: info.images,
    Driver: 'overlay2',
    CgroupVersion: String(info.cgroupVersion),
    KernelVersion: info.kernelVersion,
    OperatingSystem: info.operatingSystem,
    OSType: 'linux',
    Architecture: info.architecture,
    NCPU: info.cpus,
    MemTotal: info.memoryBytes,
    DockerRootDir: info.dataRoot,
    ExecRootDir: info.execRoot,
    Name: info.name,
    ServerVersion: info.version,
    SecurityOptions: info.securityOptions,
    Warnings: info.warnings,
    Swarm: {
      NodeID: cluster.nodeId,
      LocalNodeState: clusterState(cluster),
      ControlAvailable: cluster.manager,
      Error: cluster.error,
      RemoteManagers: cluster.managers.map((address) => ({ Addr: address })),
      ...(spec === undefined ? {} : { Cluster: { Spec: { Orchestration: orchestrationFields(spec) } } }),
    },
    ClientInfo: { Version: clientVersion(), Context: contextName(cli) },
  };
}

function orchestrationFields({ taskHistoryLimit, strategy }: ClusterSpec): Fields {
  return { TaskHistoryRetentionLimit: taskHistoryLimit, Strategy: clusterStrategyName(strategy) };
}

function orchestrationLines({ taskHistoryLimit, strategy }: ClusterSpec): string[] {
  return [
    '  Orchestration:',
    `   Task History Retention Limit: ${taskHistoryLimit}`,
    `   Placement Strategy: ${clusterStrategyName(strategy)}`,
  ];
}

function managerLines(managers: readonly string[]): string[] {
  return managers.length === 0 ? [] : ['  Manager Addresses:', ...managers.map((address) => `   ${address}`)];
}

function infoText(cli: Cli, info: InfoResponse, cluster: ClusterStatusResponse, spec: ClusterSpec | undefined): string {
  const lines = [
    'Client: Gantry',
    ` Version:    ${clientVersion()}`,
    ` Context:    ${contextName(cli)}`,
    '',
    'Server:',
    ` Containers: ${info.containers}`,
    `  Running: ${info.containersRunning}`,
    `  Stopped: ${info.containers - info.containersRunning}`,
    ` Images: ${info.images}`,
    ` Server Version: ${info.version}`,
    ' Storage Driver: overlay2',
    ` Cgroup Version: ${info.cgroupVersion}`,
    ` Cluster: ${clusterState(cluster)}`,
    ...(cluster.nodeId === '' ? [] : [`  NodeID: ${cluster.nodeId}`, `  Is Manager: ${cluster.manager}`]),
    ...(cluster.error === '' ? [] : [`  Error: ${cluster.error}`]),
    ...(spec === undefined ? [] : orchestrationLines(spec)),
    ...managerLines(cluster.managers),
    ' Security Options:',
    ...info.securityOptions.map((option) => `  ${option}`),
    ` Kernel Version: ${info.kernelVersion}`,
    ` Operating System: ${info.operatingSystem}`,
    ' OSType: linux',
    ` Architecture: ${info.architecture}`,
    ` CPUs: ${info.cpus}`,
    ` Total Memory: ${binarySize(info.memoryBytes)}`,
    ` Name: ${info.name}`,
    ` ID: ${info.id}`,
    ` Data Root: ${info.dataRoot}`,
    ` Exec Root: ${info.execRoot}`,
    ...info.warnings.map((warning) => `WARNING: ${warning}`),
  ];
  return `${lines.join('\n')}\n`;
}
