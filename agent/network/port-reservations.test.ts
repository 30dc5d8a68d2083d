import { afterEach, describe, expect, it } from 'vitest';
import { PortConfig, PortProtocol } from '../../proto/generated/gantry/v1/types.ts';
import { type PortOwner, PortReservations } from './port-reservations.ts';

const reservations = new PortReservations();

afterEach(() => reservations.close());

const owner = (id: string): PortOwner => ({ kind: 'container', id, name: id });
const sctp = (publishedPort: number, hostIp = ''): PortConfig =>
  PortConfig.create({ protocol: PortProtocol.SCTP, targetPort: 3868, publishedPort, hostIp });

describe('ports of SCTP', () => {
  it('are held among ours', async () => {
    expect(await reservations.reserve(sctp(3868), owner('a'))).toMatchObject({ publishedPort: 3868 });
    await expect(reservations.reserve(sctp(3868), owner('b'))).rejects.toThrow(
      'port 3868/sctp is in use by container a',
    );
    await expect(reservations.reserve(sctp(3868, '127.0.0.1'), owner('b'))).rejects.toThrow('is in use by container a');
    expect(await reservations.holderOf(sctp(3868))).toBe('container a');
    await reservations.release('a');
    expect(await reservations.holderOf(sctp(3868))).toBeUndefined();
    await reservations.reserve(sctp(3868), owner('b'));
  });

  it('keep away nobody of another protocol, nor on another address', async () => {
    await reservations.reserve(sctp(23_868, '127.0.0.1'), owner('a'));
    await reservations.reserve(sctp(23_868, '127.0.0.2'), owner('b'));
    await reservations.reserve({ ...sctp(23_868), protocol: PortProtocol.TCP }, owner('c'));
  });

  it('are chosen where none is said', async () => {
    const chosen = await Promise.all(['a', 'b'].map((id) => reservations.reserve(sctp(0), owner(id))));
    expect(chosen.map(({ publishedPort }) => publishedPort)).toEqual([32_768, 32_769]);
  });

  it('are not on ::1, where gantryd itself passes on what comes', async () => {
    await expect(reservations.reserve(sctp(3868, '::1'), owner('a'))).rejects.toThrow(
      'only tcp can be published on ::1',
    );
  });
});
