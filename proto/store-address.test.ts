import { describe, expect, it } from 'vitest';
import { checkStoreFiles, parseStoreAddress } from './store-address.ts';

describe('parseStoreAddress', () => {
  it.each([
    ['etcd://h', { endpoints: ['h:2379'], prefix: 'gantry', tls: false }],
    ['etcd://h/', { endpoints: ['h:2379'], prefix: 'gantry', tls: false }],
    ['etcds://h1:1,h2,10.0.0.1:3/a/b-c/', { endpoints: ['h1:1', 'h2:2379', '10.0.0.1:3'], prefix: 'a/b-c', tls: true }],
    ['etcd://[2001:db8::1]:23,[::1]', { endpoints: ['[2001:db8::1]:23', '[::1]:2379'], prefix: 'gantry', tls: false }],
  ])('reads %s', (text, address) => {
    expect(parseStoreAddress(text)).toEqual(address);
  });

  it.each([
    '',
    'etcd',
    'etcd://',
    'http://h',
    'etcd://h,',
    'etcd://h:0',
    'etcd://h:65536',
    'etcd://h:x',
    'etcd://h/a b',
    'etcd://h?x=1',
    'etcd://h/a//b',
  ])('refuses %j', (text) => {
    expect(() => parseStoreAddress(text)).toThrow('invalid store');
  });

  it('refuses a password, which would be on a command line', () => {
    expect(() => parseStoreAddress('etcd://user:secret@h')).toThrow('not supported');
  });
});

describe('checkStoreFiles', () => {
  const plain = parseStoreAddress('etcd://h');
  const tls = parseStoreAddress('etcds://h');
  const none = { ca: '', cert: '', key: '' };

  it('takes what fits', () => {
    checkStoreFiles(plain, none);
    checkStoreFiles(tls, { ...none, ca: '/ca' });
    checkStoreFiles(tls, { ca: '/ca', cert: '/cert', key: '/key' });
  });

  it.each([
    [plain, { ...none, ca: '/ca' }, 'need a store etcds://'],
    [tls, none, 'needs --store-ca'],
    [tls, { ...none, ca: '/ca', cert: '/cert' }, 'need each other'],
    [tls, { ...none, ca: '/ca', key: '/key' }, 'need each other'],
    [undefined, { ...none, ca: '/ca' }, 'need a store etcds://'],
  ])('refuses what does not: %j %j', (address, files, message) => {
    expect(() => checkStoreFiles(address, files)).toThrow(message);
  });
});
