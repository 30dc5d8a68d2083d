import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, complain } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { writeArchive } from '../../output-file.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<file>', "where to write the backup, or '-' for standard output; it holds every secret of the cluster")
    .action(async (file: string) => {
      await withClient(ControlClient, cli, (control) =>
        writeArchive(cli, file, () => responses(control.clusterBackup({}))),
      );
      if (file !== '-') await complain(cli, `Backup written to ${file}. Keep it as you keep the cluster's secrets.`);
    });
}
