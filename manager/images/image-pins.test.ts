import { describe, expect, it } from 'vitest';
import { RegistryFacts, ResolveImage } from '../../proto/generated/gantry/v1/control.ts';
import { DistributionInspectResponse } from '../../proto/generated/gantry/v1/engine.ts';
import { PullPolicy, ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { isUnrecorded, toldPlatforms, withPinnedImage } from './image-pins.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const A = digest('a');
const B = digest('b');
const C = digest('c');
const AMD64 = { os: 'linux', architecture: 'amd64' };
const { ALWAYS, CHANGED, NEVER } = ResolveImage;

const fact = (of: string, remembered = false) =>
  DistributionInspectResponse.fromPartial({ digest: of, platforms: [AMD64], remembered });
const onNode = (...names: string[]) => names.map((name) => `docker.io/library/${name}`);

const MADE = { 'web:1': { digest: C, platform: AMD64, otherPlatforms: [] } };
/** The tag has gone to another image on a node. */
const MOVED = [onNode('web:1', `web@${B}`)];

interface Case {
  readonly image?: string;
  readonly before?: string;
  readonly resolve?: ResolveImage;
  readonly fact?: DistributionInspectResponse;
  readonly nodes?: readonly (readonly string[])[];
  readonly pullPolicy?: PullPolicy;
  readonly built?: RegistryFacts['built'];
  readonly toBuild?: string[];
}

function pinned({
  image = 'web:1',
  before,
  resolve = ALWAYS,
  fact: said,
  nodes = [],
  pullPolicy = 0,
  built = {},
  toBuild = [],
}: Case) {
  const spec = ServiceSpec.fromPartial({ task: { container: { image, pullPolicy } } });
  const facts = RegistryFacts.fromPartial({ images: said === undefined ? {} : { [image]: said }, built, toBuild });
  const context = { resolve, facts, nodes: { namesBeside: () => nodes } };
  return withPinnedImage(spec, before, context).task?.container?.image;
}

describe('the image of a service that is deployed', () => {
  it.each<[string, Case, string]>([
    ['is what its registry has', { fact: fact(A) }, `web:1@${A}`],
    ['has the default tag', { image: 'web', fact: fact(A) }, `web:latest@${A}`],
    ['stays as it is when nobody knows', {}, 'web:1'],
    ['stays as it is when nobody is to be asked', { resolve: NEVER, fact: fact(A) }, 'web:1'],
    ['is given back its tag alone when nobody is to be asked', { resolve: NEVER, before: `web:1@${A}` }, 'web:1'],
    ['stays as it is when it is never pulled', { pullPolicy: PullPolicy.NEVER, fact: fact(A) }, 'web:1'],
    ['is what its user says it is', { image: `web:1@${B}`, fact: fact(A) }, `web:1@${B}`],
    ['is no id', { image: digest('c'), fact: fact(A) }, digest('c')],
    ['moves with its tag', { before: `web:1@${A}`, fact: fact(B) }, `web:1@${B}`],
    ['stays with what was changed otherwise', { before: `web:1@${A}`, resolve: CHANGED, fact: fact(B) }, `web:1@${A}`],
    ['moves when it was another', { before: `web:0@${A}`, resolve: CHANGED, fact: fact(B) }, `web:1@${B}`],
    ['stays while the registry is away', { before: `web:1@${A}` }, `web:1@${A}`],
    ['stays without a digest, too', { before: 'web:1', fact: fact(A, true) }, 'web:1'],
    [
      'stays while the nodes have that one',
      { before: `web:1@${A}`, nodes: [onNode('web:1', `web@${A}`)] },
      `web:1@${A}`,
    ],
    [
      'is what nodes have under the tag by now',
      { before: `web:1@${A}`, nodes: [onNode('web:1', `web@${B}`)] },
      'web:1',
    ],
    ['is what a node has pulled once', { fact: fact(A, true), nodes: [onNode('web:1', `web@${A}`)] }, `web:1@${A}`],
    [
      'is not what one of two nodes has pulled once',
      { fact: fact(A, true), nodes: [onNode('web:1', `web@${A}`), onNode('web:1', `web@${B}`)] },
      'web:1',
    ],
    ['is what was built', { before: `web:1@${A}`, fact: fact(A), built: MADE }, `web:1@${C}`],
    ['is what was built, whatever is asked', { before: `web:1@${A}`, resolve: CHANGED, built: MADE }, `web:1@${C}`],
    ['is what was built, also if it is never pulled', { pullPolicy: PullPolicy.NEVER, built: MADE }, `web:1@${C}`],
    ['is what it was until it is built', { before: `web:1@${A}`, toBuild: ['web:1'], nodes: MOVED }, `web:1@${A}`],
    [
      'is nothing that is known until it is built',
      { before: `web:0@${A}`, toBuild: ['web:1'], fact: fact(A) },
      'web:1',
    ],
  ])('%s', (_, given, expected) => {
    expect(pinned(given)).toBe(expected);
  });

  it('has to have a digest that is one', () => {
    expect(() => pinned({ fact: fact('latest') })).toThrow('is no digest of an image');
  });

  it('has the platforms that it was built for, or its registry says', () => {
    const facts = RegistryFacts.fromPartial({
      images: { 'web:1': fact(A), 'web:2': fact(B, true) },
      built: { 'made:1': { digest: C, platform: AMD64 } },
    });
    const images = ['web:1', `web:1@${A}`, 'web:2', 'web:3', `made:1@${C}`];
    const platforms = images.map((image) => toldPlatforms(image, facts));
    expect(platforms).toEqual([[AMD64], [AMD64], [], [], [AMD64]]);
  });

  it('is recorded when it has a digest, or is an id', () => {
    expect(['web', 'web:1', `web:1@${A}`, A].map(isUnrecorded)).toEqual([true, true, false, false]);
  });
});
