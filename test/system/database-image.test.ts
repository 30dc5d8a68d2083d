/** Debian's postgres and python in an image: who owns its data, its shared memory and its shutdown are as a database needs them. */
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importHostFiles } from '../lab/host-files.ts';
import { until } from '../lab/until.ts';

const POSTGRES = '/usr/lib/postgresql';
const [version] = existsSync(POSTGRES) ? readdirSync(POSTGRES) : [];
const PROGRAMS = `${POSTGRES}/${version}/bin`;
const python = readdirSync('/usr/lib').find((name) => /^python3\.\d+$/.test(name));

/** Debian makes the socket's directory when it boots, which an image doesn't. */
const DOCKERFILE = `FROM debian
RUN echo postgres:x:70:70::/:/bin/sh >>/etc/passwd && mkdir -p /run/postgresql /var/lib/data && ln -s /run /var/run \\
 && chmod 755 / && chown 70:70 /run/postgresql /var/lib/data && chmod 700 /var/lib/data && chmod 1777 /tmp
USER postgres
ENV PATH=${PROGRAMS}:/usr/bin:/bin PGDATA=/var/lib/data
RUN initdb --auth=trust --no-locale --encoding=UTF8 >/dev/null
VOLUME /var/lib/data
STOPSIGNAL SIGINT
CMD ["postgres"]
`;

describe.runIf(version !== undefined && python !== undefined)('postgres in an image', () => {
  let host: Host;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gantry-database-'));
    host = await Host.create('database');
    await host.start();
    await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
    await importHostFiles(host, 'debian', {
      programs: [...['postgres', 'initdb', 'pg_ctl', 'psql'].map((name) => join(PROGRAMS, name)), `/usr/bin/${python}`],
      directories: [
        `${POSTGRES}/${version}/lib`,
        `/usr/share/postgresql/${version}`,
        '/usr/share/zoneinfo',
        `/usr/lib/${python}`,
      ],
    });
    await writeFile(join(directory, 'Dockerfile'), DOCKERFILE);
    await host.ok(['build', '-q', '-t', 'db:1', directory]);
  }, 120_000);

  afterAll(async () => {
    await host.destroy();
    await rm(directory, { recursive: true, force: true });
  });

  /** Once the server answers. */
  const query = (container: string, text: string) =>
    until(`an answer to ${text}`, () => host.ok(['exec', container, 'psql', '-Atqc', text, 'postgres']));

  it('keeps what is in its volume through stops, kills and containers', async () => {
    const run = (name: string) => host.ok(['run', '-d', '--name', name, '-v', 'kept:/var/lib/data', 'db:1']);
    await run('first');
    await query('first', 'create table t (i int); insert into t select generate_series(1, 1000)');
    await host.ok(['restart', 'first']);
    expect(await query('first', 'select sum(i) from t')).toBe('500500');
    expect(await host.gantry(['logs', 'first'])).toMatchObject({
      stderr: expect.stringContaining('database system is shut down'),
    });
    await host.ok(['kill', 'first']);
    await host.ok(['start', 'first']);
    expect(await query('first', 'select count(*) from t')).toBe('1000');
    await host.ok(['rm', '-f', 'first']);
    await run('second');
    expect(await query('second', 'select max(i) from t')).toBe('1000');
    await host.ok(['rm', '-f', 'second']);
  });

  it('is started by its own tool, and shares memory among its processes', async () => {
    const script =
      'pg_ctl -w -l /tmp/log start >/tmp/out || cat /tmp/log; psql -Atqc "show dynamic_shared_memory_type" postgres; pg_ctl stop';
    const answer = await host.ok(['run', '--rm', 'db:1', 'sh', '-c', script]);
    expect(answer.split('\n')[0]).toBe('posix');
  });

  it('keeps what is in its volume as a service, from one task to the next', async () => {
    await host.ok([
      'service',
      'create',
      '-q',
      '--name',
      'db',
      '--update-monitor',
      '0s',
      '--mount',
      'type=volume,source=served,target=/var/lib/data',
      'db:1',
    ]);
    const task = () => until('a task', async () => (await host.ok(['ps', '-q', '--filter', 'name=db.'])) || undefined);
    const before = await task();
    await query(before, 'create table t as select 7 as i');
    await host.ok(['service', 'update', '-q', '--force', 'db']);
    const after = await task();
    expect(after).not.toBe(before);
    expect(await query(after, 'select i from t')).toBe('7');
    await host.ok(['service', 'rm', 'db']);
  });

  it('has python beside it', async () => {
    const program = 'import json, os; print(json.dumps({"uid": os.getuid()}))';
    expect(await host.ok(['run', '--rm', 'db:1', python ?? '', '-c', program])).toBe('{"uid": 70}');
  });
});
