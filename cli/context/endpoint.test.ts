import { describe, expect, it } from 'vitest';
import { parseEndpoint } from './endpoint.ts';

describe('an endpoint', () => {
  it('has hosts in the order in which they are tried, and three files', () => {
    expect(parseEndpoint('host=tcp://10.0.0.1:2377,host=tcp://h2,ca=c.pem, cert=x.pem,key=k.pem')).toEqual({
      hosts: ['tcp://10.0.0.1:2377', 'tcp://h2'],
      tls: { ca: 'c.pem', cert: 'x.pem', key: 'k.pem' },
    });
    expect(parseEndpoint('host=unix:///run/x.sock').hosts).toEqual(['unix:///run/x.sock']);
  });

  it.each([
    ['tcp://h', 'is no KEY=VALUE'],
    ['host=', 'is no KEY=VALUE'],
    ['ca=x', 'there is no host= in it'],
    ['host=tcp://h,ca=a,ca=b', '"ca" is unknown, or is there twice'],
    ['host=tcp://h,skip-tls-verify=true', 'managers are always verified'],
    ['host=ssh://me@h', 'ssh is not spoken'],
    ['host=h:2377', 'invalid address "h:2377"'],
    ['host=unix:///x,host=tcp://h', 'the only host of its context'],
    ['host=unix:///x,key=k', 'reached without certificates'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => parseEndpoint(text)).toThrow(message);
  });
});
