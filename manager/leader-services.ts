/** The services that the leading manager answers, each with who may call it. */
import { CaService, type IssueCertificateRequest } from '../proto/generated/gantry/v1/ca.ts';
import { ControlService } from '../proto/generated/gantry/v1/control.ts';
import {
  DispatcherService,
  type ImageHoldersRequest,
  type IsMemberRequest,
  type KnownBuildsRequest,
  type NeededImagesRequest,
  type SessionRequest,
  type TunnelFrame,
} from '../proto/generated/gantry/v1/dispatcher.ts';
import { controlHandlers } from './api/control.ts';
import { CONTROL_PERMISSIONS } from './clients/permissions.ts';
import type { Caller, CallerOf } from './forwarding/caller.ts';
import { forwardedService, type LocalHandlers, type Router } from './forwarding/forwarded-service.ts';
import type { LeadershipRunner, Term } from './leadership.ts';
import type { ManagerService } from './service.ts';

type Terms = Pick<LeadershipRunner, 'term'>;

/** `callerOf`: of calls on the listener that the services are for. */
export function leaderServices(terms: Terms, route: Router, callerOf: CallerOf): ManagerService[] {
  return [
    // Users have it through the socket of a manager, or as clients.
    {
      ...forwardedService(ControlService, control(terms), route, callerOf),
      access: 'manager',
      permissions: CONTROL_PERMISSIONS,
    },
    { ...forwardedService(DispatcherService, dispatcher(terms), route, callerOf), access: 'node' },
    // Those who call it may have no certificate yet; it looks at token and caller itself.
    { ...forwardedService(CaService, ca(terms), route, callerOf), access: 'anybody' },
  ];
}

function control(terms: Terms): LocalHandlers {
  return controlHandlers(async (signal) => (await terms.term(signal)).api);
}

function dispatcher(terms: Terms): LocalHandlers {
  return {
    session: async function* (requests: AsyncIterable<SessionRequest>, signal: AbortSignal, caller: Caller) {
      yield* (await terms.term(signal)).dispatcher.session(requests, signal, caller);
    },
    tunnel: async function* (frames: AsyncIterable<TunnelFrame>, signal: AbortSignal, caller: Caller) {
      yield* (await terms.term(signal)).dispatcher.tunnel(frames, signal, caller);
    },
    neededImages: async ({ images }: NeededImagesRequest, signal: AbortSignal) => ({
      ids: (await terms.term(signal)).dispatcher.neededImages(images),
    }),
    imageHolders: async (request: ImageHoldersRequest, signal: AbortSignal, caller: Caller) => ({
      holders: (await terms.term(signal)).dispatcher.imageHolders(request, caller),
    }),
    knownBuilds: async (request: KnownBuildsRequest, signal: AbortSignal, caller: Caller) => ({
      builds: await (await terms.term(signal)).dispatcher.knownBuilds(request, signal, caller),
    }),
    isMember: async ({ nodeId }: IsMemberRequest, signal: AbortSignal) => ({
      member: (await terms.term(signal)).dispatcher.isMember(nodeId),
    }),
  };
}

function ca(terms: Terms): LocalHandlers {
  const authority = async (signal: AbortSignal): Promise<Term['authority']> => (await terms.term(signal)).authority;
  return {
    getRootCertificate: async (_request: object, signal: AbortSignal) => (await authority(signal)).rootCertificate(),
    issueCertificate: async (request: IssueCertificateRequest, signal: AbortSignal, caller: Caller) =>
      (await authority(signal)).issueCertificate(request, caller),
  };
}
