/** Images built from Dockerfiles by a real gantryd, as users do it. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandOptions, output } from '../lab/command.ts';
import { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

let host: Host;
let directory: string;

beforeAll(async () => {
  host = await Host.create('build');
  directory = await mkdtemp(join(tmpdir(), 'gantry-build-'));
  await host.start();
  await importBusybox(host);
});

afterAll(async () => {
  await host.destroy();
  await rm(directory, { recursive: true, force: true });
});

interface Build {
  readonly flags?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
}

/** Builds the Dockerfile from a directory of its own with the files. */
async function build(name: string, dockerfile: string, { flags = [], files = {} }: Build = {}) {
  const context = join(directory, name);
  await mkdir(context, { recursive: true });
  for (const [file, text] of Object.entries({ ...files, Dockerfile: dockerfile })) {
    await mkdir(join(context, file, '..'), { recursive: true });
    await writeFile(join(context, file), text);
  }
  return await host.gantry(['build', '--progress=plain', '-t', `${name}:1`, ...flags, context]);
}

const run = (image: string, command: string) => host.ok(['run', '--rm', `${image}:1`, 'sh', '-c', command]);
/** What a build has mounted on the host, or left in its own directories. */
function leftovers(): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const places = ['build/mounts', 'build/contexts'].map((place) => join(host.dataRoot, place));
  const files = [...places, join(host.execRoot, 'build')].flatMap((place) => readdirSync(place));
  return [...mounts.filter((line) => line.includes(join(host.dataRoot, 'build'))), ...files];
}

