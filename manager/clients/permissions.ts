/**
 * What clients may call from afar, method by method. The types demand an answer for each method there is: a new one is
 * nobody's until somebody has decided.
 */
import type { ControlService } from '../../proto/generated/gantry/v1/control.ts';
import type { EngineService } from '../../proto/generated/gantry/v1/engine.ts';
import type { LocalManagerService } from '../../proto/generated/gantry/v1/manager.ts';
import type { NodeAgentService } from '../../proto/generated/gantry/v1/node.ts';

/**
 * Who may call it: `viewer` is any client, `admin` the administrators among them. A viewer's calls change nothing, open no
 * way into a container, and tell nothing that lets somebody in: no token, no key, no backup.
 */
export type Permission = 'viewer' | 'admin';

export type Permissions<Service extends object> = { readonly [Method in keyof Service]: Permission };

export const CONTROL_PERMISSIONS: Permissions<typeof ControlService> = {
  clusterInspect: 'viewer',
  clusterCa: 'viewer',
  clusterCaRotate: 'admin',
  clusterJoinToken: 'admin',
  nodeList: 'viewer',
  nodeInspect: 'viewer',
  nodeUpdate: 'admin',
  nodeRemove: 'admin',
  stackDeploy: 'admin',
  stackRemove: 'admin',
  stackHistory: 'viewer',
  stackRollback: 'admin',
  serviceList: 'viewer',
  serviceCreate: 'admin',
  serviceUpdate: 'admin',
  serviceRollback: 'admin',
  serviceScale: 'admin',
  serviceRemove: 'admin',
  serviceStop: 'admin',
  serviceRestart: 'admin',
  serviceStart: 'admin',
  taskList: 'viewer',
  taskExec: 'admin',
  taskAttach: 'admin',
  taskKill: 'admin',
  taskPause: 'admin',
  taskUnpause: 'admin',
  taskTop: 'viewer',
  taskStats: 'viewer',
  taskExport: 'admin',
  taskPathStat: 'admin',
  taskCopyFrom: 'admin',
  taskCopyTo: 'admin',
  taskCommit: 'admin',
  taskInspect: 'viewer',
  taskContainersGone: 'viewer',
  stackVolumeList: 'viewer',
  stackVolumesRemove: 'admin',
  networkList: 'viewer',
  networkCreate: 'admin',
  networkRemove: 'admin',
  networkDoctor: 'admin',
  secretList: 'viewer',
  configList: 'viewer',
  secretCreate: 'admin',
  configCreate: 'admin',
  secretRemove: 'admin',
  configRemove: 'admin',
  serviceLogs: 'viewer',
  watch: 'viewer',
  clusterUpdate: 'admin',
  clusterUnlockKey: 'admin',
  clusterBackup: 'admin',
  clientCreate: 'admin',
  clientList: 'viewer',
  clientRemove: 'admin',
};

/** Of the host of the manager that is called. */
export const ENGINE_PERMISSIONS: Permissions<typeof EngineService> = {
  version: 'viewer',
  info: 'viewer',
  containerCreate: 'admin',
  containerStart: 'admin',
  containerStop: 'admin',
  containerKill: 'admin',
  containerPause: 'admin',
  containerUnpause: 'admin',
  containerTop: 'viewer',
  containerStats: 'viewer',
  containerRemove: 'admin',
  containerList: 'viewer',
  containerInspect: 'viewer',
  containerWait: 'viewer',
  containerLogs: 'viewer',
  containerExport: 'admin',
  containerPathStat: 'admin',
  containerCopyFrom: 'admin',
  containerCopyTo: 'admin',
  containerChanges: 'viewer',
  containerCommit: 'admin',
  containerRun: 'admin',
  containerAttach: 'admin',
  containerExec: 'admin',
  imageList: 'viewer',
  imageInspect: 'viewer',
  imageRemove: 'admin',
  imageTag: 'admin',
  imagePin: 'admin',
  imageLoad: 'admin',
  imageImport: 'admin',
  imageSave: 'admin',
  imageHistory: 'viewer',
  imagePrune: 'admin',
  buildCachePrune: 'admin',
  diskUsage: 'viewer',
  imageBuild: 'admin',
  buildKnown: 'viewer',
  imagePull: 'admin',
  imagePush: 'admin',
  distributionInspect: 'admin',
  registryLogin: 'admin',
  localNetworkList: 'viewer',
  localNetworkCreate: 'admin',
  localNetworkInspect: 'viewer',
  localNetworkRemove: 'admin',
  networkConnect: 'admin',
  networkDisconnect: 'admin',
  networkProbe: 'viewer',
  networkCheck: 'admin',
  volumeList: 'viewer',
  volumeRemove: 'admin',
  portProbe: 'viewer',
  sourceProbe: 'admin',
};

/** Of the manager that is called; a locked one answers nobody from afar. */
export const LOCAL_MANAGER_PERMISSIONS: Permissions<typeof LocalManagerService> = { health: 'viewer', unlock: 'admin' };

/** Of the same host; all but its status end or replace the manager that would answer, and are refused there. */
export const NODE_AGENT_PERMISSIONS: Permissions<typeof NodeAgentService> = {
  clusterInit: 'admin',
  clusterJoin: 'admin',
  clusterLeave: 'admin',
  clusterStatus: 'viewer',
  systemStop: 'admin',
  clusterRestore: 'admin',
  clusterRecover: 'admin',
};
