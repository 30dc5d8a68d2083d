#include "commands.h"

#include "capabilities.h"
#include "cleanup.h"
#include "document.h"
#include "exec.h"
#include "file.h"
#include "lsm.h"
#include "spec.h"
#include "state.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char usage[]
    = "exec [-t] [-d] [-p FILE] [--pid-file FILE] [--console-socket PATH] [--cwd DIR] [-e NAME=VALUE] [-u UID[:GID]] "
      "[-c CAP] [--no-new-privs] [--preserve-fds N] [--control-fd N] ID [COMMAND...]";

/* What the command line says of the process. */
struct arguments
{
  const char *id, *process_file, *cwd, *user;
  const char **env, **capabilities;
  size_t env_count, capability_count;
  char **command;
  bool tty, no_new_privileges;
};

static int
parse_option (int option, struct arguments *arguments, struct exec_options *options, struct error *err)
{
  switch (option)
    {
    case 'p':
      arguments->process_file = optarg;
      return 0;
    case 't':
      arguments->tty = true;
      return 0;
    case 'd':
      options->detach = true;
      return 0;
    case 'P':
      options->pid_file = optarg;
      return 0;
    case 'S':
      options->console_socket = optarg;
      return 0;
    case 'w':
      arguments->cwd = optarg;
      return 0;
    case 'e':
      arguments->env[arguments->env_count++] = optarg;
      return 0;
    case 'u':
      arguments->user = optarg;
      return 0;
    case 'c':
      arguments->capabilities[arguments->capability_count++] = optarg;
      return 0;
    case 'n':
      arguments->no_new_privileges = true;
      return 0;
    case 'F':
      return options->preserve_fds = command_number ("--preserve-fds", optarg, 1 << 16, err);
    case 'C':
      return options->control_fd = command_number ("--control-fd", optarg, 1 << 20, err);
    default:
      return command_usage (usage, err);
    }
}

static int
parse (int argc, char **argv, struct arguments *arguments, struct exec_options *options, struct error *err)
{
  static const struct option known[] = {
    { "process", required_argument, NULL, 'p' },        { "tty", no_argument, NULL, 't' },
    { "detach", no_argument, NULL, 'd' },               { "pid-file", required_argument, NULL, 'P' },
    { "console-socket", required_argument, NULL, 'S' }, { "cwd", required_argument, NULL, 'w' },
    { "env", required_argument, NULL, 'e' },            { "user", required_argument, NULL, 'u' },
    { "cap", required_argument, NULL, 'c' },            { "no-new-privs", no_argument, NULL, 'n' },
    { "preserve-fds", required_argument, NULL, 'F' },   { "control-fd", required_argument, NULL, 'C' },
    { NULL, 0, NULL, 0 },
  };
  int option;

  while ((option = getopt_long (argc, argv, "+p:tde:u:c:", known, NULL)) != -1)
    if (parse_option (option, arguments, options, err) < 0)
      return -1;
  if (optind == argc)
    return command_usage (usage, err);
  arguments->id = argv[optind];
  arguments->command = argv + optind + 1;
  if (arguments->process_file == NULL && arguments->command[0] == NULL)
    return error_set (err, 0, "exec needs a command, or --process with one");
  return 0;
}

static int
read_process_file (const char *path, struct process_spec *process, json_t **document, struct arena *arena,
                   struct error *err)
{
  cleanup_free char *text = NULL;
  size_t length;

  if (read_file_at (AT_FDCWD, strcmp (path, "-") == 0 ? "/dev/stdin" : path, &text, &length, err) < 0)
    return -1;
  *document = document_parse (text, length, path, err);
  if (*document == NULL)
    return -1;
  if (spec_read_process (process, *document, arena, err) < 0)
    return error_prefix (err, "%s", path);
  return 0;
}

/* UID[:GID], numbers. Whoever wants names has to look into the container's /etc/passwd himself, as with runc. */
static int
parse_user (const char *text, struct process_spec *process, struct error *err)
{
  cleanup_free char *uid = xstrdup (text);
  char *gid = strchr (uid, ':');
  int number;

  if (gid != NULL)
    *gid++ = '\0';
  number = command_number ("--user", uid, INT32_MAX, err);
  if (number < 0)
    return -1;
  process->uid = (uid_t) number;
  process->gid = 0;
  process->additional_gid_count = 0;
  if (gid == NULL)
    return 0;
  number = command_number ("--user", gid, INT32_MAX, err);
  process->gid = (gid_t) number;
  return number < 0 ? -1 : 0;
}

