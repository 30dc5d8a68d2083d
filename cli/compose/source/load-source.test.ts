import { describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import { plain } from '../syntax/plain.testing.ts';
import { ProblemError, problemLine } from '../syntax/problem.ts';
import { loadSource, type SourceOptions } from './load-source.ts';

type Files = Readonly<Record<string, string>>;

function options(files: Files, more: Partial<SourceOptions>): SourceOptions {
  return {
    files: [],
    projectName: undefined,
    projectDirectory: undefined,
    envFiles: [],
    profiles: [],
    interpolates: true,
    workingDirectory: '/project',
    env: {},
    readBytes: (path) => {
      const text = files[path.replace('/project/', '')];
      return text === undefined ? undefined : Buffer.from(text);
    },
    ...more,
  };
}

function load(files: Files, more: Partial<SourceOptions> = {}) {
  const source = loadSource(options(files, more));
  expect(source.problems.map(problemLine)).toEqual([]);
  return source;
}

interface Plain {
  readonly services: Readonly<Record<string, unknown>>;
}

function services(files: Files, more: Partial<SourceOptions> = {}) {
  return (plain(load(files, more).tree) as Plain).services;
}

function refused(files: Files, more: Partial<SourceOptions> = {}): string[] {
  try {
    return loadSource(options(files, more)).problems.map(problemLine);
  } catch (error) {
    if (error instanceof ProblemError) return [problemLine(error.problem)];
    if (error instanceof GantryError) return [error.message];
    throw error;
  }
}

describe('the files', () => {
  const a = 'services: {a: {image: a}}';
  const b = 'services: {a: {user: b}}';

  it('are those that are named, later ones over earlier ones, standard input among them', () => {
    expect(services({ 'one.yml': a, '-': b }, { files: ['one.yml', '-'] })).toEqual({ a: { image: 'a', user: 'b' } });
  });

  it.each<[string, Files, Partial<SourceOptions>, unknown]>([
    ['compose.yaml before others', { 'compose.yaml': a, 'docker-compose.yml': b }, {}, { image: 'a' }],
    ['an override beside it', { 'compose.yml': a, 'compose.override.yaml': b }, {}, { image: 'a', user: 'b' }],
    [
      'those of old names',
      { 'docker-compose.yml': a, 'docker-compose.override.yml': b },
      {},
      { image: 'a', user: 'b' },
    ],
    ['one above', { 'compose.yaml': a }, { workingDirectory: '/project/deep/down' }, { image: 'a' }],
    ['COMPOSE_FILE', { 'x.yml': a, 'y.yml': b }, { env: { COMPOSE_FILE: 'x.yml:y.yml' } }, { image: 'a', user: 'b' }],
    [
      'COMPOSE_FILE of .env with a separator',
      { 'x.yml': a, 'y.yml': b, '.env': 'COMPOSE_FILE=x.yml,y.yml\nCOMPOSE_PATH_SEPARATOR=,\n' },
      {},
      { image: 'a', user: 'b' },
    ],
  ])('are found: %s', (_, files, more, expected) => {
    expect(services(files, more)).toEqual({ a: expected });
  });

  it('are missed', () => {
    expect(refused({})).toEqual(['no compose file in /project or above it']);
    expect(refused({}, { files: ['x.yml'] })).toEqual(['compose file "x.yml" not found']);
  });
});

describe('variables', () => {
  const file = { 'compose.yaml': 'services: {a: {image: "$A-$B-$C"}}' };

  it.each<[string, Files, Partial<SourceOptions>, string]>([
    ['the shell before .env', { '.env': 'A=file\nB=file\nC=$A' }, { env: { A: 'shell' } }, 'shell-file-shell'],
    ['later files before earlier', { x: 'A=1\nB=1\nC=1', y: 'B=2\nC=$A$B' }, { envFiles: ['x', 'y'] }, '1-2-11'],
    ['files that a variable names', { x: 'A=1\nB=1', y: 'C=3' }, { env: { COMPOSE_ENV_FILES: 'x,y' } }, '1-1-3'],
    ['no .env when it is named', { '.env': 'A=1', x: 'B=2\nC=3' }, { envFiles: ['x'] }, '-2-3'],
    ['no .env when none is wanted', { '.env': 'A=1' }, { env: { COMPOSE_DISABLE_ENV_FILE: 'true' } }, '--'],
    [
      'the .env of the project',
      { 'p/.env': 'A=1\nB=1\nC=1' },
      { projectDirectory: 'p', files: ['compose.yaml'] },
      '1-1-1',
    ],
    ['a bare key from the shell', { '.env': 'A\nB=$A\nC' }, { env: { A: 'x' } }, 'x-x-'],
  ])('%s', (_, files, more, image) => {
    expect(services({ ...file, ...files }, more)).toEqual({ a: { image } });
  });

  it('must be in a file that exists', () => {
    expect(refused(file, { envFiles: ['none.env'] })).toEqual(['env file "/project/none.env" not found']);
  });

  it('have the project’s name', () => {
    expect(services({ 'compose.yaml': 'name: shop\nservices: {a: {image: "$COMPOSE_PROJECT_NAME"}}' })).toEqual({
      a: { image: 'shop' },
    });
  });
});

describe('the name', () => {
  const named = { 'compose.yaml': 'name: own-$X\nservices: {a: {image: x}}' };
  const unnamed = { 'compose.yaml': 'services: {a: {image: x}}' };

  it.each<[string, Files, Partial<SourceOptions>, string]>([
    ['that of the command line', named, { projectName: 'given', env: { COMPOSE_PROJECT_NAME: 'env' } }, 'given'],
    ['that of the environment', named, { env: { COMPOSE_PROJECT_NAME: 'env' } }, 'env'],
    ['that of .env', { ...named, '.env': 'COMPOSE_PROJECT_NAME=dot' }, {}, 'dot'],
    ['its own', named, { env: { X: 'x' } }, 'own-x'],
    ['that of the last file', { a: 'name: a\nservices: {}', b: 'name: b' }, { files: ['a', 'b'] }, 'b'],
    ['that of the directory', unnamed, {}, 'project'],
    [
      'that of a directory with other letters',
      unnamed,
      { projectDirectory: '/__My.Shop 2', files: ['compose.yaml'] },
      'myshop2',
    ],
  ])('is %s', (_, files, more, expected) => {
    expect(load(files, more).name).toBe(expected);
  });

  it('of a file is made one that can be', () => {
    expect(load({ 'compose.yaml': 'name: My Shop\nservices: {a: {image: x}}' }).name).toBe('myshop');
    expect(load({ 'compose.yaml': 'name: ""\nservices: {a: {image: x}}' }).name).toBe('project');
  });

  it('is refused when it can’t be one', () => {
    expect(refused(unnamed, { projectName: 'A' })).toEqual(['invalid stack name "A"']);
  });
});

describe('several documents in a file', () => {
  it('are laid over each other, as files are', () => {
    const text =
      '---\nname: one\nservices: {a: {image: x, cap_add: [A]}}\n---\nservices: {a: {cap_add: !override [B]}, b: {extends: c}, c: {image: y}}\n---\n';
    expect(services({ 'compose.yaml': text })).toEqual({
      a: { image: 'x', cap_add: ['B'] },
      b: { image: 'y' },
      c: { image: 'y' },
    });
    expect(load({ 'compose.yaml': text }).name).toBe('one');
  });

  it('may change what one of them includes', () => {
    const files = {
      'compose.yaml': 'include: [db.yml]\n---\nservices: {db: {user: me}}\n',
      'db.yml': 'services: {db: {image: d}}\n---\nservices: {db: {hostname: h}}\n',
    };
    expect(services(files)).toEqual({ db: { image: 'd', hostname: 'h', user: 'me' } });
  });

  it('are one for who extends a service of theirs', () => {
    const files = {
      'compose.yaml': 'services: {a: {extends: {file: base.yml, service: b}}}',
      'base.yml': 'services: {b: {image: x}}\n---\nservices: {b: {user: me}}\n',
    };
    expect(services(files)).toEqual({ a: { image: 'x', user: 'me' } });
  });

  it('are none when all are empty', () => {
    expect(refused({ 'compose.yaml': '---\n# nothing\n---\n' })).toEqual([
      '/project/compose.yaml:1:1: the file is empty; it needs at least "services:"',
    ]);
  });
});

describe('extends', () => {
  it.each<[string, Files, unknown]>([
    [
      'a service of the same file',
      { 'compose.yaml': 'services: {a: {image: x, cap_add: [A]}, b: {extends: a, cap_add: [B]}}' },
      { image: 'x', cap_add: ['A', 'B'] },
    ],
    [
      'in the long form',
      {
        'compose.yaml':
          'services: {a: {image: x, environment: [A=1]}, b: {extends: {service: a}, environment: {A: 2}}}',
      },
      { image: 'x', environment: { A: 2 } },
    ],
    [
      'a service of another file, whose paths are its own',
      {
        'compose.yaml': 'services: {b: {extends: {service: a, file: ./lib/base.yml}}}',
        'lib/base.yml':
          'services: {a: {build: ., env_file: [x.env, {path: ../y.env}], volumes: [./d:/d, ~/h:/h, data:/v, {type: bind, source: e, target: /e}]}}',
      },
      {
        build: './lib',
        env_file: ['./lib/x.env', { path: './y.env' }],
        volumes: ['./lib/d:/d', '~/h:/h', 'data:/v', { type: 'bind', source: './lib/e', target: '/e' }],
      },
    ],
    [
      'in chains over files',
      {
        'compose.yaml': 'services: {b: {extends: {service: a, file: x/one.yml}, user: top}}',
        'x/one.yml': 'services: {a: {extends: {service: a, file: y/two.yml}, user: one, build: {target: t}}}',
        'x/y/two.yml': 'services: {a: {user: two, build: {context: ctx}, tty: true}}',
      },
      { user: 'top', build: { context: './x/y/ctx', target: 't' }, tty: true },
    ],
    [
      'with tags',
      {
        'compose.yaml':
          'services: {a: {image: x, ports: [80], cap_add: [A]}, b: {extends: a, ports: !reset [], cap_add: !override [B]}}',
      },
      { image: 'x', cap_add: ['B'] },
    ],
    [
      'what another file adds to it',
      {
        'compose.yaml': 'services: {a: {image: x}, b: {extends: a}}',
        'compose.override.yaml': 'services: {a: {user: not-inherited}, b: {tty: true}}',
      },
      { image: 'x', tty: true },
    ],
    [
      'with variables',
      {
        '.env': 'V=1',
        'compose.yaml': 'services: {b: {extends: {service: a, file: "${F:-o.yml}"}}}',
        'o.yml': 'services: {a: {image: "x:$V"}}',
      },
      { image: 'x:1' },
    ],
  ])('%s', (_, files, expected) => {
    expect(services(files).b).toEqual(expected);
  });

  it.each<[string, Files, string]>([
    [
      'a circle',
      { 'c.yml': 'services:\n  a: {extends: b}\n  b: {extends: c}\n  c: {extends: a}\n' },
      'c.yml:4:16: services.c.extends: services extend each other in a circle: a (c.yml) → b (c.yml) → c (c.yml) → a (c.yml); remove one of these',
    ],
    [
      'a circle over files',
      {
        'c.yml': 'services:\n  a: {extends: {service: a, file: d.yml}}\n',
        'd.yml': 'services:\n  a: {extends: {service: a, file: c.yml}}\n',
      },
      'd.yml:2:16: services.a.extends: services extend each other in a circle: a (c.yml) → a (d.yml) → a (c.yml); remove one of these',
    ],
    ['itself', { 'c.yml': 'services:\n  a: {extends: a}\n' }, 'in a circle: a (c.yml) → a (c.yml)'],
    [
      'a missing service',
      { 'c.yml': 'services:\n  a: {extends: z}\n' },
      'c.yml:2:16: services.a.extends: service "z" is not in c.yml; name one that it has',
    ],
    [
      'a missing file',
      { 'c.yml': 'services:\n  a: {extends: {service: z, file: no.yml}}\n' },
      'file "no.yml" not found',
    ],
    ['nothing', { 'c.yml': 'services:\n  a: {extends: {}}\n' }, 'c.yml:2:16: services.a.extends: names no service'],
  ])('refuses %s', (_, files, expected) => {
    const lines = refused(files, { files: ['c.yml'] });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(expected);
  });

  it('takes long chains, and bounds them', () => {
    const chain = (length: number) =>
      `services:\n  s0: {image: x}\n${Array.from({ length }, (_, index) => `  s${index + 1}: {extends: s${index}}\n`).join('')}`;
    expect(services({ 'compose.yaml': chain(90) }).s90).toEqual({ image: 'x' });
    const backwards = `services:\n${Array.from({ length: 200 }, (_, index) => `  s${index}: {extends: s${index + 1}}\n`).join('')}  s200: {image: x}\n`;
    expect(refused({ 'compose.yaml': backwards })[0]).toContain('more than 100 services extend each other');
  });
});

describe('include', () => {
  it('takes in all sections of other files, with paths and variables of their own', () => {
    const files = {
      'compose.yaml': 'include: [sub/c.yml]\nservices: {a: {image: "$V"}}',
      '.env': 'W=outer',
      'sub/.env': 'V=inner\nW=inner\n',
      'sub/c.yml':
        'services: {b: {image: "$V-$W", build: {}, env_file: e, environment: [V], volumes: [./d:/d]}}\nsecrets: {s: {file: s.txt}}\nnetworks: {n: }',
    };
    expect(plain(load(files).tree)).toEqual({
      services: {
        a: { image: '' },
        b: {
          image: 'inner-outer',
          build: { context: './sub' },
          env_file: './sub/e',
          environment: { V: 'inner' },
          volumes: ['./sub/d:/d'],
        },
      },
      secrets: { s: { file: './sub/s.txt' } },
      networks: { n: null },
    });
  });

  it('takes a project directory, several files and env files', () => {
    const files = {
      'compose.yaml': 'include: [{path: [sub/c.yml, over.yml], project_directory: p, env_file: [x.env]}]\nservices: {}',
      'x.env': 'V=x',
      'p/.env': 'V=unused',
      'sub/c.yml': 'services: {b: {image: "$V", env_file: e}}',
      'over.yml': 'services: {b: {user: me}}',
    };
    expect(services(files)).toEqual({ b: { image: 'x', env_file: './p/e', user: 'me' } });
  });

  it('takes files that include others, the same one twice, and what a further file changes', () => {
    const files = {
      'compose.yaml': 'include: [x/a.yml, x/b.yml]\nservices: {}',
      'x/a.yml': 'include: [c.yml]\nservices: {a: {image: a}}',
      'x/b.yml': 'include: [c.yml]\nservices: {b: {image: b}}',
      'x/c.yml': 'services: {c: {image: c, build: .}}',
      'compose.override.yaml': 'services: {c: {user: me}}',
    };
    expect(services(files)).toEqual({
      a: { image: 'a' },
      b: { image: 'b' },
      c: { image: 'c', build: './x', user: 'me' },
    });
  });

  it('lays what the file says itself over what it includes, and the first that it includes over others', () => {
    const files = {
      'compose.yaml':
        'include: [x.yml, y.yml]\nservices: {a: {user: me, environment: !override {C: 3}, cap_add: !reset []}}\nnetworks: {n: {internal: true}}',
      'x.yml': 'services: {a: {image: x, environment: {A: 1}, cap_add: [A]}}\nnetworks: {n: {driver: bridge}}',
      'y.yml': 'services: {a: {image: y, tty: true}, b: {image: b}}',
    };
    expect(plain(load(files).tree)).toEqual({
      services: { a: { image: 'x', user: 'me', environment: { C: 3 }, tty: true }, b: { image: 'b' } },
      networks: { n: { driver: 'bridge', internal: true } },
    });
  });

  it('comes before extending: services may extend what is included, as it is in the end', () => {
    const files = {
      'compose.yaml': 'include: [sub/c.yml]\nservices: {b: {extends: a, tty: true}, a: {user: me}}',
      'sub/c.yml': 'services: {a: {image: x, build: .}}',
    };
    expect(services(files)).toEqual({
      a: { image: 'x', build: './sub', user: 'me' },
      b: { image: 'x', build: './sub', user: 'me', tty: true },
    });
  });

  it('keeps variables of the included project for what is read later', () => {
    const files = {
      'compose.yaml':
        'include: [{path: s/c.yml, env_file: v.env}]\nservices: {b: {image: b}}\nconfigs: {d: {environment: V}}',
      'v.env': 'V=1\nW=1',
      's/c.yml': 'include: [t/c.yml]\nservices: {a: {image: a}}\nconfigs: {c: {environment: V}}',
      's/t/c.yml': 'services: {t: {image: t}}\nsecrets: {s: {environment: W}}',
      's/t/.env': 'W=2\nX=3',
    };
    const { lookupFor } = load(files, { env: { X: 'shell' } });
    expect(lookupFor('services', 'a')('V')).toBe('1');
    expect(lookupFor('services', 'b')('V')).toBeUndefined();
    expect(lookupFor('configs', 'c')('V')).toBe('1');
    expect(lookupFor('configs', 'd')('V')).toBeUndefined();
    expect(lookupFor('secrets', 's')('W')).toBe('1');
    expect(lookupFor('services', 't')('X')).toBe('shell');
  });

  it.each<[string, Files, string]>([
    [
      'what doesn’t go over what is included',
      { 'c.yml': 'include: [d.yml]\nservices: {a: {deploy: [x]}}', 'd.yml': 'services: {a: {deploy: {mode: global}}}' },
      "c.yml:2:24: services.a.deploy: a list can't be merged with a mapping (d.yml:1)",
    ],
    [
      'a circle',
      { 'c.yml': 'include: [d.yml]', 'd.yml': 'include:\n  - c.yml\n' },
      'd.yml:2:5: include[0]: files include each other in a circle: /project/c.yml → /project/d.yml → /project/c.yml',
    ],
    ['a missing file', { 'c.yml': 'include: [d.yml]' }, 'c.yml:1:11: include[0]: file "d.yml" not found'],
    ['no path', { 'c.yml': 'include: [{env_file: x}]' }, 'names no file'],
    [
      'a misspelt key',
      { 'c.yml': 'include: [{paht: x}]' },
      'c.yml:1:12: include[0].paht: unknown key; did you mean "path"?',
    ],
    ['what is no list', { 'c.yml': 'include: d.yml' }, 'c.yml:1:10: include: must be a list, not "d.yml"'],
  ])('refuses %s', (_, files, expected) => {
    expect(refused(files, { files: ['c.yml'] }).join('\n')).toContain(expected);
  });
});

describe('what files that include others can blow up to', () => {
  it('is bounded', () => {
    const levels = 40;
    const files = Object.fromEntries(
      Array.from({ length: levels }, (_, level) => [
        `${level}.yml`,
        level === levels - 1 ? 'services: {}' : `include: [${level + 1}.yml, ${level + 1}.yml]`,
      ]),
    );
    expect(refused(files, { files: ['0.yml'] })[0]).toContain('more than 1000 files are included; include fewer');
  });
});

describe('profiles', () => {
  const files = {
    'compose.yaml': 'services: {a: {image: a}, b: {image: b, profiles: [dev]}, c: {image: c, profiles: [test, dev]}}',
  };

  it.each<[string, Partial<SourceOptions>, string[]]>([
    ['none', {}, ['a']],
    ['one', { profiles: ['test'] }, ['a', 'c']],
    ['another', { profiles: ['dev'] }, ['a', 'b', 'c']],
    ['all', { profiles: ['*'] }, ['a', 'b', 'c']],
    ['those of services that are named', { named: ['a', 'b'] }, ['a', 'b', 'c']],
    ['no others of a service that is in already', { profiles: ['test'], named: ['c'] }, ['a', 'c']],
    ['those of the environment', { env: { COMPOSE_PROFILES: 'x, test' } }, ['a', 'c']],
    ['those of the command line only', { profiles: ['x'], env: { COMPOSE_PROFILES: 'test' } }, ['a']],
  ])('%s', (_, more, expected) => {
    expect(Object.keys(services(files, more))).toEqual(expected);
    expect(load(files, more).profiles).toEqual(['dev', 'test']);
  });

  it('refuses a service that needs one of an inactive profile', () => {
    const needs = (clause: string) =>
      refused(
        { 'compose.yaml': `services:\n  a: {image: a, depends_on: ${clause}}\n  b: {image: b, profiles: [dev]}\n` },
        { files: ['compose.yaml'] },
      );
    expect(needs('[b]')).toEqual([
      'compose.yaml:2:30: services.a.depends_on: service "b" is of the inactive profile dev; activate it with --profile dev, or set "required: false"',
    ]);
    expect(needs('{b: {condition: service_healthy}}')).toHaveLength(1);
    expect(needs('{b: {condition: service_healthy, required: false}}')).toEqual([]);
  });
});

describe('files that say too much', () => {
  it('are refused before memory is full', () => {
    const words = `x-a: &a [${'w,'.repeat(1000)}]\nx-b: [${'*a,'.repeat(150)}]\nservices: {a: {image: i}}\n`;
    const lines = refused({ 'compose.yaml': `include: [${'x.yml,'.repeat(15)}]`, 'x.yml': words });
    expect(lines).toContain('x.yml:1:1: the files say more than 2000000 values together; load fewer');
  });
});
