#include "create.h"

#include "cleanup.h"
#include "console.h"
#include "file.h"
#include "hooks.h"
#include "init.h"
#include "lsm.h"
#include "namespaces.h"
#include "pidfd.h"
#include "process.h"
#include "seccomp.h"
#include "spec.h"
#include "state.h"
#include "sync.h"
#include "sysctl.h"
#include "time_text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CHILD "the container's process"

/* All that one `create` holds, from top to bottom in the order of making. */
struct creation
{
  const struct create_options *options;
  struct spec spec;
  struct state state;
  struct cgroup cgroup;
  int console_socket, start_fifo, result_fifo;
  int sync[2]; /* ours, the child's */
  pid_t pid;
  bool owns_cgroup;
};

static int
check_terminal (const struct creation *creation, struct error *err)
{
  bool terminal = creation->spec.process.terminal, socket = creation->options->console_socket != NULL;

  if (terminal && !socket)
    return error_set (err, 0, "process.terminal needs --console-socket, which says where the terminal shall go");
  if (!terminal && socket)
    return error_set (err, 0, "--console-socket needs process.terminal");
  return 0;
}

static int
load_bundle (struct creation *creation, struct error *err)
{
  const char *bundle = creation->options->bundle;
  cleanup_free char *config = NULL;

  creation->state.bundle = realpath (bundle, NULL);
  if (creation->state.bundle == NULL)
    return error_set (err, errno, "open bundle %s", bundle);
  config = xasprintf ("%s/" CONFIG_FILE, creation->state.bundle);
  if (spec_load (&creation->spec, config, err) < 0)
    return -1;
  if (!creation->spec.has_process)
    return error_set (err, 0, "%s: \"process\" is missing", config);
  if (check_terminal (creation, err) < 0 || namespaces_check (&creation->spec, err) < 0
      || sysctl_check (&creation->spec, err) < 0 || lsm_check (&creation->spec, &creation->spec.process, err) < 0)
    return -1;
  return 0;
}

static void
fill_state (struct creation *creation)
{
  const struct spec *spec = &creation->spec;
  struct state *state = &creation->state;
  char now[TIME_TEXT_SIZE];

  time_text_now (now);
  state->id = xstrdup (creation->options->id);
  state->directory = xasprintf ("%s/%s", creation->options->root, creation->options->id);
  state->oci_version = xstrdup (spec->oci_version);
  state->created = xstrdup (now);
  state->rootfs = spec->root_path[0] == '/' ? xstrdup (spec->root_path)
                                            : xasprintf ("%s/%s", state->bundle, spec->root_path);
  state->annotations = json_incref (spec->annotations);
  state->has_later_hooks = hooks_exist (spec, HOOK_POSTSTART) || hooks_exist (spec, HOOK_POSTSTOP);
  if (spec->cgroups_path == NULL || spec->cgroups_path[0] == '\0')
    state->cgroup_path = xasprintf ("/gantry/%s", state->id);
  else
    state->cgroup_path = xasprintf ("%s%s", spec->cgroups_path[0] == '/' ? "" : "/gantry/", spec->cgroups_path);
}

/* Later changes to the bundle must not matter to `exec` and `delete`. */
static int
save_config (const struct creation *creation, struct error *err)
{
  cleanup_free char *source = xasprintf ("%s/" CONFIG_FILE, creation->state.bundle);
  cleanup_free char *target = xasprintf ("%s/" CONFIG_FILE, creation->state.directory);
  cleanup_free char *content = NULL;
  size_t length;

  if (read_file_at (AT_FDCWD, source, &content, &length, err) < 0)
    return -1;
  return replace_file_at (AT_FDCWD, target, content, length, 0600, err);
}

/* Opens the fifos as the child needs them. The start fifo both ways, so that reading waits for a byte instead of
 * ending; the result fifo for writing only, so that its reader sees an end when the child executes its program. */
static int
make_fifos (struct creation *creation, struct error *err)
{
  cleanup_free char *start = xasprintf ("%s/" START_FIFO, creation->state.directory);
  cleanup_free char *result = xasprintf ("%s/" RESULT_FIFO, creation->state.directory);
  cleanup_close int both = -1;

  if (mkfifo (start, 0600) < 0 || mkfifo (result, 0600) < 0)
    return error_set (err, errno, "make fifos in %s", creation->state.directory);
  creation->start_fifo = open (start, O_RDWR | O_CLOEXEC);
  both = open (result, O_RDWR | O_CLOEXEC);
  creation->result_fifo = both < 0 ? -1 : open (result, O_WRONLY | O_CLOEXEC);
  if (creation->start_fifo < 0 || creation->result_fifo < 0)
    return error_set (err, errno, "open fifos in %s", creation->state.directory);
  return 0;
}

static int
prepare (struct creation *creation, struct error *err)
{
  /* Before the cgroups, so that an interrupted create leaves what `delete --force` needs. */
  if (save_config (creation, err) < 0 || state_save (&creation->state, err) < 0)
    return -1;
  creation->owns_cgroup = true;
  if (cgroup_create (&creation->cgroup, err) < 0)
    return -1;
  if (cgroup_check_unused (&creation->cgroup, err) < 0)
    {
      creation->owns_cgroup = false;
      return -1;
    }
  if (cgroup_apply (&creation->cgroup, &creation->spec.resources, err) < 0 || make_fifos (creation, err) < 0
      || sync_pair (creation->sync, err) < 0)
    return -1;
  if (creation->options->console_socket != NULL)
    {
      creation->console_socket = console_connect (creation->options->console_socket, err);
      if (creation->console_socket < 0)
        return -1;
    }
  return 0;
}

