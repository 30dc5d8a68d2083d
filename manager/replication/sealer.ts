/** How records are kept from being read, changed or moved on disk. The keys are no concern of the log's. */
export interface Sealer {
  /** The record that `unseal` takes back. `name`: its place in the log. */
  seal(name: string, content: Uint8Array): Buffer;
  /** As `seal`, but in slices: a snapshot may have many megabytes. The content must not change meanwhile. */
  sealLarge(name: string, content: Uint8Array): Promise<Buffer>;
  /** Undefined when this isn't what was sealed under this name: a flipped bit, or another record in its place. */
  unseal(name: string, record: Uint8Array): Buffer | undefined;
  /** As `unseal`, but in slices. The record must not change meanwhile. */
  unsealLarge(name: string, record: Uint8Array): Promise<Buffer | undefined>;
}
