import { describe, expect, it } from 'vitest';
import { NodeRole, Placement } from '../../proto/generated/gantry/v1/types.ts';
import { node } from '../objects.testing.ts';
import { rulesOf, unmetConstraint } from './rules.ts';

const machine = node('Abc1', {
  labels: { zone: 'EU' },
  engineLabels: { disk: 'ssd' },
  platform: { os: 'linux', architecture: 'amd64' },
  role: NodeRole.MANAGER,
});
const unmet = (...constraints: string[]) =>
  unmetConstraint(rulesOf(Placement.fromPartial({ constraints })), machine)?.text;

describe('unmetConstraint', () => {
  it.each([
    'node.id==Abc1',
    'node.hostname==abc1',
    'node.role==Manager',
    'node.platform.os==Linux',
    'node.platform.arch==x86_64',
    'node.platform.arch==amd64',
    'node.platform.arch!=aarch64',
    'node.labels.zone==eu',
    'node.labels.rack!=1',
    'engine.labels.disk==ssd',
  ])('%s is met', (constraint) => {
    expect(unmet(constraint)).toBeUndefined();
  });

  it.each([
    'node.id==abc1',
    'node.role!=manager',
    'node.labels.rack==1',
    'node.labels.zone!=EU',
    'engine.labels.zone==EU',
  ])('%s is not', (constraint) => {
    expect(unmet(constraint)).toBe(constraint);
  });

  it('is the first of several that is not met', () => {
    expect(unmet('node.role==manager', 'node.labels.zone==us', 'node.labels.rack==1')).toBe('node.labels.zone==us');
  });

  it('is met by no node when it is not understood', () => {
    expect(unmet('node.future==x')).toBe('node.future==x');
  });
});
