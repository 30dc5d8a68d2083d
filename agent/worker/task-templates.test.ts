import { describe, expect, it } from 'vitest';
import { Config, MountType, Secret, Task } from '../../proto/generated/gantry/v1/types.ts';
import { type TaskMaterial, taskFiles } from './task-container.ts';
import { expandContainer, type NodeFacts } from './task-templates.ts';

const NODE: NodeFacts = { hostname: 'alpha', platform: { os: 'linux', architecture: 'arm64' } };

function task(container: object, slot = 3): Task {
  return Task.fromPartial({
    id: 't1',
    serviceId: 'svc1',
    serviceName: 'shop_web',
    slot,
    nodeId: 'n1',
    spec: { container },
    serviceLabels: { tier: 'front' },
  });
}

describe('expandContainer', () => {
  it('expands environment, host name and mounts, and nothing else', () => {
    const mounts = [
      { type: MountType.VOLUME, source: 'data-{{.Task.Slot}}', target: '/data/{{.Service.Name}}' },
      { type: MountType.BIND, source: '/srv/{{.Node.Hostname}}', target: '/srv' },
      {
        ...{ type: MountType.VOLUME, source: 'v', target: '/v' },
        volume: { driverOpts: { o: 'size={{.Task.Slot}}m' }, labels: { node: '{{.Node.ID}}' } },
      },
    ];
    const env = [
      'A={{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}',
      'B={{.Service.Labels.tier}}',
      'PLAIN',
      'C==x',
    ];
    const command = { items: ['{{.Task.ID}}'] };
    const spec = expandContainer(task({ env, hostname: '{{.Service.Name}}-{{.Task.Slot}}', mounts, command }), NODE);
    expect(spec.env).toEqual(['A=linux/arm64', 'B=front', 'PLAIN', 'C==x']);
    expect(spec.hostname).toBe('shop_web-3');
    expect(spec.mounts).toMatchObject([
      { source: 'data-3', target: '/data/shop_web' },
      { source: '/srv/alpha', target: '/srv' },
      { volume: { driverOpts: { o: 'size=3m' }, labels: { node: 'n1' } } },
    ]);
    expect(spec.command).toEqual(command);
  });

  it('names the node in the place of a slot where there are no slots', () => {
    const env = ['NAME={{.Task.Name}}', 'SLOT={{.Task.Slot}}'];
    expect(expandContainer(task({ env }, 0), NODE).env).toEqual(['NAME=shop_web.n1.t1', 'SLOT=n1']);
  });

  it('leaves the task as it is', () => {
    const given = task({ env: ['A={{.Task.ID}}'] });
    expandContainer(given, NODE);
    expect(given.spec?.container?.env).toEqual(['A={{.Task.ID}}']);
  });
});

describe('the files of a task', () => {
  const CONTAINER = {
    env: ['LEVEL=debug on {{.Node.Hostname}}'],
    secrets: [{ id: 's1', name: 'shop_password', target: '/run/secrets/password' }],
    configs: [
      { id: 'c1', name: 'shop_app', target: '/etc/app.conf' },
      { id: 'c2', name: 'shop_base', target: '/base' },
    ],
  };

  function contents(text: string, templateDriver = 'golang', secret = Buffer.from('hunter2')): string[] {
    const material: TaskMaterial = {
      secrets: new Map([['s1', Secret.fromPartial({ id: 's1', spec: { data: secret } })]]),
      configs: new Map([
        [
          'c1',
          Config.fromPartial({ spec: { annotations: { name: 'shop_app' }, data: Buffer.from(text), templateDriver } }),
        ],
        ['c2', Config.fromPartial({ spec: { data: Buffer.from('{{.Task.ID}}') } })],
      ]),
      networks: new Set(),
      credentials: new Map(),
    };
    const given = task(CONTAINER);
    const files = taskFiles(given, material, NODE, expandContainer(given, NODE));
    return files.map(({ data }) => Buffer.from(data).toString());
  }

  it('are expanded where they have a template driver, with what else the task has', () => {
    const text = 'level={{env "LEVEL"}} password={{secret "password"}} slot={{.Task.Slot}}';
    expect(contents(text)[1]).toBe('level=debug on alpha password=hunter2 slot=3');
  });

  it('are taken as they are without one, also where another asks for them', () => {
    expect(contents('{{.Task.ID}}', '')).toEqual(['hunter2', '{{.Task.ID}}', '{{.Task.ID}}']);
    expect(contents('{{config "base"}} {{config "/base"}}')[1]).toBe('{{.Task.ID}} {{.Task.ID}}');
  });

  it('that name what the task has not got are refused, with the name', () => {
    expect(() => contents('{{secret "other"}}')).toThrow(
      'expand the template in shop_app of shop_web: <secret "other">: the service has no secret with the target "other"',
    );
  });

  it('that ask for what is no text are refused', () => {
    expect(() => contents('{{secret "password"}}', 'golang', Buffer.from([0xff]))).toThrow('is not UTF-8 text');
  });

  it('of a driver that is not known are refused', () => {
    expect(() => contents('', 'jinja')).toThrow('doesn\'t know the template driver "jinja" of shop_app');
  });
});
