import { describe, expect, it } from 'vitest';
import { canonicalName, familiarName, parseReference, withDefaultTag } from './image-reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

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
});
