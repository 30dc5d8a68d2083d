import { describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import { loadModel } from './load-model.ts';

const SEEDS = [
  'services:\n  web:\n    image: "a:${T:-1}"\n    ports: ["80:80", {target: 1, published: "2"}]\n    volumes: [d:/d, ./x:/x:ro, {type: tmpfs, target: /t, tmpfs: {size: 1m}}]\n    environment: {A: 1, B: }\n    depends_on: {db: {condition: service_healthy}}\n    deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 1g}}}\n  db: {extends: {service: web, file: c.yml}, build: {context: ., args: [A=1]}, depends_on: !reset []}\nvolumes: {d: }\n',
  'include: [c.yml, {path: [d.yml], env_file: .env}]\nservices:\n  a: &a {image: x, profiles: [p], healthcheck: {test: x, interval: 5s}, ulimits: {nofile: {soft: 1, hard: 2}}, extra_hosts: {a: 1.1.1.1}}\n  b: {<<: *a, labels: !override {x: y}, networks: {n: {aliases: [z]}}, secrets: [s], gpus: all}\nnetworks: {n: {ipam: {config: [{subnet: 10.0.0.0/8}]}}}\nsecrets: {s: {file: f}}\n',
];

/** Marsaglia's xorshift: the same numbers from the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.abs(state) % below;
  };
}

const PIECES = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ': ',
  '\n',
  '  ',
  '"',
  '$',
  '${',
  '}',
  '-',
  '!reset ',
  '!override ',
  '*a',
  '&b ',
  '~',
  'null',
  '0',
  '1e9',
  ',',
  '#',
  'x-',
  '<<: ',
  'extends: web',
  '\t',
  '\u0000',
  'é',
];

function mutated(text: string, random: (below: number) => number): string {
  let result = text;
  for (let count = 1 + random(4); count > 0; count -= 1) {
    const at = random(result.length);
    const piece = PIECES[random(PIECES.length)] ?? '';
    result = result.slice(0, at) + piece + result.slice(at + random(6));
  }
  return result;
}

/** Undefined: it was read, or refused as it should be. */
function crashOf(texts: readonly string[]): unknown {
  const files: Readonly<Record<string, string>> = {
    '/p/c.yml': texts[0] ?? '',
    '/p/d.yml': texts[1] ?? '',
    '/p/.env': 'T=2\n',
  };
  try {
    loadModel({
      files: ['c.yml', 'd.yml'],
      projectName: undefined,
      projectDirectory: undefined,
      envFiles: [],
      profiles: ['p'],
      interpolates: true,
      normalizes: true,
      resolvesPaths: true,
      checksConsistency: true,
      readsFiles: true,
      workingDirectory: '/p',
      env: {},
      readBytes: (path) => (files[path] === undefined ? undefined : Buffer.from(files[path])),
    });
    return undefined;
  } catch (error) {
    return error instanceof GantryError && error.message !== '' ? undefined : error;
  }
}

/** More of them with GANTRY_FUZZ=N. */
const RUNS = Number(process.env.GANTRY_FUZZ ?? 1500);

describe('whatever is in the files', () => {
  it('they are read, or refused with a message', () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const random = randomFrom(seed * 7919);
      const texts = SEEDS.map((text) => (random(3) === 0 ? text : mutated(text, random)));
      const crash = crashOf(texts);
      expect({ seed, texts: crash === undefined ? [] : texts, crash }).toEqual({ seed, texts: [], crash: undefined });
    }
  }, 600_000);
});
