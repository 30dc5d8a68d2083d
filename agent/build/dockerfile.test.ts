import { describe, expect, it } from 'vitest';
import { ImageConfig } from '../../proto/generated/gantry/v1/engine.ts';
import { planBuild } from './build-plan.ts';
import { applyChanges, commandOf, withSearchPath } from './config-changes.ts';
import { parseDockerfile } from './dockerfile.ts';
import { historyText } from './history-text.ts';

const parse = (text: string) => parseDockerfile(text, 'Dockerfile').instructions;
const plan = (text: string, target = '', args: Record<string, string> = {}) =>
  planBuild(parseDockerfile(text, 'Dockerfile'), {
    ...{ target, args, contexts: new Map(), targetPlatform: undefined },
    platform: { os: 'linux', architecture: 'amd64' },
  });

describe('Dockerfiles', () => {
  it('joins lines, drops comments, and keeps line numbers', () => {
    const text = ['# comment', '', 'FROM scratch', 'RUN a \\', '  # between', '', '  && b', 'run c'].join('\n');
    expect(parse(text).map(({ keyword, line, text }) => [keyword, line, text])).toEqual([
      ['FROM', 3, 'scratch'],
      ['RUN', 4, 'a   && b'],
      ['RUN', 8, 'c'],
    ]);
  });

  it('obeys the escape directive, Windows line ends and a byte order mark', () => {
    expect(parse('\uFEFF# escape=`\r\nFROM scratch\r\nRUN a `\r\n  b\\\r\n').at(-1)?.text).toBe('a   b\\');
  });

  it('reads flags and here-documents', () => {
    const [copy, run] = parse(
      "FROM scratch\nCOPY --chown=1:2 --chmod=0755 <<EOF <<-'B' /x/\n$A\nEOF\n\tkeep\n\tB\nRUN cat <<EOF > /y\nhello\nEOF\n",
    ).slice(1);
    expect(copy).toMatchObject({
      flags: new Map([
        ['chown', '1:2'],
        ['chmod', '0755'],
      ]),
      summary: "COPY --chown=1:2 --chmod=0755 <<EOF <<-'B' /x/",
    });
    expect(copy?.heredocs).toEqual([
      { name: 'EOF', content: '$A\n', expand: true, marker: '<<EOF' },
      { name: 'B', content: 'keep\n', expand: false, marker: "<<-'B'" },
    ]);
    expect(run?.heredocs).toMatchObject([{ content: 'hello\n' }]);
  });

  it.each([
    ['arithmetic', 'RUN x=$((a<<b)) && y=$((1 << 2))'],
    ['text in quotes', `RUN echo "<<EOF" 'a <<EOF b' "c <<'EOF'"`],
    ['the exec form', 'RUN ["echo", "<<EOF"]'],
    ['a here-string', 'RUN cat <<< EOF'],
    ['another instruction', 'CMD cat <<EOF'],
  ])('finds no here-documents in %s', (_, line) => {
    const [instruction, next] = parse(`FROM scratch\n${line}\nENV EOF=\n`).slice(1);
    expect(instruction?.heredocs).toEqual([]);
    expect(next).toMatchObject({ keyword: 'ENV', line: 3 });
  });

  it('reads here-documents behind a line that is continued, and those of triggers', () => {
    const [run, trigger, last] = parse(
      'FROM scratch\nRUN cat <<A \\\n# comment\n  <<-"B C" >/x\n# 1\nA\n\tB \n\tB C\nONBUILD RUN <<EOF\nx\nEOF\nUSER y\n',
    ).slice(1);
    expect(run?.heredocs).toMatchObject([{ content: '# 1\n' }, { name: 'B C', content: 'B \n', expand: false }]);
    expect(run).toMatchObject({ line: 2, lastLine: 8 });
    expect(trigger).toMatchObject({ text: 'RUN <<EOF\nx\nEOF', line: 9 });
    expect(last).toMatchObject({ keyword: 'USER', line: 12 });
  });

  it('takes a step to be isolated for what is so anyway', () => {
    expect(parse('FROM scratch\nRUN --security=sandbox --network=none x').at(-1)?.text).toBe('x');
  });

  it.each([
    ['# escape=x\nFROM scratch', "Dockerfile:1: the escape character can't be x"],
    ['FROM scratch\nFETCH x', 'Dockerfile:2: unknown instruction: FETCH'],
    ['FROM scratch\nONBUILD FROM x', "Dockerfile:2: FROM isn't allowed as an ONBUILD trigger"],
    ['FROM scratch\nONBUILD COPPY x y', 'Dockerfile:2: unknown instruction: COPPY'],
    ['FROM scratch\nRUN --security=insecure y', 'Dockerfile:2: RUN --security=insecure is not supported'],
    ['FROM scratch\nCOPY --link=perhaps a b', 'Dockerfile:2: COPY --link=perhaps is neither true nor false'],
    ['# syntax=example.com/own:1\nFROM scratch', 'Dockerfile:1: the syntax example.com/own:1 is not supported'],
    ['FROM scratch\nCOPY --chwon=1 a b', 'Dockerfile:2: unknown flag: COPY --chwon'],
    ['FROM scratch\nCOPY --chown a b', 'Dockerfile:2: COPY --chown requires a value'],
    ['FROM scratch\n\nENV', 'Dockerfile:3: ENV requires an argument'],
    ['FROM scratch\nRUN <<EOF\nx', 'Dockerfile:2: unterminated here-document: no line "EOF"'],
  ])('refuses %j', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe('misspelt words', () => {
  it.each([
    ['FROM scratch\nCPOY a b', 'did you mean COPY?'],
    ['FROM scratch\nCOPY --chwon=1 a b', 'did you mean --chown?'],
    ['FROM scratch\nRUN --mont=type=tmpfs x', 'did you mean --mount?'],
    ['FROM scratch\nHEALTHCHECK --what=1s NONE', expect.stringContaining('--interval, --timeout')],
  ])('%j', (text, hint) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ hint }));
  });
});

