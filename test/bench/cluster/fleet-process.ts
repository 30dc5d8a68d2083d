/**
 * Many agents in one process: each joins with a token, and has a session of its own over a connection of its own, as an
 * agent on a host does; only their containers are made up. Started by agent-fleet.ts, which it tells what happens.
 */
import { randomBytes } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import pino from 'pino';
import { inTurnOf } from '../../../agent/cluster/manager-endpoints.ts';
import { type ManagerEndpoint, Session } from '../../../agent/session/session.ts';
import type { TunnelMethods } from '../../../agent/session/tunnel.ts';
import { parseNodeAddress } from '../../../proto/address.ts';
import { newCertificateRequest } from '../../../proto/certificate-request.ts';
import { connectClient, unary } from '../../../proto/client.ts';
import {
  CaClient,
  type GetRootCertificateResponse,
  IssueCertificateRequest,
  type IssueCertificateResponse,
} from '../../../proto/generated/gantry/v1/ca.ts';
import { NetworkProbeResponse } from '../../../proto/generated/gantry/v1/engine.ts';
import { NodeDescription, type Task } from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId } from '../../../proto/ids.ts';
import {
  managerChannelCredentials,
  pinnedChannelCredentials,
  unverifiedChannelCredentials,
} from '../../../proto/tls.ts';
import type { FleetMessage, FleetOrder } from './fleet-messages.ts';
import { SimulatedWorker } from './simulated-worker.ts';

/** Requests for certificates at once. */
const JOINING = 8;
const NEWS_PERIOD_MS = 20;
/** The histogram's own timer. */
const DELAY_RESOLUTION_MS = 10;

const logger = pino({ level: 'silent' });
const arrivalsMs: number[] = [];
const agents: { readonly session: Session; readonly worker: SimulatedWorker; wasConnected: boolean }[] = [];
const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });

function tell(message: FleetMessage): void {
  process.send?.(message);
}

async function begin(order: FleetOrder): Promise<void> {
  const beginMs = performance.now();
  const credentials = pinnedChannelCredentials(await rootCertificate(order.manager));
  const ca = connectClient(CaClient, parseNodeAddress(order.manager), credentials);
  const numbers = Array.from({ length: order.agents }, (_, position) => order.firstNumber + position).values();
  const joinSome = async () => {
    for (const number of numbers) await join(ca, number, order.token);
  };
  await Promise.all(Array.from({ length: JOINING }, joinSome));
  ca.close();
  tell({ kind: 'joined', ms: performance.now() - beginMs });
  delays.enable();
  setInterval(tellNews, NEWS_PERIOD_MS);
}

async function rootCertificate(manager: string): Promise<string> {
  const ca = connectClient(CaClient, parseNodeAddress(manager), unverifiedChannelCredentials());
  const answer = await unary<GetRootCertificateResponse>((done) => ca.getRootCertificate({}, done));
  ca.close();
  return answer.certificate;
}

/** The agent begins its session at once. */
async function join(ca: CaClient, number: number, token: string): Promise<void> {
  const { requestPem, keyPem } = await newCertificateRequest();
  const nodeId = newObjectId(randomBytes);
  const request = IssueCertificateRequest.fromPartial({ request: requestPem, token, nodeId });
  const answer = await unary<IssueCertificateResponse>((done) => ca.issueCertificate(request, done));
  const credentials = managerChannelCredentials({
    caPem: answer.rootCertificate,
    certPem: answer.certificate,
    keyPem,
  });
  const endpoints = inTurnOf(nodeId, answer.managers).map(({ address }) => ({
    address: parseNodeAddress(address),
    credentials,
  }));
  startAgent(nodeId, number, endpoints);
}

function startAgent(nodeId: string, number: number, endpoints: readonly ManagerEndpoint[]): void {
  const worker = new SimulatedWorker(noteArrival);
  const session = new Session({
    nodeId,
    description: () => description(number),
    address: `192.168.${number >> 8}.${number & 255}`,
    endpoints: () => endpoints,
    explain: async (error) => error,
    onMembership: () => undefined,
    worker,
    applier: worker,
    volumes: { report: async () => ({ names: [], mounted: [] }), onChange: () => () => undefined },
    networks: {
      attached: () => [],
      onAttached: () => () => undefined,
      onIpv6Addresses: () => () => undefined,
      onParents: () => () => undefined,
    },
    images: { report: () => ({ images: [], partial: false }), onChange: () => () => undefined },
    methods: METHODS,
    logger,
    random: Math.random,
    now: Date.now,
  });
  agents.push({ session, worker, wasConnected: false });
  void session.run(new AbortController().signal);
}

/** Hosts that use no addresses which a network could have. */
const METHODS: TunnelMethods = new Map([
  [
    'NetworkProbe',
    async function* () {
      const inUse = { ranges: [] };
      yield Buffer.from(NetworkProbeResponse.encode({ conflicts: [], inUse }).finish());
    },
  ],
]);

function description(number: number): NodeDescription {
  return NodeDescription.fromPartial({
    hostname: `host${number}`,
    platform: { os: 'linux', architecture: 'amd64' },
    resources: { nanoCpus: 64e9, memoryBytes: 2 ** 38, pids: 0 },
    engineVersion: '0.1.0',
  });
}

function noteArrival({ meta }: Task): void {
  arrivalsMs.push(Date.now() - (meta?.createdAtMs ?? 0));
}

function tellNews(): void {
  let [connected, broken, running, mostOnOne] = [0, 0, 0, 0];
  for (const agent of agents) {
    const isConnected = agent.session.state.connected;
    if (isConnected) connected += 1;
    else if (agent.wasConnected) broken += 1;
    agent.wasConnected = isConnected;
    running += agent.worker.running;
    mostOnOne = Math.max(mostOnOne, agent.worker.running);
  }
  const longestDelayMs = Math.max(0, delays.max / 1e6 - DELAY_RESOLUTION_MS);
  delays.reset();
  const news = { connected, broken, running, mostOnOne, longestDelayMs, arrivalsMs: arrivalsMs.splice(0) };
  tell({ kind: 'news', news });
}

process.once('message', (order: FleetOrder) => void begin(order));
// Nothing of theirs is worth keeping.
process.once('disconnect', () => process.exit());
// It may have gone in the middle of a message.
process.once('error', () => process.exit());
