/**
 * The Engine API as plain functions, one per method, by the method's lower-camel name. They know nothing of gRPC:
 * the local socket calls them, and so does a manager's tunnel.
 */
import type { BuildKnownRequest, BuildKnownResponse } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type {
  ArchiveChunk,
  BuildCachePruneResponse,
  ContainerChangesRequest,
  ContainerChangesResponse,
  ContainerCommitRequest,
  ContainerCommitResponse,
  ContainerCopyFromRequest,
  ContainerCopyToRequest,
  ContainerCopyToResponse,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerExportRequest,
  ContainerInspectRequest,
  ContainerInspectResponse,
  ContainerKillRequest,
  ContainerKillResponse,
  ContainerListRequest,
  ContainerListResponse,
  ContainerLogsRequest,
  ContainerPathStatRequest,
  ContainerPathStatResponse,
  ContainerPauseRequest,
  ContainerPauseResponse,
  ContainerRemoveRequest,
  ContainerRemoveResponse,
  ContainerStartRequest,
  ContainerStartResponse,
  ContainerStatsRequest,
  ContainerStatsResponse,
  ContainerStopRequest,
  ContainerStopResponse,
  ContainerStreamRequest,
  ContainerStreamResponse,
  ContainerTopRequest,
  ContainerTopResponse,
  ContainerUnpauseRequest,
  ContainerUnpauseResponse,
  ContainerWaitRequest,
  ContainerWaitResponse,
  DiskUsageRequest,
  DiskUsageResponse,
  DistributionInspectRequest,
  DistributionInspectResponse,
  ImageBuildRequest,
  ImageBuildResponse,
  ImageHistoryRequest,
  ImageHistoryResponse,
  ImageImportRequest,
  ImageImportResponse,
  ImageInspectRequest,
  ImageInspectResponse,
  ImageListRequest,
  ImageListResponse,
  ImageLoadRequest,
  ImageLoadResponse,
  ImagePinRequest,
  ImagePruneResponse,
  ImagePullRequest,
  ImagePullResponse,
  ImagePushRequest,
  ImagePushResponse,
  ImageRemoveRequest,
  ImageRemoveResponse,
  ImageSaveRequest,
  ImageTagRequest,
  ImageTagResponse,
  InfoRequest,
  InfoResponse,
  LocalNetworkCreateRequest,
  LocalNetworkCreateResponse,
  LocalNetworkInspectRequest,
  LocalNetworkInspectResponse,
  LocalNetworkListRequest,
  LocalNetworkListResponse,
  LocalNetworkRemoveRequest,
  LocalNetworkRemoveResponse,
  LogLine,
  NetworkCheckRequest,
  NetworkCheckResponse,
  NetworkConnectRequest,
  NetworkConnectResponse,
  NetworkDisconnectRequest,
  NetworkDisconnectResponse,
  NetworkProbeRequest,
  NetworkProbeResponse,
  PinnedImage,
  PortProbeRequest,
  PortProbeResponse,
  PruneRequest,
  RegistryLoginRequest,
  RegistryLoginResponse,
  SourceProbeRequest,
  SourceProbeResponse,
  VersionRequest,
  VersionResponse,
  VolumeListRequest,
  VolumeListResponse,
  VolumeRemoveRequest,
  VolumeRemoveResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { BidiHandler, ClientStreamHandler, ServerStreamHandler, UnaryHandler } from '../../proto/server.ts';
import type { Builder } from '../build/builder.ts';
import type { Containers } from '../container/containers.ts';
import type { Images, ImageUsage } from '../image/images.ts';
import type { Networks } from '../network/networks.ts';
import type { Registries } from '../registry/registries.ts';
import type { ReportedVolumes, Volumes } from '../volume/volumes.ts';
import type { SystemFacts } from './system-facts.ts';

export interface ContainerHandlers {
  readonly containerCreate: UnaryHandler<ContainerCreateRequest, ContainerCreateResponse>;
  readonly containerStart: UnaryHandler<ContainerStartRequest, ContainerStartResponse>;
  readonly containerStop: UnaryHandler<ContainerStopRequest, ContainerStopResponse>;
  readonly containerKill: UnaryHandler<ContainerKillRequest, ContainerKillResponse>;
  readonly containerPause: UnaryHandler<ContainerPauseRequest, ContainerPauseResponse>;
  readonly containerUnpause: UnaryHandler<ContainerUnpauseRequest, ContainerUnpauseResponse>;
  readonly containerTop: UnaryHandler<ContainerTopRequest, ContainerTopResponse>;
  readonly containerStats: UnaryHandler<ContainerStatsRequest, ContainerStatsResponse>;
  readonly containerRemove: UnaryHandler<ContainerRemoveRequest, ContainerRemoveResponse>;
  readonly containerList: UnaryHandler<ContainerListRequest, ContainerListResponse>;
  readonly containerInspect: UnaryHandler<ContainerInspectRequest, ContainerInspectResponse>;
  readonly containerWait: UnaryHandler<ContainerWaitRequest, ContainerWaitResponse>;
  readonly containerLogs: ServerStreamHandler<ContainerLogsRequest, LogLine>;
  readonly containerExport: ServerStreamHandler<ContainerExportRequest, ArchiveChunk>;
  readonly containerPathStat: UnaryHandler<ContainerPathStatRequest, ContainerPathStatResponse>;
  readonly containerCopyFrom: ServerStreamHandler<ContainerCopyFromRequest, ArchiveChunk>;
  readonly containerCopyTo: ClientStreamHandler<ContainerCopyToRequest, ContainerCopyToResponse>;
  readonly containerChanges: UnaryHandler<ContainerChangesRequest, ContainerChangesResponse>;
  readonly containerCommit: UnaryHandler<ContainerCommitRequest, ContainerCommitResponse>;
  readonly containerRun: BidiHandler<ContainerStreamRequest, ContainerStreamResponse>;
  readonly containerAttach: BidiHandler<ContainerStreamRequest, ContainerStreamResponse>;
  readonly containerExec: BidiHandler<ContainerStreamRequest, ContainerStreamResponse>;
}

export interface ImageHandlers {
  readonly imageList: UnaryHandler<ImageListRequest, ImageListResponse>;
  readonly imageInspect: UnaryHandler<ImageInspectRequest, ImageInspectResponse>;
  readonly imageRemove: UnaryHandler<ImageRemoveRequest, ImageRemoveResponse>;
  readonly imageTag: UnaryHandler<ImageTagRequest, ImageTagResponse>;
  readonly imagePin: UnaryHandler<ImagePinRequest, PinnedImage>;
  readonly imageLoad: ClientStreamHandler<ImageLoadRequest, ImageLoadResponse>;
  readonly imageImport: ClientStreamHandler<ImageImportRequest, ImageImportResponse>;
  readonly imageSave: ServerStreamHandler<ImageSaveRequest, ArchiveChunk>;
  readonly imageHistory: UnaryHandler<ImageHistoryRequest, ImageHistoryResponse>;
  readonly imagePrune: UnaryHandler<PruneRequest, ImagePruneResponse>;
  readonly buildCachePrune: UnaryHandler<PruneRequest, BuildCachePruneResponse>;
  readonly imageBuild: BidiHandler<ImageBuildRequest, ImageBuildResponse>;
  readonly buildKnown: UnaryHandler<BuildKnownRequest, BuildKnownResponse>;
  readonly imagePull: ServerStreamHandler<ImagePullRequest, ImagePullResponse>;
  readonly imagePush: ServerStreamHandler<ImagePushRequest, ImagePushResponse>;
  readonly distributionInspect: UnaryHandler<DistributionInspectRequest, DistributionInspectResponse>;
  readonly registryLogin: UnaryHandler<RegistryLoginRequest, RegistryLoginResponse>;
}

export interface NetworkHandlers {
  readonly localNetworkList: UnaryHandler<LocalNetworkListRequest, LocalNetworkListResponse>;
  readonly localNetworkCreate: UnaryHandler<LocalNetworkCreateRequest, LocalNetworkCreateResponse>;
  readonly localNetworkInspect: UnaryHandler<LocalNetworkInspectRequest, LocalNetworkInspectResponse>;
  readonly localNetworkRemove: UnaryHandler<LocalNetworkRemoveRequest, LocalNetworkRemoveResponse>;
  readonly networkConnect: UnaryHandler<NetworkConnectRequest, NetworkConnectResponse>;
  readonly networkDisconnect: UnaryHandler<NetworkDisconnectRequest, NetworkDisconnectResponse>;
  readonly networkProbe: UnaryHandler<NetworkProbeRequest, NetworkProbeResponse>;
  readonly networkCheck: BidiHandler<NetworkCheckRequest, NetworkCheckResponse>;
}

export interface SystemHandlers {
  readonly version: UnaryHandler<VersionRequest, VersionResponse>;
  readonly info: UnaryHandler<InfoRequest, InfoResponse>;
  readonly diskUsage: UnaryHandler<DiskUsageRequest, DiskUsageResponse>;
  readonly volumeList: UnaryHandler<VolumeListRequest, VolumeListResponse>;
  readonly volumeRemove: UnaryHandler<VolumeRemoveRequest, VolumeRemoveResponse>;
  readonly portProbe: UnaryHandler<PortProbeRequest, PortProbeResponse>;
  readonly sourceProbe: UnaryHandler<SourceProbeRequest, SourceProbeResponse>;
}

export interface EngineHandlers extends ContainerHandlers, ImageHandlers, NetworkHandlers, SystemHandlers {}

export interface EngineParts {
  readonly containers: Containers;
  readonly images: Images;
  readonly usage: ImageUsage;
  readonly networks: Networks;
  readonly volumes: Volumes & Pick<ReportedVolumes, 'report'>;
  readonly builder: Builder;
  readonly registries: Registries;
  readonly facts: SystemFacts;
}
