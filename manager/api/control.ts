/** The Control service: each method by name, as plain functions. */
import type { ControlServer } from '../../proto/generated/gantry/v1/control.ts';
import { type ServerStreamHandler, serverStreamMethod, unaryMethod } from '../../proto/server.ts';
import { clusterBackup } from './cluster-backup.ts';
import { clusterUnlockKey, clusterUpdate } from './cluster-settings.ts';
import type { ApiContext } from './context.ts';
import { clusterInspect, configList, networkList, nodeList, secretList } from './listings.ts';
import { serviceLogs } from './service-logs.ts';
import { serviceList, serviceRemove, serviceScale, taskList } from './services.ts';
import { stackDeploy, stackRemove } from './stack-deploy.ts';
import { watch } from './watch.ts';

/** Resolves with the context of the present leadership, or throws UNAVAILABLE when there is none in time. */
export type ContextProvider = (signal: AbortSignal) => Promise<ApiContext>;

type Method<Request, Response> = (
  context: ApiContext,
  request: Request,
  signal: AbortSignal,
) => Response | Promise<Response>;

export function controlServer(context: ContextProvider): ControlServer {
  const unary = <Request, Response>(method: Method<Request, Response>) =>
    unaryMethod<Request, Response>(async (request, signal) => method(await context(signal), request, signal));
  const stream = <Request, Response>(
    method: (context: ApiContext, request: Request, signal: AbortSignal) => AsyncIterable<Response>,
  ) => {
    const handler: ServerStreamHandler<Request, Response> = async function* (request, signal) {
      yield* method(await context(signal), request, signal);
    };
    return serverStreamMethod(handler);
  };
  return {
    clusterInspect: unary(clusterInspect),
    nodeList: unary(nodeList),
    stackDeploy: unary(stackDeploy),
    stackRemove: unary(stackRemove),
    serviceList: unary(serviceList),
    serviceScale: unary(serviceScale),
    serviceRemove: unary(serviceRemove),
    taskList: unary(taskList),
    networkList: unary(networkList),
    secretList: unary(secretList),
    configList: unary(configList),
    serviceLogs: stream(serviceLogs),
    watch: stream(watch),
    clusterUpdate: unary(clusterUpdate),
    clusterUnlockKey: unary(clusterUnlockKey),
    clusterBackup: stream(clusterBackup),
  };
}