/* Later entries win in every C library but not in every shell, so a variable is replaced where it stands. */
static void
add_environment (struct process_spec *process, const struct arguments *arguments, struct arena *arena)
{
  size_t count = 0;
  const char **env;

  while (process->env != NULL && process->env[count] != NULL)
    count++;
  env = arena_calloc (arena, count + arguments->env_count + 1, sizeof *env);
  for (size_t i = 0; i < count; i++)
    env[i] = process->env[i];
  for (size_t i = 0; i < arguments->env_count; i++)
    {
      size_t name = strcspn (arguments->env[i], "=") + 1, k = 0;
      while (k < count && strncmp (env[k], arguments->env[i], name) != 0)
        k++;
      env[k] = arguments->env[i];
      count += k == count;
    }
  process->env = env;
}

/* The container's own process, changed by the command line. */
static int
apply_arguments (struct process_spec *process, const struct arguments *arguments, struct arena *arena,
                 struct error *err)
{
  process->terminal = arguments->tty;
  process->args = (const char *const *) arguments->command;
  process->no_new_privileges = process->no_new_privileges || arguments->no_new_privileges;
  if (arguments->cwd != NULL)
    process->cwd = arguments->cwd;
  if (process->cwd[0] != '/')
    return error_set (err, 0, "--cwd must be an absolute path");
  if (arguments->user != NULL && parse_user (arguments->user, process, err) < 0)
    return -1;
  for (size_t i = 0; i < arguments->env_count; i++)
    if (strchr (arguments->env[i], '=') == NULL)
      return error_set (err, 0, "--env %s must be NAME=VALUE", arguments->env[i]);
  add_environment (process, arguments, arena);
  for (size_t i = 0; i < arguments->capability_count; i++)
    for (int set = 0; set < CAPABILITY_AMBIENT; set++)
      if (set != CAPABILITY_INHERITABLE
          && capability_add (&process->capabilities[set], arguments->capabilities[i], err) < 0)
        return -1;
  return 0;
}

/* What a process file leaves out comes from the container. */
static void
inherit (struct process_spec *process, const struct process_spec *container)
{
  if (!process->has_capabilities)
    memcpy (process->capabilities, container->capabilities, sizeof process->capabilities);
  if (process->rlimit_count == 0)
    {
      process->rlimits = container->rlimits;
      process->rlimit_count = container->rlimit_count;
    }
  if (!process->oom_score_adj.set)
    process->oom_score_adj = container->oom_score_adj;
  if (process->apparmor_profile == NULL)
    process->apparmor_profile = container->apparmor_profile;
}

static int
check (const struct exec_options *options, const struct process_spec *process, struct error *err)
{
  enum status status = state_status (options->state);

  if (status == STATUS_STOPPED || status == STATUS_CREATING)
    return error_set (err, 0, "cannot exec in a container that is not running");
  if (status == STATUS_PAUSED)
    return error_set (err, 0, "cannot exec in a paused container");
  if (options->console_socket != NULL && !process->terminal)
    return error_set (err, 0, "--console-socket needs --tty");
  if (options->detach && process->terminal && options->console_socket == NULL)
    return error_set (err, 0, "--detach with --tty needs --console-socket, which says where the terminal shall go");
  if (options->detach && options->control_fd >= 0)
    return error_set (err, 0, "--control-fd is for the foreground, --detach ends at once");
  return lsm_check (options->spec, process, err);
}

struct resources
{
  struct state state;
  struct spec spec;
  struct arena arena;
  json_t *document;
};

static int
run (const struct arguments *arguments, struct exec_options *options, struct resources *resources, struct error *err)
{
  struct process_spec process = { 0 };
  cleanup_free char *config = NULL;

  if (state_load (&resources->state, options->root, arguments->id, err) < 0)
    return -1;
  config = xasprintf ("%s/" CONFIG_FILE, resources->state.directory);
  if (spec_load (&resources->spec, config, err) < 0)
    return -1;
  if (arguments->process_file != NULL)
    {
      if (read_process_file (arguments->process_file, &process, &resources->document, &resources->arena, err) < 0)
        return -1;
      process.terminal = process.terminal || arguments->tty;
      inherit (&process, &resources->spec.process);
    }
  else
    {
      process = resources->spec.process;
      if (apply_arguments (&process, arguments, &resources->arena, err) < 0)
        return -1;
    }
  options->state = &resources->state;
  options->spec = &resources->spec;
  options->process = &process;
  if (check (options, &process, err) < 0)
    return -1;
  return container_exec (options, err);
}

int
cmd_exec (const char *root, int argc, char **argv, struct error *err)
{
  struct exec_options options = { .root = root, .control_fd = -1 };
  struct resources resources = { .document = NULL };
  struct arguments arguments = { 0 };
  int status = -1;

  arguments.env = arena_calloc (&resources.arena, (size_t) argc, sizeof *arguments.env);
  arguments.capabilities = arena_calloc (&resources.arena, (size_t) argc, sizeof *arguments.capabilities);
  if (parse (argc, argv, &arguments, &options, err) == 0)
    status = run (&arguments, &options, &resources, err);
  json_decref (resources.document);
  arena_free (&resources.arena);
  spec_free (&resources.spec);
  state_free (&resources.state);
  return status;
}
