#include "commands.h"

#include "cleanup.h"
#include "hooks.h"
#include "spec.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

static const char usage[] = "start ID";

static int
open_fifo (const struct state *state, const char *name, int flags, struct error *err)
{
  cleanup_free char *path = xasprintf ("%s/%s", state->directory, name);
  int fd = open (path, flags | O_NONBLOCK | O_CLOEXEC);

  if (fd >= 0)
    return fd;
  /* ENXIO: nobody reads, so the process that was to be started has died. */
  if (errno == ENXIO)
    return error_set (err, 0, "cannot start a container that has stopped");
  return error_set (err, errno, "open %s", path);
}

static int
remove_fifo (const struct state *state, const char *name, struct error *err)
{
  cleanup_free char *path = xasprintf ("%s/%s", state->directory, name);

  if (unlink (path) < 0 && errno != ENOENT)
    return error_set (err, errno, "remove %s", path);
  return 0;
}

/* Waits until the process has executed its program, which closes its end, or has said why it couldn't. */
static int
read_result (int fifo, struct error *err)
{
  struct pollfd entry = { .fd = fifo, .events = POLLIN };
  ssize_t n;

  do
    {
      if (poll (&entry, 1, -1) < 0 && errno != EINTR)
        return error_set (err, errno, "wait for the container's process");
      n = read (fifo, err, sizeof *err);
    }
  while (n < 0 && (errno == EAGAIN || errno == EINTR));
  if (n == 0)
    return 0;
  if (n == sizeof *err)
    return -1;
  return error_set (err, n < 0 ? errno : 0, "read the result of the start");
}

static int
start (const struct state *state, struct error *err)
{
  cleanup_close int start_fifo = -1, result_fifo = -1;
  enum status status = state_status (state);

  if (status != STATUS_CREATED)
    return error_set (err, 0, "cannot start a container in the %s state", status_name (status));
  start_fifo = open_fifo (state, START_FIFO, O_WRONLY, err);
  result_fifo = start_fifo < 0 ? -1 : open_fifo (state, RESULT_FIFO, O_RDONLY, err);
  if (result_fifo < 0)
    return -1;
  if (write (start_fifo, "0", 1) != 1)
    return error_set (err, errno, "start the container's process");
  if (read_result (result_fifo, err) < 0)
    return error_prefix (err, "unable to start container process");
  if (remove_fifo (state, START_FIFO, err) < 0)
    return -1;
  return remove_fifo (state, RESULT_FIFO, err);
}

int
cmd_start (const char *root, int argc, char **argv, struct error *err)
{
  cleanup_state struct state state = { 0 };
  cleanup_spec struct spec spec = { 0 };
  const char *id;

  if (command_single_id (argc, argv, 1, usage, &id, err) < 0 || state_load (&state, root, id, err) < 0
      || start (&state, err) < 0)
    return -1;
  if (!state.has_later_hooks)
    return 0;

  cleanup_free char *config = xasprintf ("%s/" CONFIG_FILE, state.directory);
  if (spec_load (&spec, config, err) < 0)
    return -1;
  return hooks_run (&spec, HOOK_POSTSTART, &state, STATUS_RUNNING, err);
}
