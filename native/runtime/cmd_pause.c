/* pause and resume. */
#include "commands.h"

#include "cgroup.h"
#include "cleanup.h"
#include "state.h"

static int
set_frozen (const char *root, int argc, char **argv, bool freeze, struct error *err)
{
  cleanup_state struct state state = { 0 };
  struct cgroup cgroup = { 0 };
  enum status status;
  const char *id;
  int result;

  if (command_single_id (argc, argv, 1, freeze ? "pause ID" : "resume ID", &id, err) < 0
      || state_load (&state, root, id, err) < 0)
    return -1;
  status = state_status (&state);
  if (status == STATUS_STOPPED || status == STATUS_CREATING)
    return error_set (err, 0, "container not running");
  if (!freeze && status != STATUS_PAUSED)
    return error_set (err, 0, "container not paused");
  result = state_locate_cgroup (&state, &cgroup, err);
  if (result == 0)
    result = cgroup_freeze (&cgroup, freeze, err);
  cgroup_free (&cgroup);
  return result;
}

int
cmd_pause (const char *root, int argc, char **argv, struct error *err)
{
  return set_frozen (root, argc, argv, true, err);
}

int
cmd_resume (const char *root, int argc, char **argv, struct error *err)
{
  return set_frozen (root, argc, argv, false, err);
}
