/** The driver option "encrypted" of networks: what they carry between nodes goes through WireGuard. Docker has it, too. */
import { GantryError } from './errors.ts';
import type { NetworkSpec } from './generated/gantry/v1/types.ts';

export const ENCRYPTED_OPTION = 'encrypted';

/** As with Docker, whatever its value: never less than what may have been meant. */
export function isEncrypted({ driverOpts }: Pick<NetworkSpec, 'driverOpts'>): boolean {
  return Object.hasOwn(driverOpts, ENCRYPTED_OPTION);
}

/** Throws INVALID_ARGUMENT for a value that could mean that it is not to be. */
export function checkEncryptedOption(network: string, options: NetworkSpec['driverOpts']): void {
  const value = options[ENCRYPTED_OPTION];
  if (value === undefined || value === '' || value === 'true') return;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `network ${network}: "${value}" is no value of option ${ENCRYPTED_OPTION}`,
    {
      hint: 'write "true", or leave the option out for a network that is not encrypted',
    },
  );
}
