import { describe, expect, it } from 'vitest';
import { parseConstraint, parseSpread } from './constraint.ts';

describe('parseConstraint', () => {
  it.each([
    ['node.id==abc', { of: 'id' }, '==', 'abc'],
    ['node.hostname != web-1', { of: 'hostname' }, '!=', 'web-1'],
    ['node.role==manager', { of: 'role' }, '==', 'manager'],
    ['node.platform.os==linux', { of: 'os' }, '==', 'linux'],
    ['node.platform.arch==x86_64', { of: 'architecture' }, '==', 'x86_64'],
    ['node.labels.zone==eu west', { of: 'label', label: 'zone' }, '==', 'eu west'],
    ['node.labels.com.example/disk==ssd', { of: 'label', label: 'com.example/disk' }, '==', 'ssd'],
    ['engine.labels.gpu!=none', { of: 'engine-label', label: 'gpu' }, '!=', 'none'],
  ])('%s', (text, attribute, operator, value) => {
    expect(parseConstraint(text)).toMatchObject({ attribute, operator, value });
  });

  it('leaves out spaces around its parts', () => {
    expect(parseConstraint(' node.role  ==  worker ')).toMatchObject({ text: 'node.role==worker' });
  });

  it.each([
    ['node.role=manager', 'has no operator'],
    ['node.role', 'has no operator'],
    ['node.colour==red', 'unknown key "node.colour"'],
    ['node.labels.==x', 'unknown key "node.labels."'],
    ['==x', 'unknown key ""'],
    ['node.labels.zone==', 'invalid value ""'],
    ['node.labels.zone==a;b', 'invalid value "a;b"'],
    ['node.role==leader', 'unknown role "leader"'],
  ])('refuses %s', (text, message) => {
    expect(parseConstraint(text)).toMatchObject({
      message: expect.stringContaining(message),
      hint: expect.any(String),
    });
  });
});

describe('parseSpread', () => {
  it('takes labels only', () => {
    expect(parseSpread('node.labels.zone')).toEqual({ of: 'label', label: 'zone' });
    expect(parseSpread('engine.labels.rack')).toEqual({ of: 'engine-label', label: 'rack' });
    expect(parseSpread('node.hostname')).toMatchObject({ hint: 'write node.labels.NAME or engine.labels.NAME' });
  });
});
