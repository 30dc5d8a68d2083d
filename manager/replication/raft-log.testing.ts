/** Logs of several managers by Raft for the conformance suite: each with a disk of its own, and a network between them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openReplicatedLog } from './open.ts';
import { MemoryNetwork } from './peers/memory-network.testing.ts';
import type { PeerAddress } from './peers/transport.ts';
import type { RaftDriver } from './raft-driver.ts';
import type { LogFixture, MemberOptions } from './replicated-log.suite.ts';

export class RaftFixture implements LogFixture {
  readonly #dir = mkdtempSync(join(tmpdir(), 'gantry-raft-log-'));
  readonly #network = new MemoryNetwork();
  /** As whoever takes a member in tells it. */
  readonly #members = new Map<string, PeerAddress>();

  async open(id: string, { state, ...options }: MemberOptions): Promise<RaftDriver> {
    const member = { id, address: this.addressOf(id) };
    const isFirst = this.#members.size === 0;
    this.#members.set(id, member);
    const log = await openReplicatedLog(
      {
        dir: join(this.#dir, id),
        nodeId: id,
        address: member.address,
        stateMachine: state,
        connect: () => {
          throw new Error('not over gRPC');
        },
        begin: isFirst ? { kind: 'alone' } : { kind: 'joined', members: [...this.#members.values()] },
        transport: this.#network.transport(id),
        logger: pino({ level: 'silent' }),
        onFailure: () => undefined,
        ...options,
      },
      new AbortController().signal,
    );
    this.#network.attach(id, log);
    const close = log.close.bind(log);
    // A manager's process ends with its log: others find nobody there.
    log.close = () => close().finally(() => this.#network.detach(id));
    return log;
  }

  addressOf(id: string): string {
    return `127.0.0.1:${id.replace(/\D/g, '')}`;
  }

  cutOff(id: string): void {
    this.#network.isolate(id);
  }

  reconnect(): void {
    this.#network.heal();
  }

  async close(): Promise<void> {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
