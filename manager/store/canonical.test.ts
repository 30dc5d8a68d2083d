import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canonical, MAP_FIELDS } from './canonical.ts';

describe('canonical', () => {
  it('knows all maps of the protocol', () => {
    const types = readFileSync(join(import.meta.dirname, '../../proto/gantry/v1/types.proto'), 'utf8');
    const names = [...types.matchAll(/^\s*map<.*> (\w+) = /gm)].map(([, name = '']) => camelCase(name));
    expect(new Set(names)).toEqual(MAP_FIELDS);
  });

  it('orders maps at any depth, and lets nothing be changed', () => {
    const message = canonical({ spec: { labels: { b: '1', a: '2' }, mounts: [{ driverOpts: { z: '', y: '' } }] } });
    expect(JSON.stringify(message)).toBe(
      '{"spec":{"labels":{"a":"2","b":"1"},"mounts":[{"driverOpts":{"y":"","z":""}}]}}',
    );
    expect(() => Object.assign(message.spec.labels, { c: '3' })).toThrow(TypeError);
  });
});

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
