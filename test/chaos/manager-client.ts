/** What the test asks of a manager, over its host's socket. */
import { connectClient, unary } from '../../proto/client.ts';
import {
  ControlClient,
  type NodeInspectResponse,
  type NodeListResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import type { Node } from '../../proto/generated/gantry/v1/types.ts';
import type { Host } from '../lab/host.ts';

/** How long an answer is waited for. */
const CALL_MS = 5000;
/** What is written is blown up to this many characters: a log that grows fast takes snapshots and is compacted often. */
const VALUE_LENGTH = 1024;
const FILLER = '.';

/** A register is a label of a node. */
export interface RegisterAddress {
  readonly nodeId: string;
  readonly label: string;
}

export class ManagerClient {
  readonly #control: ControlClient;

  constructor(host: Host) {
    this.#control = connectClient(ControlClient, { kind: 'unix', path: `${host.execRoot}/gantry.sock` });
  }

  /** After a failure nobody knows whether it was written. */
  async write({ nodeId, label }: RegisterAddress, value: string): Promise<void> {
    const request = {
      reference: nodeId,
      labelsAdd: { [label]: value.padEnd(VALUE_LENGTH, FILLER) },
      labelsRemove: [],
      force: false,
    };
    await unary((done) => this.#control.nodeUpdate(request, done), AbortSignal.timeout(CALL_MS));
  }

  /** Undefined: it was never written. */
  async read({ nodeId, label }: RegisterAddress): Promise<string | undefined> {
    const request = { reference: nodeId };
    const { node } = await unary<NodeInspectResponse>(
      (done) => this.#control.nodeInspect(request, done),
      AbortSignal.timeout(CALL_MS),
    );
    return valuesOf(node).get(label);
  }

  /** All registers that were ever written, by label. */
  async readAll(): Promise<Map<string, string>> {
    const { nodes } = await this.nodes();
    return new Map(nodes.flatMap((node) => [...valuesOf(node)]));
  }

  nodes(): Promise<NodeListResponse> {
    return unary((done) => this.#control.nodeList({}, done), AbortSignal.timeout(CALL_MS));
  }

  close(): void {
    this.#control.close();
  }
}

function valuesOf(node: Node | undefined): Map<string, string> {
  const labels = Object.entries(node?.spec?.annotations?.labels ?? {});
  return new Map(labels.map(([label, value]) => [label, value.replaceAll(FILLER, '')]));
}
