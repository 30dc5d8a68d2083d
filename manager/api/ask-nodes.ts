/** The same question to many nodes. */
import type { NodeObject } from '../store/node.ts';

/** Each question opens streams to its node. */
const NODES_AT_ONCE = 32;

/** The answers in the order of the nodes, of which only so many are asked at a time. Rejects as the first that does. */
export async function askNodes<Answer>(
  nodes: readonly NodeObject[],
  ask: (node: NodeObject) => Promise<Answer>,
): Promise<Answer[]> {
  const answers = new Map<number, Answer>();
  const waiting = nodes.entries();
  const askOn = async () => {
    for (const [position, node] of waiting) answers.set(position, await ask(node));
  };
  await Promise.all(nodes.slice(0, NODES_AT_ONCE).map(askOn));
  return [...answers.entries()].sort(([a], [b]) => a - b).map(([, answer]) => answer);
}
