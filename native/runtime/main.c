/* gantry-runtime: an OCI runtime, interchangeable with runc and crun. */
#include "commands.h"
#include "log.h"
#include "self_exe.h"
#include "shim/shim.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_ROOT "/run/gantry/runtime"

static const struct command
{
  const char *name;
  int (*run) (const char *root, int argc, char **argv, struct error *err);
  enum exit_status failure; /* exit status when the error has none of its own */
  bool enters_container;
} commands[] = {
  { "create", cmd_create, EXIT_FAILED, true },    { "delete", cmd_delete, EXIT_FAILED, false },
  { "exec", cmd_exec, EXIT_EXEC_FAILED, true },   { "features", cmd_features, EXIT_FAILED, false },
  { "kill", cmd_kill, EXIT_FAILED, false },       { "list", cmd_list, EXIT_FAILED, false },
  { "pause", cmd_pause, EXIT_FAILED, false },     { "ps", cmd_ps, EXIT_FAILED, false },
  { "resume", cmd_resume, EXIT_FAILED, false },   { "start", cmd_start, EXIT_FAILED, false },
  { "state", cmd_state, EXIT_FAILED, false },     { "update", cmd_update, EXIT_FAILED, false },
};

static const char usage[]
    = "gantry-runtime [--root DIR] [--log FILE] [--log-format text|json] COMMAND ...\n"
      "\n"
      "  create -b BUNDLE [--pid-file FILE] [--console-socket PATH] [--preserve-fds N] ID\n"
      "  start ID\n"
      "  state ID\n"
      "  kill [--all] ID [SIGNAL]\n"
      "  delete [--force] ID\n"
      "  exec [-t] [-d] [-p FILE] [--pid-file FILE] [--console-socket PATH] [--cwd DIR] [-e NAME=VALUE]\n"
      "       [-u UID[:GID]] [-c CAP] [--no-new-privs] [--preserve-fds N] [--control-fd N] ID [COMMAND...]\n"
      "  pause ID\n"
      "  resume ID\n"
      "  update -r FILE ID\n"
      "  ps [-f table|json] ID\n"
      "  list [-f table|json] [-q]\n"
      "  features\n"
      "  shim ...\n"
      "\n"
      "Exit status: 0; 1 when the command fails; 126 and 127 when the container's program can't be run or found\n"
      "(create, start, exec). exec in the foreground exits as the process does (128 + N when signal N ended it), and\n"
      "with 255 when it fails itself; a failure also writes to --log, or without it to standard error.\n";

static int
print_version (void)
{
  printf ("gantry-runtime version %s\nspec: %s\n", GANTRY_VERSION, OCI_VERSION);
  return EXIT_SUCCESS;
}

struct global_options
{
  const char *root, *log;
  bool log_json;
};

/* Returns the index of the command, or a negative number when the program shall exit with *STATUS. */
static int
parse_global_options (int argc, char **argv, struct global_options *options, int *status, struct error *err)
{
  static const struct option known[] = {
    { "root", required_argument, NULL, 'r' },    { "log", required_argument, NULL, 'l' },
    { "log-format", required_argument, NULL, 'f' }, { "version", no_argument, NULL, 'v' },
    { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
  };
  int option;

  optind = 0; /* a shim's child has parsed the shim's before */
  while ((option = getopt_long (argc, argv, "+vh", known, NULL)) != -1)
    switch (option)
      {
      case 'r':
        options->root = optarg;
        break;
      case 'l':
        options->log = optarg;
        break;
      case 'f':
        options->log_json = strcmp (optarg, "json") == 0;
        if (!options->log_json && strcmp (optarg, "text") != 0)
          return error_set (err, 0, "--log-format must be text or json");
        break;
      case 'v':
        *status = print_version ();
        return -1;
      case 'h':
        fputs (usage, stdout);
        return -1;
      default:
        return error_set (err, 0, "usage: %s", usage);
      }
  if (options->log != NULL && log_open (options->log, options->log_json, err) < 0)
    return -1;
  if (optind == argc)
    return error_set (err, 0, "usage: %s", usage);
  return optind;
}

static int
run_command (const struct command *command, const char *root, int argc, char **argv, char **all_argv)
{
  struct error err = { 0 };
  int status;

  if (command->enters_container && self_exe_protect (all_argv, &err) < 0)
    status = -1;
  else
    {
      optind = 0; /* getopt shall start anew */
      status = command->run (root, argc, argv, &err);
    }
  if (status >= 0)
    return status;
  log_error (err.message);
  return err.status != 0 ? (int) err.status : (int) command->failure;
}

/* Descriptors opened later must not become somebody's standard streams. */
static int
open_standard_streams (struct error *err)
{
  int fd;

  do
    fd = open ("/dev/null", O_RDWR);
  while (fd >= 0 && fd < 3);
  if (fd < 0)
    return error_set (err, errno, "open /dev/null");
  close (fd);
  return 0;
}

/* The command line of the runtime, from a shell or from a shim. */
static int
runtime_main (int argc, char **argv)
{
  struct global_options options = { .root = DEFAULT_ROOT };
  struct error err = { 0 };
  int status = EXIT_SUCCESS, first;

  first = open_standard_streams (&err);
  if (first == 0)
    first = parse_global_options (argc, argv, &options, &status, &err);
  if (first < 0)
    {
      if (err.message[0] == '\0')
        return status;
      log_error (err.message);
      return EXIT_FAILED;
    }
  if (strcmp (argv[first], "shim") == 0)
    return shim_main (argc - first, argv + first, runtime_main);
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (strcmp (commands[i].name, argv[first]) == 0)
      return run_command (&commands[i], options.root, argc - first, argv + first, argv);
  error_set (&err, 0, "unknown command \"%s\"; --help lists them", argv[first]);
  log_error (err.message);
  return EXIT_FAILED;
}

int
main (int argc, char **argv)
{
  return runtime_main (argc, argv);
}