describe('directives', () => {
  it('may stand together, and Docker’s syntax is understood whatever its version', () => {
    const text = '# syntax=docker/dockerfile:1.7-labs\n# check=skip=all\n# escape=`\nFROM scratch\nRUN a `\n b\n';
    expect(parse(text).at(-1)?.text).toBe('a  b');
  });
});

describe('plans', () => {
  it('leaves out stages that the target does not need', () => {
    const text =
      'FROM a AS one\nFROM b AS two\nFROM one AS three\nCOPY --from=0 /x /\nFROM scratch\nCOPY --from=three /x /\n';
    expect(plan(text).needed.map(({ index }) => index)).toEqual([0, 2, 3]);
    expect(plan(text, 'two').needed.map(({ index }) => index)).toEqual([1]);
    expect(plan(text, '0').needed.map(({ index }) => index)).toEqual([0]);
  });

  it('means the last stage above of several with one name', () => {
    const { stages, target } = plan('FROM a AS x\nFROM x AS X\nFROM x\nCOPY --from=x /y /\nFROM d AS x\n', 'x');
    expect(stages.map(({ base }) => base)).toEqual([
      { kind: 'image', reference: 'a' },
      { kind: 'stage', index: 0 },
      { kind: 'stage', index: 1 },
      { kind: 'image', reference: 'd' },
    ]);
    expect(stages[2]?.sources.get('x')?.base).toEqual({ kind: 'stage', index: 1 });
    expect(target.index).toBe(3);
  });

  it('puts build arguments into FROM', () => {
    const text = 'ARG TAG=1\nARG IMAGE=busybox:$TAG\nFROM ${IMAGE}\n';
    expect(plan(text).stages[0]?.base).toEqual({ kind: 'image', reference: 'busybox:1' });
    expect(plan(text, '', { TAG: '2' }).stages[0]?.base).toEqual({ kind: 'image', reference: 'busybox:2' });
    expect(plan('FROM x-$TARGETARCH\n').stages[0]?.base).toEqual({ kind: 'image', reference: 'x-amd64' });
  });

  it.each([
    ['', '', 'Dockerfile: there is no FROM'],
    ['RUN x\nFROM a', '', 'Dockerfile:1: RUN before the first FROM'],
    ['FROM a b c', '', 'Dockerfile:1: FROM is written'],
    ['FROM $X', '', 'Dockerfile:1: the base image $X is empty'],
    ['FROM a\nCOPY --from=1 x y', '', 'Dockerfile:2: --from=1 is not a stage above'],
    ['FROM a\nRUN --mount=type=bind,from=1,target=/x y', '', 'Dockerfile:2: --from=1 is not a stage above'],
    ['FROM a\nRUN --mount=bind y', '', 'Dockerfile:2: --mount=bind: "bind" is not KEY=VALUE'],
    ['FROM --platform=windows/amd64 a', '', 'Dockerfile:1: building for windows/amd64'],
    ['FROM a', 'nope', 'there is no stage "nope"'],
  ])('refuses %j', (text, target, message) => {
    expect(() => plan(text, target)).toThrow(message);
  });
});

