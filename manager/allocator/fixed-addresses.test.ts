import { describe, expect, it } from 'vitest';
import { withFixedBlocks } from './fixed-addresses.ts';

const NODES = new Set(['n1', 'n2']);
const block = (nodeId: string, cidr: string) => ({ nodeId, cidr });

describe('blocks of fixed addresses', () => {
  const general = block('n1', '10.5.0.0/28');

  it('are where their tasks are', () => {
    const given = withFixedBlocks([general], [{ address: '10.5.0.50', nodeId: 'n2' }], NODES);
    expect(given).toEqual([general, block('n2', '10.5.0.50/32')]);
    expect(withFixedBlocks(given, [{ address: '10.5.0.50', nodeId: 'n2' }], NODES)).toEqual(given);
    expect(withFixedBlocks(given, [{ address: '10.5.0.50', nodeId: 'n1' }], NODES)).toEqual([
      general,
      block('n1', '10.5.0.50/32'),
    ]);
  });

  it('are nowhere without a task that had a node, without a service, and on nodes that are gone', () => {
    expect(withFixedBlocks([general], [{ address: '10.5.0.50', nodeId: undefined }], NODES)).toEqual([general]);
    expect(withFixedBlocks([general, block('n2', '10.5.0.50/32')], [], NODES)).toEqual([general]);
    expect(withFixedBlocks([general], [{ address: '10.5.0.50', nodeId: 'n3' }], NODES)).toEqual([general]);
  });
});
