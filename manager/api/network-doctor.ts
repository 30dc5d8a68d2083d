/** NetworkDoctor: all nodes check their hosts, then send each other probes, then say what has come. */
import { PassThrough } from 'node:stream';
import { isEncrypted } from '../../proto/encrypted-option.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { NetworkDoctorRequest, NetworkDoctorResponse } from '../../proto/generated/gantry/v1/control.ts';
import {
  type CheckedPeer,
  NetworkCheckRequest,
  NetworkCheckResponse,
  type NetworkFinding,
} from '../../proto/generated/gantry/v1/engine.ts';
import { NodeState } from '../../proto/generated/gantry/v1/types.ts';
import { type NodeObject, nodeName } from '../store/node.ts';
import type { ApiContext } from './context.ts';
import { type CheckedNode, clockDifference, findingsBetween } from './network-findings.ts';

/** A step takes a few seconds where packets are lost. */
const STEP_TIMEOUT_MS = 15_000;
const END_TIMEOUT_MS = 3000;
/** Of 24 bits; below those of networks, and not that of ingress. */
const PROBE_VNIS = 4000;

type Step = NonNullable<NetworkCheckRequest['step']>;
type Answer = NonNullable<NetworkCheckResponse['answer']>;

/** One call of NetworkCheck. */
class NodeCheck {
  readonly node: NodeObject;
  readonly #answers: AsyncIterator<Uint8Array>;
  readonly #requests = new PassThrough({ objectMode: true });

  constructor(context: ApiContext, node: NodeObject, signal: AbortSignal) {
    this.node = node;
    const answers = context.engines.openStream(node.id, 'NetworkCheck', this.#requests, signal);
    this.#answers = answers[Symbol.asyncIterator]();
  }

  async ask(step: Step): Promise<Answer> {
    this.#requests.write(NetworkCheckRequest.encode({ step }).finish());
    const { value, done } = await within(this.#answers.next(), this.node);
    const answer = done === true ? undefined : NetworkCheckResponse.decode(value).answer;
    if (answer === undefined) throw new GantryError('UNAVAILABLE', `node ${nodeName(this.node)} broke off its check`);
    return answer;
  }

  /** It then removes what it has made for the check. */
  async end(): Promise<void> {
    this.#requests.end();
    // What went wrong with it, if anything, has been found before.
    await within(this.#answers.next(), this.node, END_TIMEOUT_MS).catch(() => undefined);
  }
}

export async function networkDoctor(
  context: ApiContext,
  _request: NetworkDoctorRequest,
  signal: AbortSignal,
): Promise<NetworkDoctorResponse> {
  const nodes = context.store.view((read) => read.find('node', { by: 'all' }));
  const ready = nodes.filter(({ status }) => status.state === NodeState.READY);
  const down = nodes.filter((node) => !ready.includes(node)).map(notReady);
  const over = new AbortController();
  const checks = ready.map((node) => new NodeCheck(context, node, AbortSignal.any([signal, over.signal])));
  try {
    const { checked, findings } = await run(context, checks, ready);
    return { findings: [...down, ...findings, ...findingsBetween(checked)], checked: checked.map(({ name }) => name) };
  } finally {
    await Promise.all(checks.map((check) => check.end()));
    over.abort();
  }
}

/** Each step on all nodes before the next one on any: who sends must be counted everywhere. */
async function run(context: ApiContext, checks: readonly NodeCheck[], nodes: readonly NodeObject[]) {
  const findings: NetworkFinding[] = [];
  const peers = peersOf(context, nodes);
  const vni = 1 + (context.random(2).readUInt16BE() % PROBE_VNIS);
  const networks = context.store.view((read) => read.find('network', { by: 'all' }));
  const encrypts = networks.some(({ spec, pendingDelete }) => isEncrypted(spec) && !pendingDelete);
  const checked = new Map<NodeCheck, CheckedNode>();
  await eachOf(checks, findings, async (check) => {
    const { id, status } = check.node;
    const others = peers.filter(({ nodeId, address }) => nodeId !== id && address !== '');
    const askedMs = context.clock.now();
    const start = { ownAddress: status.address, peers: isIpv4(status.address) ? others : [], vni, encrypts };
    const answer = await check.ask({ $case: 'start', value: start });
    if (answer.$case !== 'started') throw unexpected(check.node);
    findings.push(...named(check.node, answer.value.findings));
    const clockDifferenceMs = clockDifference(answer.value.nowMs, askedMs, context.clock.now());
    const { mtu } = answer.value;
    checked.set(check, {
      id,
      name: nodeName(check.node),
      address: status.address,
      mtu,
      clockDifferenceMs,
      received: [],
    });
  });
  await eachOf([...checked.keys()], findings, async (check) => {
    const answer = await check.ask({ $case: 'probe', value: true });
    if (answer.$case !== 'probed') throw unexpected(check.node);
    findings.push(...named(check.node, answer.value.findings));
  });
  await eachOf([...checked.keys()], findings, async (check) => {
    const answer = await check.ask({ $case: 'collect', value: true });
    const node = checked.get(check);
    if (answer.$case !== 'collected' || node === undefined) throw unexpected(check.node);
    checked.set(check, { ...node, received: answer.value.received });
  });
  return { checked: [...checked.values()], findings };
}

/** A node that fails is a finding, and takes no part in what follows. */
async function eachOf(
  checks: readonly NodeCheck[],
  findings: NetworkFinding[],
  action: (check: NodeCheck) => Promise<void>,
): Promise<void> {
  await Promise.all(
    checks.map(async (check) => {
      try {
        await action(check);
      } catch (error) {
        const message = `it could not be checked: ${toGantryError(error).message}`;
        findings.push({ ...about(check.node), subject: 'node', message, hint: "see its gantryd's log" });
      }
    }),
  );
}

function peersOf({ log }: ApiContext, nodes: readonly NodeObject[]): CheckedPeer[] {
  const managers = new Map(log.members().map(({ id, address }) => [id, address]));
  return nodes.map((node) => ({
    nodeId: node.id,
    name: nodeName(node),
    address: isIpv4(node.status.address) ? node.status.address : '',
    managerAddress: managers.get(node.id) ?? '',
  }));
}

function notReady(node: NodeObject): NetworkFinding {
  const hint = 'see whether the host is on, gantryd runs there, and it reaches TCP port 2377 of the managers';
  return { ...about(node), subject: 'node', message: 'it is not ready, and was not checked', hint };
}

function named(node: NodeObject, findings: readonly NetworkFinding[]): NetworkFinding[] {
  return findings.map((one) => ({ ...one, node: nodeName(node) }));
}

function about(node: NodeObject): Pick<NetworkFinding, 'node' | 'peer'> {
  return { node: nodeName(node), peer: '' };
}

function unexpected(node: NodeObject): GantryError {
  return new GantryError('INTERNAL', `node ${nodeName(node)} answered another step of its check`);
}

function isIpv4(address: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(address);
}

async function within<T>(promise: Promise<T>, node: NodeObject, timeoutMs = STEP_TIMEOUT_MS): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timeout = setTimeout(
    () => late.reject(new GantryError('UNAVAILABLE', `node ${nodeName(node)} did not answer in time`)),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timeout);
  }
}
