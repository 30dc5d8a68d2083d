/** A manager's gRPC server on its socket: Control for clients, Dispatcher for agents, Manager for itself. */
import { ControlService } from '../proto/generated/gantry/v1/control.ts';
import {
  DispatcherService,
  type SessionRequest,
  type SessionResponse,
  type TunnelFrame,
} from '../proto/generated/gantry/v1/dispatcher.ts';
import { type HealthResponse, ManagerService } from '../proto/generated/gantry/v1/manager.ts';
import { type BidiHandler, bidiMethod } from '../proto/server.ts';
import { controlServer } from './api/control.ts';
import { managerMethods } from './health.ts';
import type { LeadershipRunner } from './leadership.ts';
import { type ManagerServer, serveLocally } from './local-socket.ts';

/** See serveLocally. `health`: of this manager, now. */
export function serve(
  socketPath: string,
  leadership: LeadershipRunner,
  health: () => HealthResponse,
): Promise<ManagerServer> {
  const control = controlServer(async (signal) => (await leadership.term(signal)).api);
  const session: BidiHandler<SessionRequest, SessionResponse> = async function* (requests, signal) {
    yield* (await leadership.term(signal)).dispatcher.session(requests, signal);
  };
  const tunnel: BidiHandler<TunnelFrame, TunnelFrame> = async function* (frames, signal) {
    yield* (await leadership.term(signal)).dispatcher.tunnel(frames, signal);
  };
  return serveLocally(socketPath, [
    { definition: ControlService, implementation: control },
    { definition: DispatcherService, implementation: { session: bidiMethod(session), tunnel: bidiMethod(tunnel) } },
    { definition: ManagerService, implementation: managerMethods(health) },
  ]);
}
