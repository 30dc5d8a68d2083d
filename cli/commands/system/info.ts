import type { Command } from 'commander';
import { EngineClient, type InfoResponse } from '../../../proto/generated/gantry/v1/engine.ts';
import { type ClusterStatusResponse, NodeAgentClient } from '../../../proto/generated/gantry/v1/node.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { contextName } from '../../context/daemon.ts';
import { renderObject } from '../../format/listing.ts';
import { binarySize } from '../../format/size.ts';
import { clientVersion } from './client-version.ts';

interface InfoOptions {
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  command.option('-f, --format <template>', "'json' or a Go template").action(async ({ format }: InfoOptions) => {
    const info = await withClient(EngineClient, cli, (engine) => ask(engine, engine.info, {}));
    const cluster = await withClient(NodeAgentClient, cli, (agent) => ask(agent, agent.clusterStatus, {}));
    await print(
      cli,
      format === undefined ? infoText(cli, info, cluster) : renderObject(infoFields(cli, info, cluster), format),
    );
  });
}

function clusterState(cluster: ClusterStatusResponse): string {
  if (cluster.nodeId === '') return 'inactive';
  if (cluster.locked) return 'locked';
  return cluster.connected ? 'active' : 'pending';
}

function infoFields(cli: Cli, info: InfoResponse, cluster: ClusterStatusResponse): Fields {
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
    },
    ClientInfo: { Version: clientVersion(), Context: contextName(cli) },
  };
}

function managerLines(managers: readonly string[]): string[] {
  return managers.length === 0 ? [] : ['  Manager Addresses:', ...managers.map((address) => `   ${address}`)];
}

function infoText(cli: Cli, info: InfoResponse, cluster: ClusterStatusResponse): string {
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
