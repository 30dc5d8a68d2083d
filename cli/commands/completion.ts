/** `completion bash|zsh|fish`: prints what makes the shell complete gantry's command lines. */
import { Argument, type Command } from 'commander';
import { type Cli, print } from '../cli.ts';
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.ts';

export function define(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(SHELLS))
    .addHelpText(
      'after',
      `
To load it now:           bash, zsh:  source <(gantry completion bash)
                          fish:       gantry completion fish | source
To have it in each shell: bash:       gantry completion bash > /etc/bash_completion.d/gantry
                          zsh:        gantry completion zsh > "\${fpath[1]}/_gantry"
                          fish:       gantry completion fish > ~/.config/fish/completions/gantry.fish`,
    )
    .action((shell: Shell) => print(cli, SCRIPTS[shell]));
}
