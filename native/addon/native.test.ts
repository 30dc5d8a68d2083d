import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../test/lab/until.ts';
import { native, type OverlayMount } from './native.ts';

const isRoot = process.getuid?.() === 0;
const MNT_DETACH = 2;
const NETLINK_ROUTE = 0;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_DELLINK = 17;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLM_F_CREATE = 0x400;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

let directory: string;
let mounts: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-native-'));
  mounts = [];
});

afterEach(async () => {
  for (const target of mounts.reverse()) await native.unmount(target, MNT_DETACH);
  rmSync(directory, { recursive: true });
});

function make(name: string, files: Record<string, string> = {}): string {
  const path = join(directory, name);
  mkdirSync(path);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
  return path;
}

async function makeNetns(name = 'netns'): Promise<string> {
  const path = join(directory, name);
  await native.createNetns(path);
  mounts.push(path);
  return path;
}

/** A netlink message: struct nlmsghdr, struct ifinfomsg, IFLA_IFNAME if there is a name, IFLA_LINKINFO bridge. */
function linkMessage(type: number, flags: number, sequence: number, name = ''): Buffer {
  const attributes = name === '' ? [] : [attribute(3, Buffer.from(`${name}\0`))];
  if (type === RTM_NEWLINK) attributes.push(attribute(18, attribute(1, Buffer.from('bridge\0'))));
  const body = Buffer.concat([Buffer.alloc(16), ...attributes]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags | NLM_F_REQUEST, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body]);
}

function attribute(type: number, data: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(data.length / 4) * 4);
  padded.writeUInt16LE(4 + data.length, 0);
  padded.writeUInt16LE(type, 2);
  data.copy(padded, 4);
  return padded;
}

interface Answer {
  readonly type: number;
  readonly error: number;
}

function answersIn(datagrams: readonly Buffer[]): Answer[] {
  const answers: Answer[] = [];
  for (const datagram of datagrams) {
    for (let at = 0; at + 16 <= datagram.length; at += (datagram.readUInt32LE(at) + 3) & ~3) {
      const type = datagram.readUInt16LE(at + 4);
      answers.push({ type, error: type === NLMSG_ERROR ? datagram.readInt32LE(at + 16) : 0 });
    }
  }
  return answers;
}

async function withNetlink<T>(netns: string | null, use: (fd: number) => Promise<T>): Promise<T> {
  const fd = await native.netlinkOpen(netns, NETLINK_ROUTE);
  try {
    return await use(fd);
  } finally {
    native.closeFd(fd);
  }
}

