/**
 * Which nodes are bringing an image: those that come later take its layers from them as they arrive, so that of many nodes which
 * want it at once only the first asks the registry. Known to the leader alone, for some time after a node has asked.
 */

/** A pull that takes longer is no help to others any more: they would wait for it. */
const PULL_MS = 10 * 60_000;

export class ImagePulls {
  /** By image; when each node has asked, the first at the front. */
  readonly #images = new Map<string, Map<string, number>>();

  /** Those that asked before the node did, which none of them is told of: no two wait for each other. */
  begin(image: string, nodeId: string, nowMs: number): readonly string[] {
    this.#expire(nowMs);
    const nodes = this.#images.get(image) ?? new Map<string, number>();
    this.#images.set(image, nodes);
    // One that asks again has failed: it is the last now.
    nodes.delete(nodeId);
    const before = [...nodes.keys()];
    nodes.set(nodeId, nowMs);
    return before;
  }

  /** Its session has ended. */
  forget(nodeId: string): void {
    for (const [image, nodes] of this.#images) {
      nodes.delete(nodeId);
      if (nodes.size === 0) this.#images.delete(image);
    }
  }

  #expire(nowMs: number): void {
    for (const [image, nodes] of this.#images) {
      for (const [nodeId, askedAtMs] of nodes) if (askedAtMs + PULL_MS <= nowMs) nodes.delete(nodeId);
      if (nodes.size === 0) this.#images.delete(image);
    }
  }
}
