import { createServer, type Server } from 'node:net';
import pino from 'pino';
import { afterEach, expect, it } from 'vitest';
import { PortConfig } from '../../proto/generated/gantry/v1/types.ts';
import { ContainerPorts } from './container-ports.ts';
import { PortReservations } from './port-reservations.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import { sandboxRequest } from './testing/lab.ts';

const HOST = '127.0.0.1';
const open: Server[] = [];
const reservations = new PortReservations();

afterEach(async () => {
  await reservations.close();
  for (const server of open.splice(0)) await new Promise((done) => server.close(done));
});

async function listen(port: number): Promise<number | undefined> {
  const server = createServer();
  const address = await new Promise<number | undefined>((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen({ host: HOST, port, exclusive: true }, () => {
      open.push(server);
      resolve(port);
    });
  });
  return address;
}

/** The first of three ports in a row, of which somebody else has the first. */
async function threePorts(): Promise<number> {
  for (let first = 21_000; first < 29_000; first += 10) {
    const taken = [await listen(first), await listen(first + 1), await listen(first + 2)];
    for (const server of open.splice(1)) await new Promise((done) => server.close(done));
    if (taken.every((one) => one !== undefined)) return first;
    for (const server of open.splice(0)) await new Promise((done) => server.close(done));
  }
  throw new Error('no three free ports');
}

const ports = new ContainerPorts({
  model: { publishes: () => true, defaultNetwork6: () => undefined },
  reservations,
  logger: pino({ level: 'silent' }),
});

async function published(id: string, port: PortConfig, before: readonly PortConfig[] = []): Promise<PortConfig[]> {
  const request = sandboxRequest(id, { ports: [port] });
  const record = { request, ports: before } as unknown as SandboxRecord;
  return [...(await ports.reserve(record)).ports];
}

it('takes a port of a range that nobody has, and the same one again', async () => {
  const first = await threePorts();
  const range = PortConfig.create({ targetPort: 80, publishedPort: first, publishedLast: first + 2, hostIp: HOST });
  const one = { ...PortConfig.create({ targetPort: 80, hostIp: HOST }), publishedPort: first + 1 };
  expect(await published('a', range)).toEqual([one]);
  expect(await published('b', range)).toEqual([{ ...one, publishedPort: first + 2 }]);
  await expect(published('c', range)).rejects.toThrow(`no port of ${first}-${first + 2} is free`);
  await reservations.release('a');
  await reservations.release('b');
  expect(await published('b', range, [{ ...one, publishedPort: first + 2 }])).toEqual([
    { ...one, publishedPort: first + 2 },
  ]);
  // What it had is no longer one of those that it may have.
  const other = { ...range, publishedLast: first + 1 };
  expect(await published('b2', other, [{ ...one, publishedPort: first + 2 }])).toEqual([one]);
});