describe('a build', () => {
  it('shows its steps as BuildKit does, and takes them from the cache the second time', async () => {
    const dockerfile = 'FROM busybox AS made\nRUN echo working && echo x >/x\nFROM busybox\nCOPY --from=made /x /x\n';
    const first = await build('shown', dockerfile);
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toMatch(
      /^#\d \[made 2\/2\] RUN echo working && echo x >\/x\n#\d \d+\.\d{3} working\n#\d DONE \d+\.\ds\n/m,
    );
    expect(first.stderr).toMatch(/^#\d \[stage-1 2\/2\] COPY --from=made \/x \/x$/m);
    expect(await run('shown', 'cat /x')).toBe('x');
    await host.stop('SIGTERM');
    await host.start();
    const again = await build('shown', dockerfile);
    expect(again.stderr).toMatch(/^#\d \[made 2\/2\] RUN .*\n#\d CACHED$/m);
    expect(again.stderr.match(/CACHED/g)).toHaveLength(2);
  });

  it('says what a failing step printed, where it stands, and leaves nothing', async () => {
    for (const flags of [[], ['-q']]) {
      const { code, stderr } = await build('failing', 'FROM busybox\n\nRUN echo last words; exit 3\n', { flags });
      expect(code).toBe(1);
      expect(stderr).toContain('------\n > [2/2] RUN echo last words; exit 3:\nlast words\n------\n');
      expect(stderr).toMatch(/Dockerfile:3: RUN echo last words; exit 3: exit code 3$/m);
    }
    const { stderr } = await build('misspelt', 'FROM busybox\nCPOY a b\n');
    expect(stderr).toContain('Dockerfile:2: unknown instruction: CPOY; did you mean COPY?');
    expect(leftovers()).toEqual([]);
  });

  it('takes a Dockerfile from standard input, with files or without', async () => {
    const stdin = 'FROM busybox\nRUN echo alone >/x\n';
    await host.ok(['build', '-q', '-t', 'alone:1', '-'], { stdin });
    expect(await run('alone', 'cat /x')).toBe('alone');
    await build('context', 'FROM scratch\n', { files: { file: 'of the context' } });
    const compressed = await output(['sh', '-c', `tar -C ${join(directory, 'context')} -cJf - . | base64`]);
    await host.ok(['build', '-q', '-'], { stdin: Buffer.from(compressed, 'base64') });
    const options: CommandOptions = { stdin: 'FROM busybox\nCOPY file /x\n' };
    await host.ok(['build', '-q', '-t', 'piped:1', '-f', '-', join(directory, 'context')], options);
    expect(await run('piped', 'cat /x')).toBe('of the context');
  });

  it('heeds the ignore file beside the Dockerfile, wherever that lies, and the common one otherwise', async () => {
    const dockerfile = 'FROM busybox\nCOPY . /o/\n';
    const files = { a: '', b: '', '.dockerignore': 'a', 'own.df': dockerfile, 'own.df.dockerignore': '*\n!b\n!c++' };
    await build('ignoring', dockerfile, { files: { ...files, 'c++': '', '../elsewhere.df': dockerfile } });
    await writeFile(join(directory, 'elsewhere.df.dockerignore'), '*.df*\nb\nc++\nDockerfile\n');
    const context = join(directory, 'ignoring');
    const copied = async (file: string, stdin = '') => {
      await host.ok(['build', '-q', '-t', 'ignoring:1', '-f', file, context], { stdin });
      return (await run('ignoring', 'ls -A /o')).split('\n');
    };
    expect(await copied(join(context, 'own.df'))).toEqual(['b', 'c++']);
    expect(await copied(join(directory, 'elsewhere.df'))).toEqual(['.dockerignore', 'a']);
    const all = ['.dockerignore', 'Dockerfile', 'b', 'c++', 'own.df', 'own.df.dockerignore'];
    expect(await copied('-', dockerfile)).toEqual(all);
    await build('lower', dockerfile, { files: { dockerfile } });
    await rm(join(directory, 'lower/Dockerfile'));
    await host.ok(['build', '-q', join(directory, 'lower')]);
  });

  it('writes what became of it to files', async () => {
    const [id, metadata] = [join(directory, 'id'), join(directory, 'metadata.json')];
    await build('recorded', 'FROM busybox\n', { flags: ['--iidfile', id, '--metadata-file', metadata] });
    const digest = readFileSync(id, 'utf8');
    expect(digest).toBe(await host.ok(['image', 'inspect', '--format', '{{.Id}}', 'recorded:1']));
    expect((await build('recorded', 'FROM nosuch:1\n', { flags: ['--iidfile', id] })).code).toBe(1);
    expect(existsSync(id)).toBe(false);
    const [named = ''] = JSON.parse(await host.ok(['image', 'inspect', '-f', '{{json .RepoDigests}}', 'recorded:1']));
    expect(JSON.parse(readFileSync(metadata, 'utf8'))).toEqual({
      'containerimage.config.digest': digest,
      'containerimage.digest': named.replace(/^recorded@/, ''),
      'image.name': 'recorded:1',
    });
  });
});

describe('mounts of RUN', () => {
  it('keep a cache from build to build', async () => {
    const dockerfile = (word: string) =>
      `FROM busybox\nRUN --mount=type=cache,target=/cache echo ${word} >>/cache/log && cp /cache/log /log\n`;
    await build('cached', dockerfile('one'));
    await host.stop('SIGTERM');
    await host.start();
    await build('cached', dockerfile('two'));
    expect(await run('cached', 'cat /log; ls /')).toMatch(/^one\ntwo\nbin\n(?!.*cache)/);
    expect(await host.ok(['builder', 'prune', '-af'])).toContain('Total reclaimed space');
    await build('cached', dockerfile('three'));
    expect(await run('cached', 'cat /log')).toBe('three');
  });

  it('show files of the context and of stages, which stay as they are', async () => {
    const { code, stderr } = await build(
      'bound',
      [
        'FROM busybox AS made',
        'RUN echo of the stage >/made',
        'FROM busybox',
        'RUN --mount=target=/src --mount=from=made,source=/made,target=/made cat /src/dir/file /made >/seen',
        'RUN --mount=target=/src touch /src/new 2>/error; true',
        'RUN --mount=target=/src,rw echo changed >/src/dir/file && cat /src/dir/file >/changed',
        'RUN --mount=source=dir/file,target=/file cat /file >/after',
        'RUN --mount=type=tmpfs,target=/scratch,size=1m df /scratch | grep -c tmpfs >/tmpfs',
      ].join('\n'),
      { files: { 'dir/file': 'of the context\n' } },
    );
    expect(stderr).toContain('DONE');
    expect(code).toBe(0);
    expect(
      await run(
        'bound',
        'cat /seen /changed /after /tmpfs; grep -c Read-only /error; ls -d /src /made /file 2>/dev/null || true',
      ),
    ).toMatch(/^of the context\nof the stage\nchanged\nof the context\n1\n1$/);
  });

  it('give secrets to a step, and to nothing else', async () => {
    const secret = join(directory, 'token');
    await writeFile(secret, 'top secret');
    const dockerfile = [
      'FROM busybox',
      'RUN --mount=type=secret,id=token,required=true wc -c </run/secrets/token >/length',
      'RUN --mount=type=secret,id=token,env=TOKEN test ${#TOKEN} = 10',
    ].join('\n');
    const { code } = await build('secretive', dockerfile, { flags: ['--secret', `id=token,src=${secret}`] });
    expect(code).toBe(0);
    expect(await run('secretive', 'cat /length')).toBe('10');
    await output(['sh', '-c', `! grep -r "top secret" ${host.dataRoot} ${host.execRoot}`]);
    const without = await build('secretive', dockerfile, { flags: ['--no-cache'] });
    expect(without.stderr).toMatch(/Dockerfile:2: the secret token is required and was not given; .*--secret id=token/);
  });

  it('have the network that a step asks for', async () => {
    const { code } = await build(
      'offline',
      'FROM busybox\nRUN --network=none ip -o link >/none\nRUN ip -o link >/default\n',
    );
    expect(code).toBe(0);
    expect(await run('offline', 'grep -c eth0 /none; grep -c eth0 /default')).toBe('0\n1');
  });
});

describe('a build that is cut off', () => {
  const dockerfile =
    'FROM busybox\nRUN --mount=type=cache,target=/cache --mount=target=/src,rw echo begun; sleep 1000\n';

  it('by its user ends its step', async () => {
    await build('slow', 'FROM busybox\n');
    await writeFile(join(directory, 'slow/Dockerfile'), dockerfile);
    const [program = '', ...args] = host.command(['build', '--progress=plain', join(directory, 'slow')]);
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let shown = '';
    child.stderr.on('data', (data) => {
      shown += String(data);
    });
    await until('the step', async () => shown.includes('begun'));
    child.kill('SIGINT');
    await until('nothing to be left', async () => leftovers().length === 0);
  });

  it('by the end of gantryd leaves nothing once that is back', async () => {
    const [program = '', ...args] = host.command(['build', '--progress=plain', join(directory, 'slow')]);
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let shown = '';
    child.stderr.on('data', (data) => {
      shown += String(data);
    });
    await until('the step', async () => shown.includes('begun'));
    await host.stop('SIGKILL');
    expect(existsSync(join(host.dataRoot, 'build/mounts'))).toBe(true);
    await host.start();
    expect(leftovers()).toEqual([]);
    expect((await build('after', 'FROM busybox\nRUN true\n')).code).toBe(0);
  });
});
