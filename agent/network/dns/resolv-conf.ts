/** Reading resolv.conf(5). */
import { isIP } from 'node:net';

export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** As the resolver reads it: the last `domain` or `search` line counts, options add up, comments begin with # or ;. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    if (/^\s*[#;]/.test(line)) continue;
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'nameserver') nameservers.push(...values.slice(0, 1).filter(isUsable));
    else if (keyword === 'search' || keyword === 'domain') search = values;
    else if (keyword === 'options') options.push(...values);
  }
  return { nameservers, search, options };
}

/** An address, possibly with a zone: "fe80::1%eth0". */
function isUsable(address: string): boolean {
  return isIP(address.replace(/%.*$/, '')) !== 0;
}
