#include "commands.h"

#include "cleanup.h"
#include "pidfd.h"
#include "signals.h"
#include "state.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>

static const char usage[] = "kill [--all] ID [SIGNAL]";

static int
kill_all (const struct state *state, int signal, struct error *err)
{
  struct cgroup cgroup = { 0 };
  int result = state_locate_cgroup (state, &cgroup, err);

  if (result == 0)
    result = cgroup_signal (&cgroup, signal, err);
  cgroup_free (&cgroup);
  return result;
}

static int
kill_first (const struct state *state, int signal, struct error *err)
{
  cleanup_close int pidfd = state_open_process (state, err);

  if (pidfd < 0)
    return -1;
  if (pidfd_signal (pidfd, signal) < 0)
    return errno == ESRCH ? error_set (err, 0, "container not running")
                          : error_set (err, errno, "send signal %d to container %s", signal, state->id);
  return 0;
}

int
cmd_kill (const char *root, int argc, char **argv, struct error *err)
{
  static const struct option known[] = { { "all", no_argument, NULL, 'a' }, { NULL, 0, NULL, 0 } };
  cleanup_state struct state state = { 0 };
  bool all = false;
  int option, signal;

  while ((option = getopt_long (argc, argv, "+a", known, NULL)) != -1)
    {
      if (option != 'a')
        return command_usage (usage, err);
      all = true;
    }
  if (argc < optind + 1 || argc > optind + 2)
    return command_usage (usage, err);
  signal = argc == optind + 2 ? signal_from_name (argv[optind + 1]) : SIGTERM;
  if (signal < 0)
    return error_set (err, 0, "unknown signal \"%s\"", argv[optind + 1]);
  if (state_load (&state, root, argv[optind], err) < 0)
    return -1;
  return all ? kill_all (&state, signal, err) : kill_first (&state, signal, err);
}
