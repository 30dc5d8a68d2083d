import { describe, expect, it } from 'vitest';
import { validateContainerName } from '../../proto/container-name.ts';
import { ContainerConfig } from '../../proto/generated/gantry/v1/engine.ts';
import { PortProtocol } from '../../proto/generated/gantry/v1/types.ts';
import { generateName } from '../../proto/made-up-name.ts';
import { parseNetworkMode, publishedPorts } from './network-mode.ts';
import { resolvConfText } from './networking.ts';
import { parseSignal } from './signals.ts';

describe('signals', () => {
  it.each([
    ['TERM', 15],
    ['SIGTERM', 15],
    ['sigkill', 9],
    ['9', 9],
    ['SIGRTMIN', 34],
    ['RTMIN+3', 37],
    ['RTMAX-1', 63],
    ['64', 64],
  ])('%s', (text, number) => {
    expect(parseSignal(text)).toBe(number);
  });

  it.each(['', '0', '65', 'SIGNAL', 'RTMIN+31', 'RTMAX-31', '-9'])('refuses "%s"', (text) => {
    expect(() => parseSignal(text)).toThrow('unknown signal');
  });
});

describe('names', () => {
  it('are made up of an adjective and somebody’s name', () => {
    expect(
      generateName(
        (size) => Buffer.alloc(size),
        () => false,
      ),
    ).toBe('able_abel');
    expect(
      generateName(
        (size) => Buffer.alloc(size, 7),
        () => false,
      ),
    ).toMatch(/^[a-z]+_[a-z]+$/);
  });

  it('get a number when all that comes up is taken', () => {
    const name = generateName(
      (size) => Buffer.alloc(size, 1),
      (taken) => !/\d/.test(taken),
    );
    expect(name).toMatch(/^[a-z]+_[a-z]+257$/);
    expect(() => validateContainerName(name)).not.toThrow();
  });

  it.each(['', 'a', '-web', 'we b', 'web/1', 'ä1'])('refuse "%s"', (name) => {
    expect(() => validateContainerName(name)).toThrow('invalid container name');
  });
});

describe('networks', () => {
  const to = (...targets: string[]) => parseNetworkMode(targets.map((target) => ({ target, aliases: ['a'] })));

  it('are the bridge when none is named', () => {
    expect(to()).toEqual({ kind: 'networks', attachments: [{ target: 'bridge', aliases: [] }] });
    expect(to('default')).toEqual({ kind: 'networks', attachments: [{ target: 'bridge', aliases: ['a'] }] });
  });

  it('are the host’s, nobody’s, or a container’s', () => {
    expect(to('host')).toEqual({ kind: 'host' });
    expect(to('none')).toEqual({ kind: 'none' });
    expect(to('container:web')).toEqual({ kind: 'container', reference: 'web' });
    expect(() => to('host', 'net')).toThrow('network "host" can\'t be combined with others');
  });

  it('publish what the image exposes, when asked', () => {
    const config = ContainerConfig.fromPartial({ publishAll: true, ports: [{ targetPort: 80, publishedPort: 8080 }] });
    const ports = publishedPorts(config, ['80/tcp', '53/udp', '9000-9001']);
    expect(ports.map(({ targetPort, publishedPort, protocol }) => [targetPort, publishedPort, protocol])).toEqual([
      [80, 8080, PortProtocol.TCP],
      [53, 0, PortProtocol.UDP],
      [9000, 0, PortProtocol.TCP],
      [9001, 0, PortProtocol.TCP],
    ]);
    expect(publishedPorts({ ...config, publishAll: false }, ['53/udp'])).toHaveLength(1);
  });

  it('keep the host’s resolver where the container says nothing', () => {
    const host = 'nameserver 10.0.0.1\nsearch lan\noptions ndots:2\n';
    expect(resolvConfText({ dns: ['1.1.1.1', '9.9.9.9'], dnsSearch: [], dnsOptions: [] }, host)).toBe(
      'nameserver 1.1.1.1\nnameserver 9.9.9.9\nsearch lan\noptions ndots:2\n',
    );
    expect(resolvConfText({ dns: [], dnsSearch: ['a', 'b'], dnsOptions: ['rotate'] }, host)).toBe(
      'nameserver 10.0.0.1\nsearch a b\noptions rotate\n',
    );
  });
});
