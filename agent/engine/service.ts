/** The Engine API as a gRPC service. */
import { EngineService } from '../../proto/generated/gantry/v1/engine.ts';
import { bidiMethod, clientStreamMethod, serverStreamMethod, unaryMethod } from '../../proto/server.ts';
import type { EngineHandlers } from './api.ts';
import type { MountedService } from './cluster-service.ts';

export function engineService(handlers: EngineHandlers): MountedService {
  return {
    definition: EngineService,
    implementation: {
      version: unaryMethod(handlers.version),
      info: unaryMethod(handlers.info),
      containerCreate: unaryMethod(handlers.containerCreate),
      containerStart: unaryMethod(handlers.containerStart),
      containerStop: unaryMethod(handlers.containerStop),
      containerKill: unaryMethod(handlers.containerKill),
      containerRemove: unaryMethod(handlers.containerRemove),
      containerList: unaryMethod(handlers.containerList),
      containerInspect: unaryMethod(handlers.containerInspect),
      containerWait: unaryMethod(handlers.containerWait),
      containerLogs: serverStreamMethod(handlers.containerLogs),
      containerExport: serverStreamMethod(handlers.containerExport),
      containerChanges: unaryMethod(handlers.containerChanges),
      containerCommit: unaryMethod(handlers.containerCommit),
      containerRun: bidiMethod(handlers.containerRun),
      containerAttach: bidiMethod(handlers.containerAttach),
      containerExec: bidiMethod(handlers.containerExec),
      imageList: unaryMethod(handlers.imageList),
      imageInspect: unaryMethod(handlers.imageInspect),
      imageRemove: unaryMethod(handlers.imageRemove),
      imageTag: unaryMethod(handlers.imageTag),
      imageLoad: clientStreamMethod(handlers.imageLoad),
      imageImport: clientStreamMethod(handlers.imageImport),
      imageSave: serverStreamMethod(handlers.imageSave),
      imageHistory: unaryMethod(handlers.imageHistory),
      imagePrune: unaryMethod(handlers.imagePrune),
      buildCachePrune: unaryMethod(handlers.buildCachePrune),
      diskUsage: unaryMethod(handlers.diskUsage),
      imageBuild: bidiMethod(handlers.imageBuild),
      imagePull: serverStreamMethod(handlers.imagePull),
      imagePush: serverStreamMethod(handlers.imagePush),
      distributionInspect: unaryMethod(handlers.distributionInspect),
      registryLogin: unaryMethod(handlers.registryLogin),
      localNetworkList: unaryMethod(handlers.localNetworkList),
      localNetworkCreate: unaryMethod(handlers.localNetworkCreate),
      localNetworkInspect: unaryMethod(handlers.localNetworkInspect),
      localNetworkRemove: unaryMethod(handlers.localNetworkRemove),
      networkConnect: unaryMethod(handlers.networkConnect),
      networkDisconnect: unaryMethod(handlers.networkDisconnect),
      networkProbe: unaryMethod(handlers.networkProbe),
      networkCheck: bidiMethod(handlers.networkCheck),
      volumeList: unaryMethod(handlers.volumeList),
      volumeRemove: unaryMethod(handlers.volumeRemove),
      portProbe: unaryMethod(handlers.portProbe),
      sourceProbe: unaryMethod(handlers.sourceProbe),
    },
  };
}
