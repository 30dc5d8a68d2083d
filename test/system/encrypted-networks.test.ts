/** Encrypted networks on hosts whose kernel has no WireGuard: refused, wherever they are asked for, and nothing is made. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output, runCommand } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';

let lan: Lan;
let host: Host;
let hasWireguard: boolean;

beforeAll(async () => {
  lan = await Lan.create('encrypt', 1);
  [host] = lan.hosts as [Host];
  hasWireguard = (await runCommand(host.inside(['ip', 'link', 'add', 'trial', 'type', 'wireguard']))).code === 0;
  if (hasWireguard) await output(host.inside(['ip', 'link', 'del', 'trial']));
  await host.start();
  await importBusybox(host);
  await host.ok(['cluster', 'init', '--advertise-addr', host.address]);
});

afterAll(() => lan.destroy());

const REFUSAL =
  /network \S+ is to be encrypted, which no node of the cluster can do \(\S+: its kernel has no WireGuard\).*modprobe wireguard.*leave the option out/s;

describe('a cluster without WireGuard', () => {
  it('refuses to make an encrypted network, and makes nothing', async ({ skip }) => {
    if (hasWireguard) skip();
    const { code, stderr } = await host.gantry(['network', 'create', '-d', 'overlay', '--opt', 'encrypted', 'secret']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(REFUSAL)]);
    expect(await host.ok(['network', 'ls', '-q', '--filter', 'type=custom'])).toBe('');
  });

  it('refuses a stack with one, and makes nothing of it', async ({ skip }) => {
    if (hasWireguard) skip();
    const stack = `
services: {web: {image: busybox, command: sleep 1000, networks: [secret]}}
networks: {secret: {driver: overlay, driver_opts: {encrypted: "true"}}}
`;
    const { code, stderr } = await host.gantry(['stack', 'deploy', '-c', '-', 'shop'], { stdin: stack });
    expect([code, stderr]).toEqual([1, expect.stringMatching(REFUSAL)]);
    expect(await host.ok(['stack', 'ls', '--format', '{{.Name}}'])).toBe('');
    expect(await host.ok(['network', 'ls', '-q', '--filter', 'type=custom'])).toBe('');
  });

  it('keeps no key, and no namespace', async ({ skip }) => {
    if (hasWireguard) skip();
    expect(existsSync(join(host.dataRoot, 'network/wireguard.key'))).toBe(false);
    expect(existsSync(join(host.execRoot, 'network/encryption/wireguard'))).toBe(false);
    const { code, stdout } = await host.gantry(['network', 'doctor']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('All is well')]);
  });
});
