/** `ports` of a service in long form: target is a number, published a string. */
import { isIP } from 'node:net';
import { parsePort } from '../forms/port.ts';
import type { Cursor } from '../syntax/cursor.ts';
import type { Json, JsonObject } from './json.ts';
import { withOrigins } from './origins.ts';
import { integer, type Mode, object, type Read, text, textOrNumber } from './read.ts';

const target = integer(0, 65535);

const LONG = object(
  {
    name: text,
    mode: text,
    host_ip: (cursor, mode) => {
      const address = text(cursor, mode);
      if (isIP(address) !== 0 || address.includes('$')) return address;
      throw cursor.problem(`"${address}" is not an address`, 'write an IP address');
    },
    target,
    published: textOrNumber,
    protocol: text,
    app_protocol: text,
  },
  ['target'],
);

/** A range in the short form is several. */
export const ports: Read = (cursor, mode) => {
  const origins: number[] = [];
  let index = -1;
  const found = cursor.items((item) => {
    index += 1;
    const ofItem = entries(item, mode);
    for (const _ of ofItem) origins.push(index);
    return ofItem;
  });
  return withOrigins(found.flat(), origins);
};

function entries(item: Cursor, mode: Mode): Json[] {
  if (item.tree.kind === 'mapping') {
    const read = LONG(item, mode);
    return read === undefined ? [] : [{ mode: 'ingress', protocol: 'tcp', ...(read as JsonObject) }];
  }
  const written = String(textOrNumber(item, mode));
  const forms = parsePort(written);
  if (typeof forms === 'string') {
    if (!mode.interpolates && written.includes('$')) return [written];
    throw item.problem(
      `invalid port "${written}": ${forms}`,
      'write "PUBLISHED:TARGET", as in "8080:80" or "127.0.0.1:8080:80/udp"',
    );
  }
  return forms.map(({ hostIp, target: port, published, protocol }) => ({
    mode: 'ingress',
    ...(hostIp === '' ? {} : { host_ip: hostIp }),
    target: port,
    ...(published === '' ? {} : { published }),
    protocol,
  }));
}
