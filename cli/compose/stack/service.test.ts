import { describe, expect, it } from 'vitest';
import {
  DependencyCondition,
  MountType,
  PortProtocol,
  PublishMode,
  PullPolicy,
  RestartCondition,
} from '../../../proto/generated/gantry/v1/types.ts';
import { loadText, loadWeb } from './load.testing.ts';

describe('a service', () => {
  it('gets the stack as prefix and label, one replica, and the default network with its name as alias', () => {
    const { spec, task, container, stack } = loadWeb('');
    expect(spec.annotations).toEqual({ name: 'demo_web', labels: { 'com.docker.stack.namespace': 'demo' } });
    expect(spec.mode).toEqual({ $case: 'replicated', value: { replicas: 1 } });
    expect(task.networks).toEqual([{ target: 'demo_default', aliases: ['web'] }]);
    expect(task.restart?.condition).toBe(RestartCondition.ANY);
    expect(container.image).toBe('app:1');
    expect(stack.networks.map(({ annotations }) => annotations?.name)).toEqual(['demo_default']);
  });

  it('takes command and entrypoint as words or as a line', () => {
    expect(loadWeb('command: ["a", "b c"]').container.command).toEqual({ items: ['a', 'b c'] });
    expect(loadWeb('command: sh -c "echo hi"').container.command).toEqual({ items: ['sh', '-c', 'echo hi'] });
    expect(loadWeb('entrypoint: []').container.entrypoint).toEqual({ items: [] });
    expect(loadWeb('').container.command).toBeUndefined();
  });

  it('collects its environment: files in order, then environment, then the shell for bare keys', () => {
    const { container } = loadWeb(
      'env_file: [a.env, {path: b.env, required: false}, {path: none.env, required: false}]\nenvironment:\n  B: two\n  SHELL_VALUE:\n  UNSET:\n  N: 1',
      '',
      { files: { 'a.env': 'A=1\nB=1\n', 'b.env': 'C=${A}3\n' }, env: { SHELL_VALUE: 'yes' } },
    );
    expect(container.env).toEqual(['A=1', 'B=two', 'C=13', 'SHELL_VALUE=yes', 'N=1']);
  });

  it.each([
    ['80', { targetPort: 80, publishedPort: 0 }],
    ['"8080:80"', { targetPort: 80, publishedPort: 8080 }],
    [
      '"127.0.0.1:8080:80/udp"',
      { targetPort: 80, publishedPort: 8080, hostIp: '127.0.0.1', protocol: PortProtocol.UDP },
    ],
    ['"[::1]:8080:80"', { targetPort: 80, publishedPort: 8080, hostIp: '::1' }],
    ['"127.0.0.1::80"', { targetPort: 80, publishedPort: 0, hostIp: '127.0.0.1' }],
    ['{target: 80, published: "8080", mode: host}', { targetPort: 80, publishedPort: 8080, mode: PublishMode.HOST }],
  ])('publishes %s', (port, expected) => {
    const defaults = { hostIp: '', protocol: PortProtocol.TCP, mode: PublishMode.INGRESS };
    expect(loadWeb(`ports: [${port}]`).spec.ports).toEqual([{ ...defaults, ...expected }]);
  });

  it('publishes ranges port by port', () => {
    const { ports } = loadWeb('ports: ["8000-8002:80-82"]').spec;
    expect(ports.map(({ publishedPort, targetPort }) => [publishedPort, targetPort])).toEqual([
      [8000, 80],
      [8001, 81],
      [8002, 82],
    ]);
  });

  it('mounts volumes, host paths and tmpfs', () => {
    const { container } = loadWeb(
      'volumes: ["data:/data:ro", "./conf:/conf", "~/x:/x", "/anonymous", {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}]\ntmpfs: /run:size=64m',
      'volumes:\n  data:\n',
    );
    expect(container.mounts).toMatchObject([
      { type: MountType.VOLUME, source: 'demo_data', target: '/data', readOnly: true },
      { type: MountType.BIND, source: '/project/conf', target: '/conf', bindCreateHostPath: true },
      { type: MountType.BIND, source: '/home/me/x', target: '/x' },
      { type: MountType.VOLUME, source: '', target: '/anonymous' },
      { type: MountType.TMPFS, target: '/t', tmpfsSizeBytes: 2 ** 20, tmpfsMode: 0o700 },
      { type: MountType.TMPFS, target: '/run', tmpfsSizeBytes: 64 * 2 ** 20 },
    ]);
  });

  it('refers to configs and secrets, whose content comes from files, text or the environment', () => {
    const { container, stack } = loadWeb(
      'configs: [conf, {source: text, target: /etc/text, mode: 0440, uid: "5"}]\nsecrets: [key]',
      'configs:\n  conf: {file: ./conf.txt}\n  text: {content: "v=$$1"}\nsecrets:\n  key: {environment: KEY}\n  unused: {environment: NONE_OF_IT, external: true}\n',
      { files: { 'conf.txt': 'c' }, env: { KEY: 'k' } },
    );
    expect(container.configs).toMatchObject([
      { name: 'demo_conf', target: '/conf', mode: 0o444 },
      { name: 'demo_text', target: '/etc/text', mode: 0o440, uid: 5 },
    ]);
    expect(container.secrets).toMatchObject([{ name: 'demo_key', target: '/run/secrets/key' }]);
    expect(stack.configs.map(({ data }) => data.toString())).toEqual(['c', 'v=$1']);
    expect(stack.secrets.map(({ data }) => data.toString())).toEqual(['k']);
  });

  it('says when nodes pull its image', () => {
    const { ALWAYS, MISSING, NEVER } = PullPolicy;
    const policies = ['always', 'never', 'missing', 'if_not_present'].map(
      (word) => loadWeb(`pull_policy: ${word}`).spec.task?.container?.pullPolicy,
    );
    expect(policies).toEqual([ALWAYS, NEVER, MISSING, MISSING]);
    expect(loadWeb('build: .\npull_policy: build').spec.task?.container?.pullPolicy).toBe(MISSING);
  });

  it('has secrets and configs of an included project with that project’s variables', () => {
    const files = {
      'sub/c.yml': 'configs: {c: {environment: V}}\nsecrets: {s: {environment: V}}\n',
      'sub/.env': 'V=inner',
    };
    const { stack } = loadWeb('configs: [c]\nsecrets: [s]', 'include: [sub/c.yml]\n', { files });
    expect([...stack.configs, ...stack.secrets].map(({ data }) => data.toString())).toEqual(['inner', 'inner']);
  });

  it('keeps templates as they are written', () => {
    const { container, stack } = loadWeb(
      'hostname: "web-{{.Task.Slot}}"\nenvironment: {NODE: "{{.Node.Hostname}}"}\nvolumes: ["v:/v", "/srv/{{.Node.ID}}:/n"]\nconfigs: [c]\nsecrets: [s]',
      'configs:\n  c: {content: "{{env \\"NODE\\"}}", template_driver: golang}\nsecrets:\n  s: {file: s.txt}\nvolumes:\n  v: {name: "data-{{.Task.Slot}}"}\n',
      { files: { 's.txt': '{{ no template' } },
    );
    expect(container.hostname).toBe('web-{{.Task.Slot}}');
    expect(container.env).toEqual(['NODE={{.Node.Hostname}}']);
    expect(container.mounts.map(({ source }) => source)).toEqual(['data-{{.Task.Slot}}', '/srv/{{.Node.ID}}']);
    expect(stack.configs).toMatchObject([{ data: Buffer.from('{{env "NODE"}}'), templateDriver: 'golang' }]);
    expect(stack.secrets).toMatchObject([{ data: Buffer.from('{{ no template'), templateDriver: '' }]);
  });

  it('reads restart, healthcheck, ulimits, sysctls and the smaller keys', () => {
    const { container, task } = loadWeb(
      'restart: "no"\nhealthcheck: {test: wget -q localhost, interval: 1m30s, retries: 2}\nulimits: {nofile: 100, nproc: {soft: 1, hard: 2}}\nsysctls: [net.core.somaxconn=10]\nhostname: h\nuser: 1000:1000\nworking_dir: /w\nstop_signal: SIGINT\nstop_grace_period: 3s\nread_only: true\ninit: true\ncap_add: [NET_ADMIN]\nextra_hosts: ["a:1.2.3.4", "b=::1"]',
    );
    expect(task.restart?.condition).toBe(RestartCondition.NONE);
    expect(container.healthcheck).toMatchObject({
      test: ['CMD-SHELL', 'wget -q localhost'],
      intervalMs: 90000,
      retries: 2,
    });
    expect(container.ulimits).toEqual([
      { name: 'nofile', soft: 100, hard: 100 },
      { name: 'nproc', soft: 1, hard: 2 },
    ]);
    expect(container).toMatchObject({
      sysctls: { 'net.core.somaxconn': '10' },
      hostname: 'h',
      user: '1000:1000',
      dir: '/w',
      stopSignal: 'SIGINT',
      stopGracePeriodMs: 3000,
      readOnly: true,
      init: true,
      capAdd: ['NET_ADMIN'],
      extraHosts: ['a:1.2.3.4', 'b:::1'],
    });
  });

  it('waits for its dependencies', () => {
    const { spec } = loadText(
      'services:\n  a: {image: x}\n  b: {image: x, depends_on: [a]}\n  c: {image: x, depends_on: {a: {condition: service_healthy}, gone: {condition: service_started, required: false}}}',
    );
    expect(spec.services.map(({ dependencies }) => dependencies)).toMatchObject([
      [],
      [{ service: 'demo_a', condition: DependencyCondition.STARTED }],
      [{ service: 'demo_a', condition: DependencyCondition.HEALTHY }],
    ]);
  });

  it('is built when it has build, under a name of its own unless it has an image', () => {
    const { services } = loadText(
      'services:\n  a: {build: ./app}\n  b: {image: b:2, build: {context: ., dockerfile: D, args: [K=V, FROM_SHELL], target: t}}',
      { env: { FROM_SHELL: 's' } },
    );
    expect(services[0]).toMatchObject({ image: 'demo-a:latest', build: { context: '/project/app' } });
    expect(services[1]).toMatchObject({
      image: 'b:2',
      build: { context: '/project', dockerfile: 'D', args: { K: 'V', FROM_SHELL: 's' }, target: 't' },
    });
  });
});
