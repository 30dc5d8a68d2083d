import { describe, expect, it } from 'vitest';
import { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import { MountType } from '../../proto/generated/gantry/v1/types.ts';
import { checkTemplates } from './stack-templates.ts';

type Parts = Parameters<typeof StackSpec.fromPartial>[0];
type Container = NonNullable<NonNullable<NonNullable<NonNullable<Parts>['services']>[number]['task']>['container']>;

const web = (container: Container): Parts => ({ services: [{ annotations: { name: 's_web' }, task: { container } }] });
const mount = (rest: object): Parts => web({ mounts: [{ type: MountType.VOLUME, target: '/data', ...rest }] });
const config = (text: string, templateDriver = 'golang'): Parts => ({
  configs: [{ annotations: { name: 's_conf' }, data: Buffer.from(text), templateDriver }],
});

describe('checkTemplates', () => {
  it.each([
    [
      web({ env: ['A=1', 'B={{.Nope}}'] }),
      's_web: environment variable B: bad template in line 1: <.Nope>: there is no',
    ],
    [web({ hostname: '{{' }), 's_web: hostname: bad template in line 1: unclosed action'],
    [mount({ source: '{{.X}}' }), 's_web: source of the mount at /data: bad template'],
    [mount({ target: '/data{{.X}}' }), 's_web: target of the mount at /data{{.X}}: bad template'],
    [mount({ volume: { labels: { a: '{{.X}}' } } }), 's_web: label a of the mount at /data: bad template'],
    [mount({ volume: { driverOpts: { o: '{{.X}}' } } }), 's_web: driver option o of the mount at /data: bad template'],
    [config('one\n{{.X}}'), 'config s_conf: bad template in line 2'],
    [config('', 'jinja'), 'config s_conf: there is no template driver "jinja"'],
  ])('%j', (parts, message) => {
    expect(() => checkTemplates(StackSpec.fromPartial(parts ?? {}))).toThrow(message);
  });

  it('looks only at what is a template', () => {
    const fine = [
      web({ env: ['A={{.Task.Slot}}', '{{'], labels: { a: '{{' }, command: { items: ['{{'] } }),
      config('{{', ''),
      config('{{secret "x"}}'),
    ];
    for (const parts of fine) expect(() => checkTemplates(StackSpec.fromPartial(parts ?? {}))).not.toThrow();
  });
});
