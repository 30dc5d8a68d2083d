/** What `context create` and `update` are told of an endpoint: "host=tcp://10.0.0.1:2377,ca=ca.pem,cert=cert.pem,key=key.pem". */
import { parseAddress } from '../../proto/address.ts';
import { CliError, EXIT } from '../failure.ts';
import type { TlsFiles } from '../global-options.ts';

export interface Endpoint {
  /** As they are to be tried; all unix:// or all tcp://. */
  readonly hosts: readonly string[];
  readonly tls: TlsFiles;
}

const HINT = 'write "host=tcp://HOST:PORT,ca=FILE,cert=FILE,key=FILE"; host= once for each manager';

export function parseEndpoint(text: string): Endpoint {
  const hosts: string[] = [];
  const files = new Map<string, string>();
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=');
    const [key, value] = [pair.slice(0, Math.max(equals, 0)).trim(), pair.slice(equals + 1).trim()];
    if (equals < 1 || value === '') throw invalid(`"${pair}" is no KEY=VALUE`);
    if (key === 'host') hosts.push(value);
    else if (['ca', 'cert', 'key'].includes(key) && !files.has(key)) files.set(key, value);
    else throw unknownKey(key, value);
  }
  const tls = { ca: files.get('ca'), cert: files.get('cert'), key: files.get('key') };
  checkHosts(hosts);
  if (hosts[0]?.startsWith('unix://') && files.size > 0)
    throw invalid('a local socket is reached without certificates');
  return { hosts, tls };
}

/** Throws for none, for what is no address, and for a mixture. */
export function checkHosts(hosts: readonly string[]): void {
  if (hosts.length === 0) throw invalid('there is no host= in it');
  for (const host of hosts) {
    if (host.startsWith('ssh://')) {
      throw new CliError(`${host}: ssh is not spoken`, {
        hint: 'use tcp:// with a certificate, or "ssh -L /tmp/gantry.sock:/run/gantry/gantry.sock HOST" and unix:///tmp/gantry.sock',
        exitCode: EXIT.refused,
      });
    }
    parseAddress(host);
  }
  const isLocal = hosts.some((host) => host.startsWith('unix://'));
  if (isLocal && hosts.length > 1) throw invalid('a local socket is the only host of its context');
}

function unknownKey(key: string, value: string): CliError {
  if (key === 'skip-tls-verify' && value === 'false') return invalid('skip-tls-verify is always false; leave it out');
  if (key === 'skip-tls-verify') {
    return new CliError('skip-tls-verify is not supported: managers are always verified', {
      hint: 'give the CA with ca=FILE',
      exitCode: EXIT.refused,
    });
  }
  return invalid(`"${key}" is unknown, or is there twice`);
}

function invalid(why: string): CliError {
  return new CliError(`invalid endpoint: ${why}`, { hint: HINT, exitCode: EXIT.refused });
}
