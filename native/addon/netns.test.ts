import dgram from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { native } from './native.ts';
import { withNetlink } from './netlink.testing.ts';
import { isRoot, useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe.skipIf(!isRoot)('network namespaces', () => {
  it('makes a namespace of its own with loopback up', async () => {
    const path = await place.makeNetns();
    expect(statSync(path).ino).not.toBe(statSync('/proc/self/ns/net').ino);
    const fd = await native.socketInNetns({ netnsPath: path, type: 'tcp', address: '127.0.0.1', port: 0 });
    native.closeFd(fd);
  });

  it('leaves an existing namespace alone', async () => {
    const path = await place.makeNetns();
    const before = statSync(path).ino;
    await expect(native.createNetns(path)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(statSync(path).ino).toBe(before);
  });

  it('does not move the calling thread', async () => {
    const before = statSync('/proc/thread-self/ns/net').ino;
    const path = await place.makeNetns();
    await withNetlink(path, () => Promise.resolve());
    expect(statSync('/proc/thread-self/ns/net').ino).toBe(before);
  });

  it('leaves no file when the namespace could not be made', async () => {
    await expect(native.createNetns(join(place.directory, 'missing/netns'))).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'open',
    });
    expect(readdirSync(place.directory)).toEqual([]);
  });

  it('binds the same port in two namespaces', async () => {
    const fds = [];
    for (const name of ['a', 'b']) {
      const netnsPath = await place.makeNetns(name);
      fds.push(await native.socketInNetns({ netnsPath, type: 'udp', address: '0.0.0.0', port: 5353 }));
    }
    for (const fd of fds) native.closeFd(fd);
  });

  it('hands over sockets that dgram and net can use', async () => {
    const netnsPath = await place.makeNetns();
    const udpFd = await native.socketInNetns({ netnsPath, type: 'udp', address: '127.0.0.11', port: 53 });
    const udp = dgram.createSocket('udp4');
    const udpListening = once(udp, 'listening');
    udp.bind({ fd: udpFd });
    await udpListening;
    expect(udp.address()).toMatchObject({ address: '127.0.0.11', port: 53 });
    udp.close();
    const tcpFd = await native.socketInNetns({ netnsPath, type: 'tcp', address: '::1', port: 53 });
    const tcp = net.createServer();
    const tcpListening = once(tcp, 'listening');
    tcp.listen({ fd: tcpFd });
    await tcpListening;
    expect(tcp.address()).toMatchObject({ address: '::1', port: 53 });
    tcp.close();
  });

  it('refuses a bad socket description', async () => {
    const good = { netnsPath: '/proc/self/ns/net', type: 'udp', address: '127.0.0.1', port: 0 } as const;
    for (const bad of [{ address: 'localhost' }, { port: 65536 }, { port: 1.5 }, { type: 'sctp' }, { netnsPath: 7 }]) {
      const socket = Object.assign({}, good, bad);
      await expect(native.socketInNetns(socket)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    }
  });
});