describe('changes of the config', () => {
  const change = (...changes: string[]) =>
    applyChanges(ImageConfig.create({ env: ['PATH=/bin', 'A=1'], dir: '/srv', command: ['old'] }), changes);

  it('sets, replaces and expands', () => {
    expect(change('ENV A=2 B=$A/x', 'ENV OLD form  of it')).toMatchObject({
      env: ['PATH=/bin', 'A=2', 'B=1/x', 'OLD=form  of it'],
    });
    expect(change('WORKDIR app', 'WORKDIR $A')).toMatchObject({ dir: '/srv/app/1' });
    expect(change('LABEL a="b c" "d e"=f')).toMatchObject({ labels: { a: 'b c', 'd e': 'f' } });
    expect(change('EXPOSE 80 443/tcp 53/udp 8000-8002')).toMatchObject({
      exposedPorts: ['80/tcp', '443/tcp', '53/udp', '8000/tcp', '8001/tcp', '8002/tcp'],
    });
    expect(change('VOLUME ["/a b"]', 'VOLUME /c /d')).toMatchObject({ volumes: ['/a b', '/c', '/d'] });
  });

  it('knows exec and shell form, and that an entrypoint drops an inherited command', () => {
    expect(change('CMD ["a", "b"]')).toMatchObject({ command: ['a', 'b'] });
    expect(change('SHELL ["/bin/ash", "-ec"]', 'CMD echo  "$A"')).toMatchObject({
      command: ['/bin/ash', '-ec', 'echo  "$A"'],
    });
    expect(change('ENTRYPOINT ["x"]')).toMatchObject({ entrypoint: ['x'], command: [] });
    expect(change('CMD ["y"]', 'ENTRYPOINT ["x"]')).toMatchObject({ entrypoint: ['x'], command: ['y'] });
    expect(commandOf({ text: '[ -f x ] && y' }, ImageConfig.create())).toEqual(['/bin/sh', '-c', '[ -f x ] && y']);
  });

  it('reads healthchecks', () => {
    expect(change('HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD ["a"]').healthcheck).toMatchObject({
      test: ['CMD', 'a'],
      intervalMs: 90_000,
      timeoutMs: 500,
      retries: 3,
    });
    expect(change('HEALTHCHECK NONE').healthcheck?.test).toEqual(['NONE']);
    expect(change('SHELL ["/bin/ash", "-ec"]', 'HEALTHCHECK CMD a').healthcheck?.test).toEqual(['CMD-SHELL', 'a']);
  });

  it('tells the history values, not variables', () => {
    const expander = { variables: (name: string) => (name === 'A' ? 'x y' : undefined), escapeChar: '\\' };
    const told = (text: string) =>
      parse(`FROM scratch\n${text}`)
        .slice(1)
        .map((instruction) => historyText(instruction, expander, ImageConfig.create({ dir: '/w/x y' })));
    expect(told('ENV B=$A C="d e"\nENV OLD $A\nLABEL l=${A}\nWORKDIR $A\nUSER $A\nEXPOSE 80 ${P:-81}\nCMD $A')).toEqual(
      [...['ENV B=x y C=d e', 'ENV OLD=x y', 'LABEL l=x y', 'WORKDIR /w/x y', 'USER x y', 'EXPOSE 80 81', 'CMD $A']],
    );
  });

  it('knows signals', () => {
    const signals = ['SIGTERM', 'int', '9', 'SIGRTMIN+3', 'RTMAX-1'];
    const kept = ['SIGTERM', 'INT', '9', 'SIGRTMIN+3', 'RTMAX-1'];
    expect(signals.map((signal) => change(`STOPSIGNAL ${signal}`).stopSignal)).toEqual(kept);
    for (const signal of ['SIGFOO', 'FOO', '0', 'SIGRTMIN+16'])
      expect(() => change(`STOPSIGNAL ${signal}`)).toThrow(`invalid signal "${signal}"`);
  });

  it('says where programs are for an image that does not', () => {
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    expect(withSearchPath(ImageConfig.create({ env: ['A=1'] })).env).toEqual(['A=1', path]);
    expect(withSearchPath(ImageConfig.create({ env: ['PATH=/bin'] })).env).toEqual(['PATH=/bin']);
  });

  it.each([
    ['ENV A', /has no value/],
    ['ENV A=1 B', /is not NAME=VALUE/],
    ['EXPOSE 99999', /invalid port/],
    ['SHELL /bin/sh', /JSON array/],
    ['STOPSIGNAL ??', /invalid signal/],
    ['HEALTHCHECK true', /followed by NONE or by CMD/],
    ['HEALTHCHECK --interval=5 CMD true', /invalid duration/],
    ['RUN true', /not a change of the config/],
  ])('refuses %s', (text, message) => {
    expect(() => change(text)).toThrow(message);
  });
});
