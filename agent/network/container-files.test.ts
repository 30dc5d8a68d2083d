import { describe, expect, it } from 'vitest';
import { renderHostname, renderHosts, renderResolvConf } from './container-files.ts';
import { parseResolvConf } from './dns/resolv-conf.ts';

const hosts = { hostname: 'web', domainname: '', addresses: ['10.0.0.2'], extraHosts: [], hostGateway: '10.0.0.1' };
const host = { nameservers: ['192.0.2.53'], search: ['corp.example'], options: ['timeout:1'] };

describe('renderHosts', () => {
  it('is as Docker writes it', () => {
    expect(renderHosts(hosts)).toBe(
      [
        '127.0.0.1\tlocalhost',
        '::1\tlocalhost ip6-localhost ip6-loopback',
        'fe00::\tip6-localnet',
        'ff00::\tip6-mcastprefix',
        'ff02::1\tip6-allnodes',
        'ff02::2\tip6-allrouters',
        '10.0.0.2\tweb',
        '',
      ].join('\n'),
    );
  });

  it('names the container in full first when it has a domain', () => {
    expect(renderHosts({ ...hosts, domainname: 'example.org' })).toContain('10.0.0.2\tweb.example.org web\n');
  });

  it('has one line per address', () => {
    expect(renderHosts({ ...hosts, addresses: ['10.0.0.2', '10.1.0.2'] })).toMatch(
      /10\.0\.0\.2\tweb\n10\.1\.0\.2\tweb\n$/,
    );
  });

  it('has extra hosts, with : or =, IPv6 and host-gateway', () => {
    const text = renderHosts({ ...hosts, extraHosts: ['a:1.2.3.4', 'b=::1', 'c:[::2]', 'd:host-gateway'] });
    expect(text).toContain('1.2.3.4\ta\n::1\tb\n::2\tc\n10.0.0.1\td\n');
  });

  it.each(['a', 'a:', ':1.2.3.4', 'a b:1.2.3.4', 'a:1.2.3.4\n6.6.6.6\tbank'])('refuses %j', (entry) => {
    expect(() => renderHosts({ ...hosts, extraHosts: [entry] })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('refuses host-gateway without a way to the host', () => {
    const file = { ...hosts, extraHosts: ['d:host-gateway'], hostGateway: undefined };
    expect(() => renderHosts(file)).toThrow('no network with a gateway');
  });
});

describe('renderResolvConf', () => {
  const own = { dnsSearch: [], dnsOptions: [], host };

  it('asks the resolver of the namespace, with what the host has', () => {
    expect(renderResolvConf(own)).toBe('nameserver 127.0.0.11\nsearch corp.example\noptions timeout:1 ndots:0\n');
  });

  it('prefers what the container asked for', () => {
    const text = renderResolvConf({ ...own, dnsSearch: ['a.example', 'b.example'], dnsOptions: ['ndots:2'] });
    expect(text).toBe('nameserver 127.0.0.11\nsearch a.example b.example\noptions ndots:2\n');
  });

  it('takes "." for an empty search list', () => {
    expect(renderResolvConf({ ...own, dnsSearch: ['.'] })).not.toContain('search');
  });

  it('writes the hostname with a newline', () => {
    expect(renderHostname('web')).toBe('web\n');
  });
});

describe('parseResolvConf', () => {
  it('reads what the resolver reads', () => {
    const text = [
      '# nameserver 9.9.9.9',
      '; comment',
      'domain old.example',
      'search  a.example\tb.example',
      'nameserver 192.0.2.1',
      'nameserver fe80::1%eth0',
      'nameserver nonsense',
      'options ndots:1 rotate',
      'options edns0',
      'sortlist 1.2.3.4',
    ].join('\n');
    expect(parseResolvConf(text)).toEqual({
      nameservers: ['192.0.2.1', 'fe80::1%eth0'],
      search: ['a.example', 'b.example'],
      options: ['ndots:1', 'rotate', 'edns0'],
    });
  });
});