static _Noreturn void
run_child (const struct creation *creation)
{
  struct init_arguments arguments = {
    .spec = &creation->spec,
    .cgroup = &creation->cgroup,
    .state = &creation->state,
    .sync = creation->sync[1],
    .start_fifo = creation->start_fifo,
    .result_fifo = creation->result_fifo,
    .console_socket = creation->console_socket,
    .preserve_fds = creation->options->preserve_fds,
  };

  /* Or the parent's death would not be an end of file. */
  close (creation->sync[0]);
  init_main (&arguments);
}

static int
start_child (struct creation *creation, struct error *err)
{
  cleanup_close int cgroup_fd = cgroup_open_v2 (&creation->cgroup);
  struct namespace_visit visit;

  if (namespaces_enter (&creation->spec, &visit, err) < 0)
    return -1;
  creation->pid = namespaces_fork (namespaces_clone_flags (&creation->spec), cgroup_fd, err);
  if (creation->pid == 0)
    run_child (creation);
  close (creation->sync[1]);
  creation->sync[1] = -1;
  if (namespaces_leave (&visit, err) < 0 || creation->pid < 0)
    return -1;
  creation->state.pid = creation->pid;
  creation->state.start_time = process_start_time (creation->pid);
  if (cgroup_attach (&creation->cgroup, creation->pid, cgroup_fd >= 0, err) < 0
      || namespaces_map_ids (&creation->spec, creation->pid, err) < 0
      || process_set_oom_score (&creation->spec.process, creation->pid, err) < 0)
    return -1;
  return sync_send (creation->sync[0], SYNC_JOINED, NULL, 0, err);
}

static int
run_runtime_hooks (struct creation *creation, struct error *err)
{
  const struct spec *spec = &creation->spec;

  if (!hooks_exist (spec, HOOK_PRESTART) && !hooks_exist (spec, HOOK_CREATE_RUNTIME))
    return 0;
  if (sync_receive (creation->sync[0], SYNC_HOOKS, CHILD, NULL, 0, err) < 0
      || hooks_run (spec, HOOK_PRESTART, &creation->state, STATUS_CREATED, err) < 0
      || hooks_run (spec, HOOK_CREATE_RUNTIME, &creation->state, STATUS_CREATED, err) < 0)
    return -1;
  return sync_send (creation->sync[0], SYNC_CONTINUE, NULL, 0, err);
}

/* The filter is compiled here while the child makes its mounts. */
static int
send_filter (struct creation *creation, struct error *err)
{
  cleanup_free char *cache = xasprintf ("%s/.seccomp", creation->options->root);
  struct seccomp_program filter;
  struct error send_error;

  if (seccomp_compile (&filter, creation->spec.seccomp, cache, err) < 0)
    return -1;
  /* A child that has died has sent the reason, which comes out when that is read. */
  (void) sync_send (creation->sync[0], SYNC_SECCOMP, &filter, seccomp_program_size (&filter), &send_error);
  return 0;
}

static int
write_pid_file (const struct creation *creation, struct error *err)
{
  char pid[16];

  if (creation->options->pid_file == NULL)
    return 0;
  snprintf (pid, sizeof pid, "%d", (int) creation->pid);
  return replace_file_at (AT_FDCWD, creation->options->pid_file, pid, strlen (pid), 0644, err);
}

static int
run (struct creation *creation, struct error *err)
{
  if (prepare (creation, err) < 0 || start_child (creation, err) < 0 || run_runtime_hooks (creation, err) < 0
      || send_filter (creation, err) < 0
      || sync_receive (creation->sync[0], SYNC_READY, CHILD, NULL, 0, err) < 0
      || state_save (&creation->state, err) < 0)
    return -1;
  return write_pid_file (creation, err);
}

/* Takes everything back; what can't be is added to the message. */
static void
undo (struct creation *creation, struct error *err)
{
  struct error undo_error;

  if (creation->pid > 0)
    {
      kill (creation->pid, SIGKILL);
      waitpid (creation->pid, NULL, 0);
    }
  /* One that another container runs in stays: removing it would kill that container. */
  if ((creation->owns_cgroup && cgroup_remove (&creation->cgroup, &undo_error) < 0)
      || remove_flat_directory (creation->state.directory, &undo_error) < 0)
    error_prefix (err, "(and then: %s)", undo_error.message);
}

static void
release (struct creation *creation)
{
  const int fds[] = { creation->console_socket, creation->start_fifo, creation->result_fifo, creation->sync[0],
                      creation->sync[1] };

  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    if (fds[i] >= 0)
      close (fds[i]);
  cgroup_free (&creation->cgroup);
  state_free (&creation->state);
  spec_free (&creation->spec);
}

int
container_create (const struct create_options *options, struct error *err)
{
  struct creation creation
      = { .options = options, .console_socket = -1, .start_fifo = -1, .result_fifo = -1, .sync = { -1, -1 } };
  int result = -1;

  if (state_check_id (options->id, err) == 0 && load_bundle (&creation, err) == 0)
    {
      fill_state (&creation);
      if (cgroup_locate (&creation.cgroup, creation.state.cgroup_path, err) == 0
          && state_create_directory (options->root, options->id, err) == 0)
        {
          result = run (&creation, err);
          if (result < 0)
            undo (&creation, err);
        }
    }
  release (&creation);
  return result < 0 ? error_prefix (err, "unable to start container process") : 0;
}
