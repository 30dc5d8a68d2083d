#include "commands.h"

#include "cleanup.h"
#include "file.h"
#include "hooks.h"
#include "pidfd.h"
#include "spec.h"
#include "state.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>

static const char usage[] = "delete [--force] ID";

/* Longer than a killed process takes, unless it hangs in the kernel. */
#define KILL_TIMEOUT_MS 10000

static int
kill_process (const struct state *state, struct error *err)
{
  cleanup_close int pidfd = state_open_process (state, err);

  if (pidfd < 0)
    return err->errnum == ESRCH ? 0 : -1;
  if ((pidfd_signal (pidfd, SIGKILL) < 0 && errno != ESRCH) || pidfd_wait (pidfd, KILL_TIMEOUT_MS) < 0)
    return error_set (err, errno, "kill process %d of container %s", (int) state->pid, state->id);
  return 0;
}

static int
remove_cgroup (const struct state *state, struct error *err)
{
  struct cgroup cgroup = { 0 };
  int result = state_locate_cgroup (state, &cgroup, err);

  /* A paused container's processes don't die before they are thawed. */
  if (result == 0 && cgroup_is_frozen (&cgroup))
    result = cgroup_signal (&cgroup, SIGKILL, err);
  if (result == 0)
    result = kill_process (state, err);
  if (result == 0)
    result = cgroup_remove (&cgroup, err);
  cgroup_free (&cgroup);
  return result;
}

/* The configuration is missing if create was interrupted early; then there is nothing to run either. */
static int
run_poststop_hooks (const struct state *state, struct error *err)
{
  cleanup_free char *config = xasprintf ("%s/" CONFIG_FILE, state->directory);
  cleanup_spec struct spec spec = { 0 };

  if (!state->has_later_hooks || access (config, F_OK) < 0)
    return 0;
  if (spec_load (&spec, config, err) < 0)
    return -1;
  return hooks_run (&spec, HOOK_POSTSTOP, state, STATUS_STOPPED, err);
}

/* An interrupted create may leave a directory without a state: there is no cgroup yet then. */
static int
remove_leftovers (const char *root, const char *id, struct error *err)
{
  cleanup_free char *directory = xasprintf ("%s/%s", root, id);

  return state_check_id (id, err) < 0 ? -1 : remove_flat_directory (directory, err);
}

static int
delete (const struct state *state, bool force, struct error *err)
{
  enum status status = state_status (state);
  struct error hook_error;
  int hooks;

  /* "creating" is a create that still runs or was interrupted; only the caller knows which. */
  if (!force && status != STATUS_CREATED && status != STATUS_STOPPED)
    return error_set (err, 0, "cannot delete container %s that is not stopped: %s", state->id, status_name (status));
  if (remove_cgroup (state, err) < 0)
    return -1;
  /* The specification wants the container gone even if a hook fails. */
  hooks = run_poststop_hooks (state, &hook_error);
  if (remove_flat_directory (state->directory, err) < 0)
    return -1;
  if (hooks < 0)
    return error_set (err, 0, "container %s is deleted, but: %s", state->id, hook_error.message);
  return 0;
}

int
cmd_delete (const char *root, int argc, char **argv, struct error *err)
{
  static const struct option known[] = { { "force", no_argument, NULL, 'f' }, { NULL, 0, NULL, 0 } };
  cleanup_state struct state state = { 0 };
  bool force = false;
  const char *id;
  int option;

  while ((option = getopt_long (argc, argv, "+f", known, NULL)) != -1)
    {
      if (option != 'f')
        return command_usage (usage, err);
      force = true;
    }
  if (command_single_id (argc, argv, optind, usage, &id, err) < 0)
    return -1;
  if (state_load (&state, root, id, err) < 0)
    return force && err->errnum == ENOENT ? remove_leftovers (root, id, err) : -1;
  return delete (&state, force, err);
}
