import { describe, expect, it } from 'vitest';
import { PortConfig, PortProtocol } from '../../proto/generated/gantry/v1/types.ts';
import { displayPorts, displayServicePorts } from './ports.ts';

function port(targetPort: number, publishedPort: number, more: Partial<PortConfig> = {}): PortConfig {
  return PortConfig.create({ targetPort, publishedPort, ...more });
}

describe('displayPorts', () => {
  it.each<[string, PortConfig[], string]>([
    ['none', [], ''],
    ['one on all addresses', [port(80, 8080)], '0.0.0.0:8080->80/tcp'],
    ['one on an address', [port(80, 8080, { hostIp: '127.0.0.1' })], '127.0.0.1:8080->80/tcp'],
    ['an IPv6 address', [port(80, 8080, { hostIp: '::1' })], '[::1]:8080->80/tcp'],
    ['a range', [port(82, 8002), port(80, 8000), port(81, 8001)], '0.0.0.0:8000-8002->80-82/tcp'],
    [
      'neighbours that are published apart',
      [port(80, 8000), port(81, 9000)],
      '0.0.0.0:8000->80/tcp, 0.0.0.0:9000->81/tcp',
    ],
    [
      'both protocols',
      [port(53, 53, { protocol: PortProtocol.UDP }), port(53, 53)],
      '0.0.0.0:53->53/tcp, 0.0.0.0:53->53/udp',
    ],
    ['not published', [port(80, 0)], '80/tcp'],
  ])('%s', (_, ports, expected) => {
    expect(displayPorts(ports)).toBe(expected);
  });
});

describe('displayServicePorts', () => {
  it('are published on every node', () => {
    expect(displayServicePorts([port(80, 8080)])).toBe('*:8080->80/tcp');
  });
});
