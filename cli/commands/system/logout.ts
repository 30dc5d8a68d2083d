import type { Command } from 'commander';
import { type Cli, printLine } from '../../cli.ts';
import { CliError } from '../../failure.ts';
import { eraseCredentials } from '../../registry/credentials.ts';
import { DOCKER_HUB, serverDomain } from '../../registry/registry-server.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('[server]', 'HOST[:PORT] of the registry; Docker Hub if left out', DOCKER_HUB)
    .action(async (server: string) => {
      const domain = serverDomain(server);
      const outcome = await eraseCredentials(cli, domain);
      if (outcome === 'of docker') {
        throw new CliError(`the login for ${domain} is Docker's`, { hint: `use 'docker logout ${server}'` });
      }
      const lines = { erased: `Removing login credentials for ${domain}`, none: `Not logged in to ${domain}` };
      await printLine(cli, lines[outcome]);
    });
}
