/** What `network doctor` has found. */
import type { NetworkFinding } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../../proto/template/values.ts';
import type { Listing } from '../listing.ts';

export const FINDING_LISTING: Listing = {
  headings: { Node: 'NODE', Peer: 'TO', Subject: 'SUBJECT', Message: 'FINDING', Hint: 'WHAT TO DO' },
  defaultTable: '{{.Node}}\t{{.Peer}}\t{{.Subject}}\t{{.Message}}\t{{.Hint}}',
  quietField: 'Message',
};

export function findingRow({ node, peer, subject, message, hint }: NetworkFinding): Fields {
  return { Hint: hint, Message: message, Node: node, Peer: peer, Subject: subject };
}