describe.skipIf(!isRoot)('network namespaces', () => {
  it('makes a namespace of its own with loopback up', async () => {
    const path = await makeNetns();
    expect(statSync(path).ino).not.toBe(statSync('/proc/self/ns/net').ino);
    const fd = await native.socketInNetns({ netnsPath: path, type: 'tcp', address: '127.0.0.1', port: 0 });
    native.closeFd(fd);
  });

  it('leaves an existing namespace alone', async () => {
    const path = await makeNetns();
    const before = statSync(path).ino;
    await expect(native.createNetns(path)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(statSync(path).ino).toBe(before);
  });

  it('does not move the calling thread', async () => {
    const before = statSync('/proc/thread-self/ns/net').ino;
    const path = await makeNetns();
    await withNetlink(path, () => Promise.resolve());
    expect(statSync('/proc/thread-self/ns/net').ino).toBe(before);
  });

  it('leaves no file when the namespace could not be made', async () => {
    await expect(native.createNetns(join(directory, 'missing/netns'))).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'open',
    });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('binds the same port in two namespaces', async () => {
    const fds = [];
    for (const name of ['a', 'b']) {
      const netnsPath = await makeNetns(name);
      fds.push(await native.socketInNetns({ netnsPath, type: 'udp', address: '0.0.0.0', port: 5353 }));
    }
    for (const fd of fds) native.closeFd(fd);
  });

  it('hands over sockets that dgram and net can use', async () => {
    const netnsPath = await makeNetns();
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

describe.skipIf(!isRoot)('netlink', () => {
  it('creates, finds and deletes a link in a namespace', async () => {
    await withNetlink(await makeNetns(), async (fd) => {
      const created = await native.netlinkRequest(fd, linkMessage(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE, 1, 'd0'), 1);
      expect(answersIn(created)).toEqual([{ type: NLMSG_ERROR, error: 0 }]);
      const dump = answersIn(await native.netlinkRequest(fd, linkMessage(RTM_GETLINK, NLM_F_DUMP, 2), 1));
      expect(dump.filter((answer) => answer.type === RTM_NEWLINK)).toHaveLength(2);
      expect(dump.at(-1)?.type).toBe(NLMSG_DONE);
      const deleted = await native.netlinkRequest(fd, linkMessage(RTM_DELLINK, NLM_F_ACK, 3, 'd0'), 1);
      expect(answersIn(deleted)).toEqual([{ type: NLMSG_ERROR, error: 0 }]);
    });
  });

  it('returns errors in acknowledgements as data', async () => {
    await withNetlink(await makeNetns(), async (fd) => {
      const answer = await native.netlinkRequest(fd, linkMessage(RTM_DELLINK, NLM_F_ACK, 1, 'none'), 1);
      expect(answersIn(answer)).toEqual([{ type: NLMSG_ERROR, error: -19 }]);
    });
  });

  it('returns what there is when a refused batch gets fewer answers than expected', async () => {
    await withNetlink(await makeNetns(), async (fd) => {
      const answer = await native.netlinkRequest(fd, linkMessage(RTM_DELLINK, NLM_F_ACK, 1, 'none'), 5);
      expect(answersIn(answer)).toHaveLength(1);
    });
  });

  it('receives a batch of more acknowledgements than a socket buffer holds by default', async () => {
    await withNetlink(await makeNetns(), async (fd) => {
      const messages = Array.from({ length: 2000 }, (_, i) => linkMessage(RTM_DELLINK, NLM_F_ACK, i + 1, 'none'));
      const answers = answersIn(await native.netlinkRequest(fd, Buffer.concat(messages), messages.length));
      expect(answers.filter((answer) => answer.error === -19)).toHaveLength(2000);
    });
  });

  it('receives a dump of many parts', async () => {
    await withNetlink(await makeNetns(), async (fd) => {
      const messages = Array.from({ length: 30 }, (_, i) =>
        linkMessage(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE, i + 1, `d${i}`),
      );
      await native.netlinkRequest(fd, Buffer.concat(messages), messages.length);
      const dump = await native.netlinkRequest(fd, linkMessage(RTM_GETLINK, NLM_F_DUMP, 1000), 1);
      expect(dump.length).toBeGreaterThan(2);
      expect(answersIn(dump).filter((answer) => answer.type === RTM_NEWLINK)).toHaveLength(31);
    });
  });

  it('gives each of many requests at once its own answers', async () => {
    await withNetlink(await makeNetns(), async (fd) => {
      const answers = await Promise.all(
        Array.from({ length: 32 }, (_, i) => native.netlinkRequest(fd, linkMessage(RTM_GETLINK, NLM_F_DUMP, i + 1), 1)),
      );
      answers.forEach((datagrams, i) => {
        expect(datagrams.every((datagram) => datagram.readUInt32LE(8) === i + 1)).toBe(true);
      });
    });
  });

  it('passes on what the kernel tells, of the types asked for, until the stream is closed', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    const netns = await makeNetns();
    const before = threads();
    const RTMGRP_LINK = 1;
    const fd = await native.netlinkSubscribe(netns, NETLINK_ROUTE, RTMGRP_LINK, [RTM_DELLINK]);
    const stream = new net.Socket({ fd });
    const told: Buffer[] = [];
    stream.on('data', (bytes) => told.push(bytes));
    await withNetlink(netns, async (socket) => {
      await native.netlinkRequest(socket, linkMessage(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE, 1, 'd0'), 1);
      await native.netlinkRequest(socket, linkMessage(RTM_DELLINK, NLM_F_ACK, 2, 'd0'), 1);
    });
    await until('the end of the link to be told', async () => told.length > 0);
    expect(answersIn(told).map(({ type }) => type)).toEqual([RTM_DELLINK]);
    stream.destroy();
    await until('the thread to end', async () => threads() <= before);
  });

  it('says that messages were lost rather than nothing', async () => {
    const netns = await makeNetns();
    const stream = new net.Socket({ fd: await native.netlinkSubscribe(netns, NETLINK_ROUTE, 1, [RTM_NEWLINK]) });
    const changes = Array.from({ length: 3000 }, (_, i) => `link set lo alias ${i}\n`);
    // Nobody reads meanwhile.
    execFileSync('nsenter', [`--net=${netns}`, 'ip', '-batch', '-'], { input: changes.join('') });
    const told: Buffer[] = [];
    stream.on('data', (bytes) => told.push(bytes));
    const NLMSG_OVERRUN = 4;
    await until('the overrun to be told', async () =>
      answersIn([Buffer.concat(told)]).some(({ type }) => type === NLMSG_OVERRUN),
    );
    stream.destroy();
  });

  it('ignores late answers to an earlier request', async () => {
    await withNetlink(await makeNetns(), async (fd) => {
      await native.netlinkRequest(fd, linkMessage(RTM_DELLINK, NLM_F_ACK, 1, 'none'), 0);
      const dump = await native.netlinkRequest(fd, linkMessage(RTM_GETLINK, NLM_F_DUMP, 2), 1);
      expect(answersIn(dump).at(-1)?.type).toBe(NLMSG_DONE);
    });
  });

  it('refuses what is not a sequence of whole messages', async () => {
    await withNetlink(null, async (fd) => {
      const tooLong = linkMessage(RTM_GETLINK, NLM_F_DUMP, 1);
      tooLong.writeUInt32LE(1 << 30, 0);
      for (const bad of [Buffer.alloc(0), Buffer.alloc(7), Buffer.alloc(64), tooLong]) {
        await expect(native.netlinkRequest(fd, bad, 1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
      }
    });
    await expect(native.netlinkRequest(-1, Buffer.alloc(16), 1)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});

describe.skipIf(!isRoot)('mounts', () => {
  it('mounts and unmounts a tmpfs', async () => {
    const target = make('tmpfs');
    await native.mount('tmpfs', target, 'tmpfs', 0, 'size=64k,mode=0711');
    expect(statSync(target).mode & 0o777).toBe(0o711);
    await native.unmount(target, 0);
    expect(statSync(target).mode & 0o777).not.toBe(0o711);
  });

  it('rejects like Node does', async () => {
    const target = join(directory, 'missing');
    await expect(native.mount('tmpfs', target, 'tmpfs', 0, '')).rejects.toMatchObject({
      code: 'ENOENT',
      errno: -2,
      syscall: 'mount',
      message: `ENOENT: No such file or directory, mount '${target}'`,
    });
    await expect(native.unmount(`${directory}\0/etc`, 0)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('mounts an overlay whose upper directory takes the writes', async () => {
    const lower = [make('l1', { same: 'top' }), make('l2', { same: 'bottom', only: 'two' })];
    const target = make('merged');
    const upper = make('upper');
    await native.mountOverlay({ lower, upper, work: make('work'), target, durability: 'durable' });
    mounts.push(target);
    writeFileSync(join(target, 'new'), 'x');
    expect(readFileSync(join(target, 'same'), 'utf8')).toBe('top');
    expect(readFileSync(join(target, 'only'), 'utf8')).toBe('two');
    expect(readdirSync(upper)).toEqual(['new']);
  });

  it('mounts 200 layers, and paths that options could not hold', async () => {
    const long = make('x'.repeat(200));
    const layers = Array.from({ length: 200 }, (_, i) => {
      const path = join(long, `layer,${i}:${'y'.repeat(100)}`);
      mkdirSync(path);
      writeFileSync(join(path, `file${i}`), '');
      return path;
    });
    const target = make('merged');
    await native.mountOverlay({ lower: layers, upper: null, work: null, target, durability: 'durable' });
    mounts.push(target);
    expect(readdirSync(target)).toHaveLength(200);
    expect(() => writeFileSync(join(target, 'new'), '')).toThrow(/EROFS/);
  });

  it('mounts a single layer read-only', async () => {
    const target = make('merged');
    await native.mountOverlay({
      lower: [make('l1', { file: 'x' })],
      upper: null,
      work: null,
      target,
      durability: 'durable',
    });
    mounts.push(target);
    expect(readdirSync(target)).toEqual(['file']);
    expect(() => writeFileSync(join(target, 'new'), '')).toThrow(/EROFS/);
  });

  it('names a missing layer as an error and refuses bad descriptions', async () => {
    const target = make('merged');
    const overlay: OverlayMount = {
      lower: [join(directory, 'a'), join(directory, 'b')],
      upper: null,
      work: null,
      target,
      durability: 'durable',
    };
    await expect(native.mountOverlay(overlay)).rejects.toMatchObject({ code: 'ENOENT' });
    for (const bad of [
      { lower: [] },
      { lower: [1] },
      { upper: target },
      { target: undefined },
      { durability: 'no' },
      { durability: 'volatile' },
    ]) {
      const description = Object.assign({}, overlay, bad);
      await expect(native.mountOverlay(description as typeof overlay)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
      });
    }
  });
});

describe.skipIf(!isRoot)('files', () => {
  it('writes, lists, reads and removes extended attributes, empty ones too', () => {
    const path = make('attributes');
    native.setXattr(path, 'trusted.a', Buffer.from([0, 1, 2]));
    native.setXattr(path, 'user.empty', new Uint8Array(0));
    expect(new Set(native.listXattr(path))).toEqual(new Set(['trusted.a', 'user.empty']));
    expect(native.getXattr(path, 'trusted.a')).toEqual(Buffer.from([0, 1, 2]));
    expect(native.getXattr(path, 'user.empty')).toEqual(Buffer.alloc(0));
    expect(native.getXattr(path, 'user.none')).toBeNull();
    native.removeXattr(path, 'trusted.a');
    expect(native.listXattr(path)).toEqual(['user.empty']);
  });

  it('takes names that are not UTF-8', () => {
    const path = Buffer.concat([Buffer.from(`${directory}/`), Buffer.of(0xff, 0xfe)]);
    native.mknod(path, 0o100644, 0, 0);
    native.setXattr(path, 'user.a', Buffer.from('b'));
    expect(native.listXattr(path)).toEqual(['user.a']);
    expect(readdirSync(directory, { encoding: 'buffer' })).toEqual([Buffer.of(0xff, 0xfe)]);
    expect(() => native.listXattr(Buffer.of(0x2f, 0))).toThrow(/NUL/);
  });

  it('reads no attributes where the file system has none', () => {
    expect(native.listXattr('/proc/self/stat')).toEqual([]);
    expect(native.getXattr('/proc/self/stat', 'user.x')).toBeNull();
  });

  it('throws for a missing file', () => {
    expect(() => native.listXattr(join(directory, 'none'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('makes device nodes and pipes with exact modes', () => {
    const device = join(directory, 'null');
    native.mknod(device, 0o020666, 1, 3);
    expect(statSync(device).rdev).toBe(0x103);
    expect(statSync(device).mode).toBe(0o020666);
    const pipe = join(directory, 'pipe');
    native.mknod(pipe, 0o010620, 0, 0);
    expect(statSync(pipe).isFIFO()).toBe(true);
    expect(() => native.mknod(pipe, 0o010620, 0, 0)).toThrow(/EEXIST/);
    expect(() => native.mknod(pipe, 0o010620, 1 << 20, 0)).toThrow(/major/);
  });

  it('locks a file for one opener at a time', () => {
    const path = join(directory, 'lock');
    const first = openSync(path, 'w');
    const second = openSync(path, 'w');
    expect(native.tryLock(first)).toBe(true);
    expect(native.tryLock(second)).toBe(false);
    closeSync(first);
    expect(native.tryLock(second)).toBe(true);
    native.closeFd(second);
    expect(() => native.closeFd(second)).toThrow(/EBADF/);
  });
});

describe('spreadSubdirectories', () => {
  it('marks a directory, once and again, and says where that means nothing', () => {
    const own = mkdtempSync(join(tmpdir(), 'gantry-spread-'));
    try {
      const isKnown = native.spreadSubdirectories(own);
      expect(native.spreadSubdirectories(own)).toBe(isKnown);
      if (isKnown && existsSync('/usr/bin/lsattr'))
        expect(execFileSync('lsattr', ['-d', own], { encoding: 'utf8' }).split(' ')[0]).toContain('T');
    } finally {
      rmSync(own, { recursive: true });
    }
    expect(native.spreadSubdirectories('/proc/self')).toBe(false);
    expect(() => native.spreadSubdirectories('/proc/none')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

describe('arguments', () => {
  it('never crashes on what is not an argument', async () => {
    const junk = [undefined, null, 1.5, -1, {}, [], Symbol('x'), () => 0, Number.NaN, new Float64Array(2)];
    for (const method of Object.values(native) as ((...values: unknown[]) => unknown)[]) {
      if (method === native.closeFd || method === native.tryLock) continue;
      for (const value of junk) {
        const values = [value, value, value, value, value];
        await expect((async () => method(...values))()).rejects.toBeInstanceOf(Error);
      }
    }
    expect(existsSync(directory)).toBe(true);
  });
});

describe('daemons', () => {
  const run = (script: string) => native.spawnDaemon(['/bin/sh', '-c', script], ['NAME=x y', 'PATH=/bin:/usr/bin'], -1);

  it('gives what one prints until it is ready, and reaps it after its end', async () => {
    const { pid, output } = await run('echo "$NAME at $PWD"; exec sleep 60 >/dev/null');
    expect(output).toBe('x y at /\n');
    // The thread that starts it has all signals blocked.
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toContain('SigBlk:\t0000000000000000');
    expect(native.reap(pid)).toBe(false);
    process.kill(pid, 'SIGKILL');
    await until('it to end', () => native.reap(pid));
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(native.reap(pid)).toBe(true);
  });

  it('is executed from a mount that nobody can write through', async () => {
    const shell = join(directory, 'sh');
    copyFileSync('/bin/sh', shell);
    const executable = native.openReadOnlyMount(shell);
    try {
      const { pid, output } = await native.spawnDaemon(
        ['name', '-c', 'echo up; exec >/dev/null; read x'],
        [],
        executable,
      );
      expect(output).toBe('up\n');
      await until('it to end', () => native.reap(pid));
      expect(() => openSync(`/proc/self/fd/${executable}`, 'r+')).toThrow('EROFS');
    } finally {
      native.closeFd(executable);
    }
    expect(() => native.openReadOnlyMount('/no/such')).toThrow('ENOENT');
  });

  it('refuses a program that is not there, and no program', async () => {
    await expect(native.spawnDaemon(['/no/such'], [], -1)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(native.spawnDaemon([], [], -1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});
