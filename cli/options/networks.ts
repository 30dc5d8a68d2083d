/** --network. */
import type { NetworkAttachmentConfig } from '../../proto/generated/gantry/v1/types.ts';
import { invalidFlag } from '../command-line.ts';

const HINT =
  'write NAME or name=NAME,alias=ALIAS,ip=ADDRESS,ip6=ADDRESS,mac-address=ADDRESS,driver-opt=com.docker.network.endpoint.ifname=NAME';
/** Docker's word for the name of the interface in the container. */
const IFNAME = 'driver-opt=com.docker.network.endpoint.ifname=';

/** Chosen ones. */
export interface FixedAddresses {
  readonly ip?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly mac?: string | undefined;
  readonly linkLocalIps?: readonly string[] | undefined;
}

/** NAME, or name=NAME,alias=ALIAS,ip=ADDRESS,ip6=ADDRESS,mac-address=ADDRESS. `aliases` and `fixed`: from other flags. */
export function parseNetwork(
  flag: string,
  text: string,
  aliases: readonly string[],
  fixed: FixedAddresses = {},
): NetworkAttachmentConfig {
  if (text === '') throw invalidFlag(flag, text, HINT);
  const attachment = attachmentOf('', aliases, fixed);
  if (!text.includes('=')) return { ...attachment, target: text };
  for (const field of text.split(',')) {
    if (field.startsWith(IFNAME)) {
      attachment.interfaceName = field.slice(IFNAME.length);
      continue;
    }
    const [key, value = ''] = field.split('=');
    if (key === 'name') attachment.target = value;
    else if (key === 'alias') attachment.aliases.push(value);
    else if (key === 'ip') attachment.ip = value;
    else if (key === 'mac-address') attachment.mac = value;
    else if (key === 'ip6') attachment.ipv6 = value;
    else throw invalidFlag(flag, text, HINT);
  }
  if (attachment.target === '') throw invalidFlag(flag, text, HINT);
  return attachment;
}

/** Unset fields are left out, as they are in messages. */
export function attachmentOf(
  target: string,
  aliases: readonly string[],
  { ip, ipv6, mac, linkLocalIps = [] }: FixedAddresses = {},
): NetworkAttachmentConfig {
  return {
    target,
    aliases: [...aliases],
    ...(ip === undefined ? {} : { ip }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(mac === undefined ? {} : { mac }),
    ...(linkLocalIps.length === 0 ? {} : { linkLocalIps: { items: [...linkLocalIps] } }),
  };
}
