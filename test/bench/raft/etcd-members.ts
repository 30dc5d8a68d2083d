/** Three members of etcd to measure against, from Debian's etcd-server, on the loopback address. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Client, MethodDefinition } from '@grpc/grpc-js';
import { freePort } from '../../../proto/free-port.testing.ts';
import { runCommand } from '../../lab/command.ts';
import { until } from '../../lab/until.ts';
import { call, connectTo } from './put-service.ts';

const asIs = (bytes: Buffer): Buffer => bytes;
const CODEC = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
const PUT: MethodDefinition<Buffer, Buffer> = {
  path: '/etcdserverpb.KV/Put',
  requestStream: false,
  responseStream: false,
  ...CODEC,
};
const STATUS: MethodDefinition<Buffer, Buffer> = {
  path: '/etcdserverpb.Maintenance/Status',
  requestStream: false,
  responseStream: false,
  ...CODEC,
};

export class EtcdMembers {
  readonly #processes: ChildProcess[] = [];
  readonly #clients: Client[] = [];

  /** Undefined where etcd isn't installed. */
  static async start(dir: string, count: number): Promise<EtcdMembers | undefined> {
    if ((await runCommand(['sh', '-c', 'command -v etcd'])).code !== 0) return undefined;
    const members = new EtcdMembers();
    await members.#start(dir, count);
    return members;
  }

  async #start(dir: string, count: number): Promise<void> {
    const members: { name: string; peer: string; client: string }[] = [];
    for (let number = 1; number <= count; number += 1) {
      members.push({
        name: `e${number}`,
        peer: `127.0.0.1:${await freePort()}`,
        client: `127.0.0.1:${await freePort()}`,
      });
    }
    const cluster = members.map(({ name, peer }) => `${name}=http://${peer}`).join(',');
    for (const { name, peer, client } of members) {
      const argv = ['--name', name, '--data-dir', join(dir, name), '--logger', 'zap', '--log-level', 'error'];
      argv.push('--initial-advertise-peer-urls', `http://${peer}`, '--listen-peer-urls', `http://${peer}`);
      argv.push('--listen-client-urls', `http://${client}`, '--advertise-client-urls', `http://${client}`);
      argv.push('--initial-cluster', cluster, '--initial-cluster-state', 'new');
      this.#processes.push(spawn('etcd', argv, { stdio: ['ignore', 'ignore', 'inherit'] }));
      this.#clients.push(connectTo(client));
    }
    await until('etcd', async () => {
      await this.put(await this.leader(), Buffer.from('key'), Buffer.from('value'));
      return true;
    });
  }

  /** A client of the member that leads, as ours are. */
  async leader(): Promise<Client> {
    return until('a leader of etcd', async () => {
      for (const client of this.#clients) {
        const status = await call(client, STATUS, Buffer.alloc(0), 1000).catch(() => undefined);
        if (status !== undefined && isLeading(status)) return client;
      }
      return undefined;
    });
  }

  async put(client: Client, key: Buffer, value: Buffer): Promise<void> {
    await call(client, PUT, Buffer.concat([field(1, key), field(2, value)]), 10_000);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const child of this.#processes) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }
}

/** A length-delimited field of a protobuf message, of at most some kilobytes. */
function field(number: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.of((number << 3) | 2), varint(value.length), value]);
}

function varint(value: number): Buffer {
  return value < 128 ? Buffer.of(value) : Buffer.of((value & 127) | 128, value >> 7);
}

/** StatusResponse of etcd 3.4: member_id is field 2 of the header in field 1, leader is field 4; both fixed by their first bytes. */
function isLeading(status: Buffer): boolean {
  const fields = parse(status);
  const header = fields.get(1);
  const leader = fields.get(4);
  return Buffer.isBuffer(header) && leader !== undefined && parse(header).get(2) === leader;
}

/** Fields of a protobuf message by number: bytes, or a varint as a number of any size. */
function parse(bytes: Buffer): Map<number, Buffer | bigint> {
  const fields = new Map<number, Buffer | bigint>();
  let at = 0;
  const next = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(next());
    if ((tag & 7) === 2) {
      const length = Number(next());
      fields.set(tag >> 3, bytes.subarray(at, at + length));
      at += length;
    } else fields.set(tag >> 3, next());
  }
  return fields;
}
