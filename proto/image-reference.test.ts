import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GantryError } from './errors.ts';
import { canonicalName, familiarName, parseReference, withDefaultTag } from './image-reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

/** Times what is tried in CI. */
const EFFORT = Number(process.env.GANTRY_FUZZ ?? 1);

describe('references', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['index.docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['grafana/grafana', 'docker.io/grafana/grafana:latest', 'grafana/grafana:latest'],
    ['library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
    ['localhost/a', 'localhost/a:latest', 'localhost/a:latest'],
    ['localhost:5000/a:b', 'localhost:5000/a:b', 'localhost:5000/a:b'],
    ['registry.example.com:5000/a/b/c:v1', 'registry.example.com:5000/a/b/c:v1', 'registry.example.com:5000/a/b/c:v1'],
    ['[2001:db8::1]:5000/a', '[2001:db8::1]:5000/a:latest', '[2001:db8::1]:5000/a:latest'],
    ['Uppercase/a', 'Uppercase/a:latest', 'Uppercase/a:latest'],
    [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox@${DIGEST}`],
    [`busybox:1@${DIGEST}`, `docker.io/library/busybox:1@${DIGEST}`, `busybox:1@${DIGEST}`],
    ['a__b/c-d.e', 'docker.io/a__b/c-d.e:latest', 'a__b/c-d.e:latest'],
  ])('reads %s as %s and shows %s', (text, canonical, familiar) => {
    const reference = withDefaultTag(parseReference(text));
    expect(canonicalName(reference)).toBe(canonical);
    expect(familiarName(reference)).toBe(familiar);
  });

  it.each([
    ['', /invalid reference format/],
    ['Busybox', /must be lowercase/],
    ['a/B', /must be lowercase/],
    ['a:', /invalid reference format/],
    ['a: b', /invalid reference format/],
    ['-a', /invalid reference format/],
    ['a//b', /invalid reference format/],
    ['a..b', /invalid reference format/],
    [`a:${'x'.repeat(129)}`, /invalid reference format/],
    ['a@sha256:abc', /64 hex digits/],
    [DIGEST.slice(7), /64-byte hexadecimal/],
    ['a'.repeat(256), /255 characters/],
    ['https://docker.io/busybox', /invalid reference format/],
  ])('refuses %s', (text, message) => {
    expect(() => parseReference(text)).toThrow(message);
  });

  it('takes the longest tag and the longest path', () => {
    expect(parseReference(`a:${'x'.repeat(128)}`).tag).toHaveLength(128);
    expect(parseReference('a'.repeat(247)).path).toHaveLength(255);
  });

  /** The grammar as distribution/reference writes it down, in one piece; undefined for what it refuses. */
  function byGrammar(text: string): { domain: string; path: string; tag?: string; digest?: string } | undefined {
    if (/^[a-f0-9]{64}$/.test(text)) return undefined;
    const slash = text.indexOf('/');
    const first = text.slice(0, Math.max(0, slash));
    const isDomain = /[.:A-Z]/.test(first) || first === 'localhost';
    const [host, rest] = isDomain ? [first, text.slice(slash + 1)] : ['docker.io', text];
    const domain = host === 'index.docker.io' ? 'docker.io' : host;
    const full = `${domain}/${domain === 'docker.io' && !rest.includes('/') ? 'library/' : ''}${rest}`;
    const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
    const component = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*';
    const [matched, ...parts] =
      new RegExp(
        `^((?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?)/(${component}(?:/${component})*)` +
          '(?::([\\w][\\w.-]{0,127}))?(?:@(sha256:[a-f0-9]{64}))?$',
      ).exec(full) ?? [];
    const [matchedDomain = '', path = '', tag, digest] = parts;
    if (matched === undefined || path.length > 255) return undefined;
    return { domain: matchedDomain, path, ...(tag && { tag }), ...(digest && { digest }) };
  }

  it(
    'are read as the grammar says, whatever they are',
    () => {
      const piece = fc.oneof(
        fc.constantFrom(
          'a',
          'b1',
          'A',
          '.',
          '..',
          '_',
          '__',
          '___',
          '-',
          '--',
          '/',
          '//',
          ':',
          '@',
          '[::1]',
          ':5000',
          'localhost',
        ),
        fc.constantFrom(
          'docker.io',
          'index.docker.io',
          'library',
          'x'.repeat(128),
          'y'.repeat(250),
          DIGEST,
          DIGEST.slice(7),
        ),
        fc.constantFrom('é', ' ', '\n', '\0', '%2f', '\\', 'sha256:', 'sha512:'),
        fc.string({ maxLength: 3 }),
      );
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
          const text = pieces.join('');
          let read: ReturnType<typeof byGrammar>;
          try {
            const { domain, path, tag, digest } = parseReference(text);
            read = { domain, path, ...(tag && { tag }), ...(digest && { digest }) };
          } catch (error) {
            expect(error).toBeInstanceOf(GantryError);
          }
          expect(read).toEqual(byGrammar(text));
          if (read !== undefined)
            expect(parseReference(canonicalName(parseReference(text)))).toEqual(parseReference(text));
        }),
        { numRuns: 3000 * EFFORT, ...(EFFORT === 1 && { seed: 51 }) },
      );
    },
    30_000 * EFFORT,
  );

  it.each([
    'a'.repeat(100_000),
    `${'a-'.repeat(50_000)}!`,
    `${'a.'.repeat(50_000)}/b`,
    `${'a/'.repeat(50_000)}:`,
    `${'_'.repeat(100_000)}`,
    `a:${'-'.repeat(100_000)}`,
    '@'.repeat(100_000),
  ])('that are endless are refused at once', (text) => {
    const before = performance.now();
    expect(() => parseReference(text)).toThrow(/invalid reference format/);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
