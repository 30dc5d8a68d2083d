/** Three members of Gantry's log, as processes on the loopback address. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { freePort } from '../../../proto/free-port.testing.ts';
import { TestAuthority } from '../../../proto/identity.testing.ts';
import { until } from '../../lab/until.ts';
import type { MemberOptions } from './member.ts';
import { call, connectTo, type MemberStatus, STATUS, TRANSFER } from './put-service.ts';

interface Member {
  readonly options: MemberOptions;
  readonly client: Client;
  process: ChildProcess;
}

export class GantryMembers {
  readonly #dir: string;
  readonly #members: Member[] = [];

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async start(dir: string, count: number): Promise<GantryMembers> {
    const members = new GantryMembers(dir);
    const authority = await TestAuthority.create();
    for (let number = 1; number <= count; number += 1) await members.#add(`m${number}`, authority);
    await until('all to vote', async () => (await members.leader()).status.voters === count);
    return members;
  }

  async #add(id: string, authority: TestAuthority): Promise<void> {
    const first = this.#members[0]?.options.address;
    const options: MemberOptions = {
      id,
      dir: join(this.#dir, id),
      address: `127.0.0.1:${await freePort()}`,
      clientAddress: `127.0.0.1:${await freePort()}`,
      join: first === undefined ? [] : [first],
      identity: await authority.issue({ nodeId: id, role: 'manager', clusterId: 'bench' }),
    };
    mkdirSync(options.dir, { recursive: true });
    writeFileSync(`${options.dir}.json`, JSON.stringify(options), { mode: 0o600 });
    this.#members.push({ options, client: connectTo(options.clientAddress), process: this.#spawn(options) });
    await until(`member ${id}`, () => this.#status(id));
  }

  #spawn({ dir }: MemberOptions): ChildProcess {
    const program = join(import.meta.dirname, 'member.ts');
    return spawn(process.execPath, [program, `${dir}.json`], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  async leader(): Promise<{ readonly id: string; readonly client: Client; readonly status: MemberStatus }> {
    return until('a leader', async () => {
      for (const { options, client } of this.#members) {
        const status = await this.#status(options.id).catch(() => undefined);
        if (status?.isLeader === true) return { id: options.id, client, status };
      }
      return undefined;
    });
  }

  get clients(): readonly Client[] {
    return this.#members.map(({ client }) => client);
  }

  async transfer(to: string): Promise<void> {
    const { client } = await this.leader();
    await call(client, TRANSFER, Buffer.from(to), 5000);
  }

  others(id: string): string[] {
    return this.#members.map(({ options }) => options.id).filter((other) => other !== id);
  }

  /** kill -9. */
  async kill(id: string): Promise<void> {
    const { process: child } = this.#member(id);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async restart(id: string): Promise<void> {
    const member = this.#member(id);
    member.process = this.#spawn(member.options);
    await until(
      `member ${id} to catch up`,
      async () => (await this.#status(id)).applied >= (await this.leader()).status.applied,
    );
  }

  async stop(): Promise<void> {
    for (const { client, options, process: child } of this.#members) {
      client.close();
      if (child.exitCode === null && child.signalCode === null) await this.kill(options.id);
    }
  }

  #member(id: string): Member {
    const member = this.#members.find(({ options }) => options.id === id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  async #status(id: string): Promise<MemberStatus> {
    return JSON.parse((await call(this.#member(id).client, STATUS, Buffer.alloc(0), 1000)).toString()) as MemberStatus;
  }
}
