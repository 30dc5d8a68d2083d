/**
 * Every command by name. A command's code is loaded when it is run, so that starting one doesn't cost the reading
 * of all others.
 */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';

export interface CommandModule {
  /** Declares the command's arguments and options, and what it does. */
  define(command: Command, cli: Cli): void;
}

export interface CommandEntry {
  /** Its full name first ("container ls"), then the other ways to call it ("ps"). */
  readonly names: readonly [string, ...string[]];
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

/** Nouns in the order of help. */
export const NOUNS: readonly {
  readonly name: string;
  readonly summary: string;
  readonly aliases: readonly string[];
}[] = [
  { name: 'stack', summary: 'Deploy and manage stacks from compose files', aliases: [] },
  { name: 'compose', summary: 'Work with projects from compose files', aliases: [] },
  { name: 'service', summary: 'Manage services', aliases: [] },
  { name: 'container', summary: 'Manage containers', aliases: [] },
  { name: 'image', summary: 'Manage images', aliases: [] },
  { name: 'builder', summary: 'Manage builds', aliases: ['buildx'] },
  { name: 'network', summary: 'Manage networks', aliases: [] },
  { name: 'volume', summary: 'Manage volumes', aliases: [] },
  { name: 'secret', summary: 'Manage secrets', aliases: [] },
  { name: 'config', summary: 'Manage configs', aliases: [] },
  { name: 'cluster', summary: 'Manage the cluster', aliases: ['swarm'] },
  { name: 'node', summary: 'Manage nodes', aliases: [] },
  { name: 'client', summary: 'Manage who may use the cluster from afar', aliases: [] },
  { name: 'context', summary: 'Manage which cluster this command line uses', aliases: [] },
  { name: 'system', summary: 'Manage gantryd and its host', aliases: [] },
];

export const COMMANDS: readonly CommandEntry[] = [
  {
    names: ['stack deploy', 'stack up'],
    summary: 'Deploy a stack from compose files, or update it',
    load: () => import('./stack/deploy.ts'),
  },
  {
    names: ['stack diff'],
    summary: 'Show what a deploy would change, field by field, and change nothing',
    load: () => import('./stack/diff.ts'),
  },
  {
    names: ['stack config'],
    summary: 'Print what compose files say all together',
    load: () => import('./stack/config.ts'),
  },
  {
    names: ['compose config', 'compose convert'],
    summary: 'Print what compose files say all together',
    load: () => import('./stack/config.ts'),
  },
  { names: ['compose up'], summary: 'Start a project, or bring it up to date', load: () => import('./compose/up.ts') },
  {
    names: ['compose create'],
    summary: 'Make the services of a project, and start nothing',
    load: () => import('./compose/create.ts'),
  },
  { names: ['compose down'], summary: 'Take a project away', load: () => import('./compose/down.ts') },
  { names: ['compose ps'], summary: 'List the containers of a project', load: () => import('./compose/ps.ts') },
  { names: ['compose ls'], summary: 'List projects', load: () => import('./compose/ls.ts') },
  {
    names: ['compose logs'],
    summary: 'Show what the containers of a project write',
    load: () => import('./compose/logs.ts'),
  },
  {
    names: ['compose exec'],
    summary: 'Run a command in a container of a service',
    load: () => import('./compose/exec.ts'),
  },
  {
    names: ['compose run'],
    summary: 'Run a container of its own for a service',
    load: () => import('./compose/run.ts'),
  },
  { names: ['compose build'], summary: 'Build the images of services', load: () => import('./compose/build.ts') },
  { names: ['compose pull'], summary: 'Pull the images of services', load: () => import('./compose/pull.ts') },
  { names: ['compose push'], summary: 'Push the images of services', load: () => import('./compose/push.ts') },
  {
    names: ['compose images'],
    summary: 'List the images of the containers of a project',
    load: () => import('./compose/images.ts'),
  },
  { names: ['compose stop'], summary: 'Stop services', load: () => import('./compose/stop.ts') },
  {
    names: ['compose start'],
    summary: 'Start services that were stopped',
    load: () => import('./compose/start.ts'),
  },
  { names: ['compose rm'], summary: 'Remove services that are stopped', load: () => import('./compose/rm.ts') },
  { names: ['compose scale'], summary: 'Scale services', load: () => import('./compose/scale.ts') },
  { names: ['compose restart'], summary: 'Restart services', load: () => import('./compose/restart.ts') },
  {
    names: ['compose kill'],
    summary: 'Send the containers of services a signal',
    load: () => import('./compose/kill.ts'),
  },
  {
    names: ['compose port'],
    summary: 'Show where a port of a service is published',
    load: () => import('./compose/port.ts'),
  },
  {
    names: ['compose wait'],
    summary: 'Wait until the containers of services have ended',
    load: () => import('./compose/wait.ts'),
  },
  {
    names: ['compose attach'],
    summary: 'Attach to the input and output of a container of a service',
    load: () => import('./compose/attach.ts'),
  },
  {
    names: ['compose events'],
    summary: 'Show what becomes of the containers of a project',
    load: () => import('./compose/events.ts'),
  },
  {
    names: ['compose volumes'],
    summary: 'List the volumes of a project, on all nodes',
    load: () => import('./compose/volumes.ts'),
  },
  { names: ['compose pause'], summary: 'Pause the containers of services', load: () => import('./compose/pause.ts') },
  {
    names: ['compose unpause'],
    summary: 'Let paused containers of services go on',
    load: () => import('./compose/unpause.ts'),
  },
  {
    names: ['compose top'],
    summary: 'List the processes of the containers of a project',
    load: () => import('./compose/top.ts'),
  },
  {
    names: ['compose stats'],
    summary: 'Show what the containers of a project use',
    load: () => import('./compose/stats.ts'),
  },
  {
    names: ['compose cp'],
    summary: 'Copy files between the host and containers of a service',
    load: () => import('./compose/cp.ts'),
  },
  {
    names: ['compose export'],
    summary: 'Write the file system of a container of a service to an archive',
    load: () => import('./compose/export.ts'),
  },
  {
    names: ['compose commit'],
    summary: 'Make an image of a container of a service',
    load: () => import('./compose/commit.ts'),
  },
  { names: ['compose version'], summary: 'Show the version', load: () => import('./compose/version.ts') },
  { names: ['stack ls', 'stack list'], summary: 'List stacks', load: () => import('./stack/ls.ts') },
  { names: ['stack ps'], summary: 'List the tasks of a stack', load: () => import('./stack/ps.ts') },
  { names: ['stack services'], summary: 'List the services of a stack', load: () => import('./stack/services.ts') },
  {
    names: ['stack history'],
    summary: 'List what a stack was deployed as',
    load: () => import('./stack/history.ts'),
  },
  {
    names: ['stack rollback'],
    summary: 'Go back to an earlier version of a stack',
    load: () => import('./stack/rollback.ts'),
  },
  {
    names: ['stack rm', 'stack remove', 'stack down'],
    summary: 'Remove stacks',
    load: () => import('./stack/rm.ts'),
  },

  {
    names: ['service create'],
    summary: 'Create a service',
    load: () => import('./service/create.ts'),
  },
  { names: ['service update'], summary: 'Change a service', load: () => import('./service/update.ts') },
  {
    names: ['service rollback'],
    summary: 'Take a service back to what it was before its last update',
    load: () => import('./service/rollback.ts'),
  },
  { names: ['service ls', 'service list'], summary: 'List services', load: () => import('./service/ls.ts') },
  { names: ['service ps'], summary: 'List the tasks of services', load: () => import('./service/ps.ts') },
  { names: ['service inspect'], summary: 'Show services in detail', load: () => import('./service/inspect.ts') },
  { names: ['service logs'], summary: 'Show the logs of a service or task', load: () => import('./service/logs.ts') },
  { names: ['service scale'], summary: 'Scale services', load: () => import('./service/scale.ts') },
  { names: ['service rm', 'service remove'], summary: 'Remove services', load: () => import('./service/rm.ts') },

  {
    names: ['container run', 'run'],
    summary: 'Create a container from an image and run it',
    load: () => import('./container/run.ts'),
  },
  {
    names: ['container create', 'create'],
    summary: 'Create a container',
    load: () => import('./container/create.ts'),
  },
  { names: ['container start', 'start'], summary: 'Start containers', load: () => import('./container/start.ts') },
  { names: ['container stop', 'stop'], summary: 'Stop containers', load: () => import('./container/stop.ts') },
  {
    names: ['container restart', 'restart'],
    summary: 'Restart containers',
    load: () => import('./container/restart.ts'),
  },
  { names: ['container kill', 'kill'], summary: 'Send containers a signal', load: () => import('./container/kill.ts') },
  { names: ['container pause', 'pause'], summary: 'Pause containers', load: () => import('./container/pause.ts') },
  {
    names: ['container unpause', 'unpause'],
    summary: 'Let paused containers go on',
    load: () => import('./container/unpause.ts'),
  },
  {
    names: ['container top', 'top'],
    summary: 'List the processes of a container',
    load: () => import('./container/top.ts'),
  },
  {
    names: ['container stats', 'stats'],
    summary: 'Show what containers use',
    load: () => import('./container/stats.ts'),
  },
  {
    names: ['container rm', 'rm', 'container remove'],
    summary: 'Remove containers',
    load: () => import('./container/rm.ts'),
  },
  {
    names: ['container wait', 'wait'],
    summary: 'Wait until containers stop and print their exit codes',
    load: () => import('./container/wait.ts'),
  },
  {
    names: ['container ls', 'ps', 'container ps', 'container list'],
    summary: 'List containers',
    load: () => import('./container/ls.ts'),
  },
  {
    names: ['container exec', 'exec'],
    summary: 'Run a command in a running container',
    load: () => import('./container/exec.ts'),
  },
  {
    names: ['container attach', 'attach'],
    summary: "Attach to a running container's input and output",
    load: () => import('./container/attach.ts'),
  },
  {
    names: ['container logs', 'logs'],
    summary: 'Show the logs of a container',
    load: () => import('./container/logs.ts'),
  },
  {
    names: ['container port', 'port'],
    summary: 'Show the published ports of a container',
    load: () => import('./container/port.ts'),
  },
  {
    names: ['container export', 'export'],
    summary: "Write a container's file system to an archive",
    load: () => import('./container/export.ts'),
  },
  {
    names: ['container diff', 'diff'],
    summary: 'List what a container has changed of its image',
    load: () => import('./container/diff.ts'),
  },
  {
    names: ['container cp', 'cp'],
    summary: 'Copy files between a container and this host',
    load: () => import('./container/cp.ts'),
  },
  {
    names: ['container commit', 'commit'],
    summary: 'Make an image of a container',
    load: () => import('./container/commit.ts'),
  },
  {
    names: ['container inspect'],
    summary: 'Show containers in detail',
    load: () => import('./container/inspect.ts'),
  },

  { names: ['image ls', 'images', 'image list'], summary: 'List images', load: () => import('./image/ls.ts') },
  {
    names: ['image build', 'build', 'builder build'],
    summary: 'Build an image from a Dockerfile',
    load: () => import('./image/build.ts'),
  },
  { names: ['image pull', 'pull'], summary: 'Pull an image from a registry', load: () => import('./image/pull.ts') },
  { names: ['image push', 'push'], summary: 'Push an image to a registry', load: () => import('./image/push.ts') },
  { names: ['image load', 'load'], summary: 'Load images from an archive', load: () => import('./image/load.ts') },
  { names: ['image save', 'save'], summary: 'Save images to an archive', load: () => import('./image/save.ts') },
  {
    names: ['image import', 'import'],
    summary: "Make an image from a root file system's archive",
    load: () => import('./image/import.ts'),
  },
  {
    names: ['image history', 'history'],
    summary: 'Show what an image was made by',
    load: () => import('./image/history.ts'),
  },
  { names: ['image tag', 'tag'], summary: 'Give an image another name', load: () => import('./image/tag.ts') },
  { names: ['image rm', 'rmi', 'image remove'], summary: 'Remove images', load: () => import('./image/rm.ts') },
  { names: ['image prune'], summary: 'Remove images that nobody uses', load: () => import('./image/prune.ts') },
  {
    names: ['builder prune'],
    summary: 'Remove what is kept of earlier builds',
    load: () => import('./builder/prune.ts'),
  },
  { names: ['image inspect'], summary: 'Show images in detail', load: () => import('./image/inspect.ts') },

  { names: ['network create'], summary: 'Create a network', load: () => import('./network/create.ts') },
  { names: ['network inspect'], summary: 'Show networks in detail', load: () => import('./network/inspect.ts') },
  { names: ['network rm', 'network remove'], summary: 'Remove networks', load: () => import('./network/rm.ts') },
  { names: ['network prune'], summary: 'Remove networks that nobody uses', load: () => import('./network/prune.ts') },
  {
    names: ['network connect'],
    summary: 'Connect a container to a network',
    load: () => import('./network/connect.ts'),
  },
  {
    names: ['network disconnect'],
    summary: 'Disconnect a container from a network',
    load: () => import('./network/disconnect.ts'),
  },
  {
    names: ['network doctor'],
    summary: 'Check the network of this host, and between all nodes',
    load: () => import('./network/doctor.ts'),
  },
  { names: ['network ls', 'network list'], summary: 'List networks', load: () => import('./network/ls.ts') },
  { names: ['volume ls', 'volume list'], summary: 'List volumes', load: () => import('./volume/ls.ts') },
  { names: ['volume rm', 'volume remove'], summary: 'Remove volumes', load: () => import('./volume/rm.ts') },
  { names: ['secret ls', 'secret list'], summary: 'List secrets', load: () => import('./secret/ls.ts') },
  {
    names: ['secret create'],
    summary: 'Make a secret from a file or standard input',
    load: () => import('./secret/create.ts'),
  },
  { names: ['secret rm', 'secret remove'], summary: 'Remove secrets', load: () => import('./secret/rm.ts') },
  { names: ['config ls', 'config list'], summary: 'List configs', load: () => import('./config/ls.ts') },
  {
    names: ['config create'],
    summary: 'Make a config from a file or standard input',
    load: () => import('./config/create.ts'),
  },
  { names: ['config rm', 'config remove'], summary: 'Remove configs', load: () => import('./config/rm.ts') },

  {
    names: ['cluster init'],
    summary: 'Make this node the first of a new cluster',
    load: () => import('./cluster/init.ts'),
  },
  {
    names: ['cluster join'],
    summary: 'Join a cluster as a worker or a manager',
    load: () => import('./cluster/join.ts'),
  },
  {
    names: ['cluster join-token'],
    summary: 'Show or replace the token that nodes join with',
    load: () => import('./cluster/join-token.ts'),
  },
  {
    names: ['cluster ca'],
    summary: "Show or replace the authority of the nodes' certificates",
    load: () => import('./cluster/ca.ts'),
  },
  { names: ['cluster update'], summary: "Change the cluster's settings", load: () => import('./cluster/update.ts') },
  { names: ['cluster unlock'], summary: 'Unlock this manager', load: () => import('./cluster/unlock.ts') },
  {
    names: ['cluster unlock-key'],
    summary: 'Show or replace the key that unlocks managers',
    load: () => import('./cluster/unlock-key.ts'),
  },
  {
    names: ['cluster backup'],
    summary: "Write the cluster's state to a file",
    load: () => import('./cluster/backup.ts'),
  },
  {
    names: ['cluster restore'],
    summary: 'Make a cluster of one from a backup',
    load: () => import('./cluster/restore.ts'),
  },
  {
    names: ['cluster recover'],
    summary: 'Go on with this manager alone when the others are lost',
    load: () => import('./cluster/recover.ts'),
  },
  { names: ['cluster leave'], summary: 'Leave the cluster', load: () => import('./cluster/leave.ts') },
  { names: ['node ls', 'node list'], summary: 'List nodes', load: () => import('./node/ls.ts') },
  { names: ['node inspect'], summary: 'Show nodes in detail', load: () => import('./node/inspect.ts') },
  { names: ['node ps'], summary: 'List tasks of nodes', load: () => import('./node/ps.ts') },
  { names: ['node update'], summary: 'Change a node', load: () => import('./node/update.ts') },
  { names: ['node promote'], summary: 'Make nodes managers', load: () => import('./node/promote.ts') },
  { names: ['node demote'], summary: 'Make managers workers', load: () => import('./node/demote.ts') },
  { names: ['node rm', 'node remove'], summary: 'Remove nodes from the cluster', load: () => import('./node/rm.ts') },

  {
    names: ['client create'],
    summary: 'Make a certificate for somebody who uses the cluster from afar',
    load: () => import('./client/create.ts'),
  },
  { names: ['client ls', 'client list'], summary: 'List clients', load: () => import('./client/ls.ts') },
  {
    names: ['client rm', 'client remove'],
    summary: 'Revoke the certificates of clients',
    load: () => import('./client/rm.ts'),
  },

  {
    names: ['context create'],
    summary: 'Make a context from an address and certificates',
    load: () => import('./context/create.ts'),
  },
  {
    names: ['context import'],
    summary: "Take a context from a file that 'client create' or 'context export' has written",
    load: () => import('./context/import.ts'),
  },
  { names: ['context ls', 'context list'], summary: 'List contexts', load: () => import('./context/ls.ts') },
  { names: ['context use'], summary: 'Use a context from now on', load: () => import('./context/use.ts') },
  { names: ['context show'], summary: 'Print the name of the context in use', load: () => import('./context/show.ts') },
  {
    names: ['context inspect'],
    summary: 'Show contexts in detail',
    load: () => import('./context/inspect.ts'),
  },
  { names: ['context update'], summary: 'Change a context', load: () => import('./context/update.ts') },
  {
    names: ['context export'],
    summary: 'Write a context to a file, with its key',
    load: () => import('./context/export.ts'),
  },
  { names: ['context rm', 'context remove'], summary: 'Remove contexts', load: () => import('./context/rm.ts') },

  {
    names: ['system info', 'info'],
    summary: 'Show what gantryd knows of its host',
    load: () => import('./system/info.ts'),
  },
  {
    names: ['system df'],
    summary: 'Show what images, containers, volumes and builds take of the disk',
    load: () => import('./system/df.ts'),
  },
  {
    names: ['system stop'],
    summary: 'Stop everything on this host and take it down; data stays',
    load: () => import('./system/stop.ts'),
  },
  { names: ['login'], summary: 'Log in to a registry', load: () => import('./system/login.ts') },
  { names: ['logout'], summary: 'Log out from a registry', load: () => import('./system/logout.ts') },
  {
    names: ['completion'],
    summary: 'Print what makes a shell complete command lines',
    load: () => import('./completion.ts'),
  },
  { names: ['version'], summary: 'Show the versions of gantry and gantryd', load: () => import('./system/version.ts') },
  {
    names: ['inspect'],
    summary: 'Show containers, images, networks or services in detail',
    load: () => import('./system/inspect.ts'),
  },
];

/** What Docker has and Gantry doesn't have yet, with what to do instead. */
export const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['search', 'look for it on the web page of the registry'],
  ['events', "'gantry ps' and 'gantry stack ps' show the present state"],
  ['system events', "'gantry ps' and 'gantry stack ps' show the present state"],
  ['rename', 'remove the container and create it with the other --name'],
  ['container rename', 'remove the container and create it with the other --name'],
  ['update', 'remove the container and create it with the other options'],
  ['container update', 'remove the container and create it with the other options'],
  ['container prune', "remove containers with 'gantry rm'"],
  ['volume create', 'a volume is made when a container first names it: -v NAME:/path'],
  ['volume inspect', "'gantry volume ls --format json' lists what there is"],
  ['volume prune', "'gantry volume rm' removes those that it is told"],
  ['secret inspect', "'gantry secret ls' lists what there is"],
  ['config inspect', "'gantry config ls' lists what there is"],
  ['system prune', "remove containers with 'gantry rm'; then 'gantry image prune' and 'gantry builder prune'"],
  ['compose watch', "run 'gantry compose up -d --build' after each change"],
  ['compose bridge', "deploy the compose file as it is: 'gantry stack deploy -c FILE NAME'"],
  ['compose alpha', "'gantry compose --help' lists the verbs there are"],
  ['compose publish', "use 'gantry compose push' for the images, and keep the files where your sources are"],
  ['builder create', 'leave it out: gantryd builds, and -H or --context says on which host'],
  ['builder use', 'leave it out: gantryd builds, and -H or --context says on which host'],
  ['builder bake', "use 'gantry compose build', or 'gantry build' for each"],
  ['builder imagetools', "'gantry image inspect' shows an image's digests"],
  ['plugin', 'there are no plugins'],
  ['manifest', "'gantry image inspect' shows an image's digests"],
  ['trust', 'name images by their digest: NAME@sha256:...'],
]);
