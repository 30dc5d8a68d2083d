/** The Control service: each method by name, as plain functions. */
import type { LocalHandlers } from '../forwarding/forwarded-service.ts';
import { clientCreate, clientList, clientRemove } from './clients.ts';
import { clusterInspect, clusterJoinToken } from './cluster.ts';
import { clusterBackup } from './cluster-backup.ts';
import { clusterCa, clusterCaRotate } from './cluster-ca.ts';
import { clusterUnlockKey, clusterUpdate } from './cluster-settings.ts';
import type { ApiContext } from './context.ts';
import { configList, networkList, secretList } from './listings.ts';
import { networkDoctor } from './network-doctor.ts';
import { networkCreate, networkRemove } from './networks.ts';
import { nodeInspect, nodeList, nodeRemove, nodeUpdate } from './nodes.ts';
import { configCreate, configRemove, secretCreate, secretRemove } from './secrets-and-configs.ts';
import { serviceLogs } from './service-logs.ts';
import { serviceCreate, serviceRollback, serviceUpdate } from './service-specs.ts';
import { serviceList, serviceRemove, serviceScale, taskList } from './services.ts';
import { stackDeploy } from './stack-deploy.ts';
import { stackRemove } from './stack-remove.ts';
import { stackHistory, stackRollback } from './stack-rollback.ts';
import { stackVolumeList, stackVolumesRemove } from './stack-volumes.ts';
import { serviceRestart, serviceStart, serviceStop } from './stop-start.ts';
import {
  taskAttach,
  taskExec,
  taskInspect,
  taskKill,
  taskPause,
  taskStats,
  taskTop,
  taskUnpause,
} from './task-containers.ts';
import { taskContainersGone } from './task-containers-gone.ts';
import { taskCommit, taskExport } from './task-content.ts';
import { taskCopyFrom, taskCopyTo, taskPathStat } from './task-files.ts';
import { watch } from './watch.ts';

/** Resolves with the context of the present leadership, or throws UNAVAILABLE when there is none in time. */
export type ContextProvider = (signal: AbortSignal) => Promise<ApiContext>;

type Method<Request, Response> = (
  context: ApiContext,
  request: Request,
  signal: AbortSignal,
) => Response | Promise<Response>;

export function controlHandlers(provider: ContextProvider): LocalHandlers {
  /** A leader that has been replaced without noticing yet would answer from an old state: so each call asks a majority. */
  const context = async (signal: AbortSignal) => {
    const current = await provider(signal);
    await current.log.readBarrier();
    return current;
  };
  const unary =
    <Request, Response>(method: Method<Request, Response>) =>
    async (request: Request, signal: AbortSignal) =>
      method(await context(signal), request, signal);
  const stream = <Request, Response>(
    method: (context: ApiContext, request: Request, signal: AbortSignal) => AsyncIterable<Response>,
  ) =>
    async function* (request: Request, signal: AbortSignal) {
      yield* method(await context(signal), request, signal);
    };
  return {
    clusterInspect: unary(clusterInspect),
    clusterJoinToken: unary(clusterJoinToken),
    nodeList: unary(nodeList),
    nodeInspect: unary(nodeInspect),
    nodeUpdate: unary(nodeUpdate),
    nodeRemove: unary(nodeRemove),
    stackDeploy: unary(stackDeploy),
    stackRemove: unary(stackRemove),
    stackHistory: unary(stackHistory),
    stackRollback: unary(stackRollback),
    serviceList: unary(serviceList),
    serviceCreate: unary(serviceCreate),
    serviceUpdate: unary(serviceUpdate),
    serviceRollback: unary(serviceRollback),
    serviceScale: unary(serviceScale),
    serviceRemove: unary(serviceRemove),
    serviceStop: unary(serviceStop),
    serviceRestart: unary(serviceRestart),
    serviceStart: unary(serviceStart),
    taskList: unary(taskList),
    taskExec: stream(taskExec),
    taskAttach: stream(taskAttach),
    taskKill: unary(taskKill),
    taskPause: unary(taskPause),
    taskUnpause: unary(taskUnpause),
    taskTop: unary(taskTop),
    taskStats: unary(taskStats),
    taskExport: stream(taskExport),
    taskPathStat: unary(taskPathStat),
    taskCopyFrom: stream(taskCopyFrom),
    taskCopyTo: stream(taskCopyTo),
    taskCommit: unary(taskCommit),
    taskInspect: unary(taskInspect),
    taskContainersGone: unary(taskContainersGone),
    stackVolumeList: unary(stackVolumeList),
    stackVolumesRemove: unary(stackVolumesRemove),
    networkList: unary(networkList),
    networkCreate: unary(networkCreate),
    networkRemove: unary(networkRemove),
    networkDoctor: unary(networkDoctor),
    secretList: unary(secretList),
    configList: unary(configList),
    secretCreate: unary(secretCreate),
    configCreate: unary(configCreate),
    secretRemove: unary(secretRemove),
    configRemove: unary(configRemove),
    serviceLogs: stream(serviceLogs),
    watch: stream(watch),
    clusterUpdate: unary(clusterUpdate),
    clusterUnlockKey: unary(clusterUnlockKey),
    clusterCa: unary(clusterCa),
    clusterCaRotate: unary(clusterCaRotate),
    clusterBackup: stream(clusterBackup),
    clientCreate: unary(clientCreate),
    clientList: unary(clientList),
    clientRemove: unary(clientRemove),
  };
}
