import { describe, expect, it } from 'vitest';
import { loadStack } from './load-stack.ts';
import { loadText, refusals } from './stack/load.testing.ts';

describe('the file', () => {
  it('resolves anchors, merge keys and variables, the shell before .env', () => {
    const { spec } = loadText(
      'x-base: &base {image: "app:${TAG:-none}", user: "$WHO"}\nservices:\n  a:\n    <<: *base\n    user: own\n  b: *base\n',
      { files: { '.env': 'TAG=1\nWHO=dotenv\n' }, env: { WHO: 'shell' } },
    );
    expect(spec.services.map(({ task }) => [task?.container?.image, task?.container?.user])).toEqual([
      ['app:1', 'own'],
      ['app:1', 'shell'],
    ]);
  });

  it('warns of unset variables and of version', () => {
    expect(loadText('version: "3"\nservices:\n  a: {image: "x$NONE"}\n').warnings).toEqual([
      'stack.yml:3: variable NONE is not set; it becomes an empty string',
      'stack.yml:1: "version" is obsolete and has no effect; remove it',
    ]);
  });

  it('says where a key was written', () => {
    const { locate } = loadText('services:\n  web:\n    image: x\n    ports:\n      - "80:80"\n');
    expect(locate('services', 'web', 'ports').line).toBe(4);
    expect(locate('services', 'web', 'ports', '0')).toMatchObject({ line: 5, column: 9 });
    expect(locate('services', 'web', 'missing').line).toBe(2);
  });

  it('bounds what aliases can blow up to', () => {
    const levels = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? 'x-0: &a0 [x,x,x,x,x,x,x,x]'
        : `x-${level}: &a${level} [${Array(8)
            .fill(`*a${level - 1}`)
            .join(',')}]`,
    );
    expect(refusals(`${levels.join('\n')}\nservices:\n  a: {image: x}\n`)[0]).toContain(
      'aliases make the file too large',
    );
  });
});

describe('several files', () => {
  const files: Readonly<Record<string, string>> = {
    'a.yml': 'services:\n  web: {image: web, ports: ["8000-8001:80-81"], profiles: [x]}\n  db: {image: db}\n',
    'b.yml':
      'services:\n  web: {extends: {service: base, file: lib/c.yml}, ports: ["8001:81/tcp"], depends_on: [db]}\n  db: !reset {}\n  db2: {extends: web}\n',
    'lib/c.yml': 'services:\n  base: {volumes: [./data:/data], environment: {A: 1}, foo: 1}\n',
  };
  const deploy = (profiles: string) =>
    loadStack({
      files: ['a.yml', 'b.yml'],
      stackName: 'demo',
      projectDirectory: undefined,
      envFiles: [],
      profiles: [],
      workingDirectory: '/project',
      env: { COMPOSE_PROFILES: profiles },
      readBytes: (path) => {
        const found = files[path.replace('/project/', '')];
        return found === undefined ? undefined : Buffer.from(found);
      },
    });

  it('are one stack, in which each problem is where it was written', () => {
    expect(() => deploy('x')).toThrow(
      expect.objectContaining({
        message: [
          'b.yml:2:89: services.web.depends_on[0]: service "db" is not defined; define it under services',
          'b.yml:2:89: services.db2.depends_on[0]: service "db" is not defined; define it under services',
          'b.yml:4:8: services.db2: has neither image nor build; add one',
          'lib/c.yml:2:56: services.web.foo: unknown key; remove it, or name it x-… to have it ignored',
          'lib/c.yml:2:56: services.db2.foo: unknown key; remove it, or name it x-… to have it ignored',
        ].join('\n'),
      }),
    );
  });

  it('are one stack, with the ports and paths of all', () => {
    const { spec } = loadStack({
      files: ['a.yml', 'd.yml'],
      stackName: 'demo',
      projectDirectory: undefined,
      envFiles: [],
      profiles: [],
      workingDirectory: '/project',
      env: { COMPOSE_PROFILES: 'x' },
      readBytes: (path) => {
        const all: Readonly<Record<string, string>> = {
          ...files,
          'd.yml':
            'services:\n  web: {extends: {service: base, file: lib/e.yml}, ports: ["8001:81/tcp"], depends_on: [db]}\n',
          'lib/e.yml': 'services:\n  base: {volumes: [./data:/data], environment: {A: 1}}\n',
        };
        const found = all[path.replace('/project/', '')];
        return found === undefined ? undefined : Buffer.from(found);
      },
    });
    const [web, db] = spec.services;
    expect(web?.ports.map(({ publishedPort, targetPort }) => [publishedPort, targetPort])).toEqual([
      [8000, 80],
      [8001, 81],
    ]);
    expect(web?.task?.container?.mounts[0]?.source).toBe('/project/lib/data');
    expect(web?.task?.container?.env).toEqual(['A=1']);
    expect(db?.annotations?.name).toBe('demo_db');
  });
});
