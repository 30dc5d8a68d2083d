#include "init.h"

#include "cleanup.h"
#include "console.h"
#include "devices.h"
#include "hooks.h"
#include "lsm.h"
#include "mounts.h"
#include "process.h"
#include "rootfs.h"
#include "sync.h"
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PARENT "the create command"

/* A keyring of its own: the host's session keys must not be found by walking up. */
static int
join_new_keyring (struct error *err)
{
  if (syscall (SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
    return error_set (err, errno, "make a session keyring");
  return 0;
}

/* The parts of the container that are not files. */
static int
set_up_identity (const struct spec *spec, struct error *err)
{
  const struct namespace_spec *cgroup_namespace = spec_namespace (spec, CLONE_NEWCGROUP);

  if (cgroup_namespace != NULL && cgroup_namespace->path == NULL && unshare (CLONE_NEWCGROUP) < 0)
    return error_set (err, errno, "make a cgroup namespace");
  if (setsid () < 0)
    return error_set (err, errno, "make a session");
  if (join_new_keyring (err) < 0)
    return -1;
  if (spec->hostname != NULL && sethostname (spec->hostname, strlen (spec->hostname)) < 0)
    return error_set (err, errno, "set host name \"%s\"", spec->hostname);
  if (spec->domainname != NULL && setdomainname (spec->domainname, strlen (spec->domainname)) < 0)
    return error_set (err, errno, "set domain name \"%s\"", spec->domainname);
  if (spec->personality.set && personality ((unsigned long) spec->personality.value) < 0)
    return error_set (err, errno, "set the personality");
  return 0;
}

static int
run_runtime_hooks (const struct init_arguments *arguments, struct error *err)
{
  if (!hooks_exist (arguments->spec, HOOK_PRESTART) && !hooks_exist (arguments->spec, HOOK_CREATE_RUNTIME))
    return 0;
  if (sync_send (arguments->sync, SYNC_HOOKS, NULL, 0, err) < 0)
    return -1;
  return sync_receive (arguments->sync, SYNC_CONTINUE, PARENT, NULL, 0, err);
}

static int
set_up_terminal (const struct init_arguments *arguments, int root, struct error *err)
{
  cleanup_close int master = -1, slave = -1;

  if (!arguments->spec->process.terminal)
    return 0;
  if (console_open (root, &arguments->spec->process, &master, &slave, err) < 0
      || console_bind (root, slave, err) < 0 || console_send (arguments->console_socket, master, err) < 0)
    return -1;
  return console_become (slave, err);
}

static int
become_namespace_root (const struct spec *spec, struct error *err)
{
  if (spec_namespace (spec, CLONE_NEWUSER) != NULL && (setresgid (0, 0, 0) < 0 || setresuid (0, 0, 0) < 0))
    return error_set (err, errno, "become root of the user namespace");
  return 0;
}

static int
fill_root (const struct init_arguments *arguments, int root, const int *sources, struct error *err)
{
  const struct spec *spec = arguments->spec;
  struct mount_context context = { .spec = spec, .cgroup = arguments->cgroup, .root = root, .sources = sources };

  if (become_namespace_root (spec, err) < 0 || mounts_make (&context, err) < 0 || devices_make (spec, root, err) < 0
      || set_up_terminal (arguments, root, err) < 0 || mounts_finish (&context, err) < 0
      || sysctl_apply (spec, err) < 0
      || hooks_run (spec, HOOK_CREATE_CONTAINER, arguments->state, STATUS_CREATING, err) < 0
      || rootfs_protect (spec, root, err) < 0)
    return -1;
  return rootfs_pivot (spec, root, err);
}

/* Everything that is files. When it returns, the host's are out of reach. */
static int
set_up_files (const struct init_arguments *arguments, struct error *err)
{
  const char *bundle = arguments->state->bundle;
  cleanup_close int root = -1;
  int *sources, result;

  umask (0);
  root = rootfs_prepare (arguments->spec, bundle, err);
  if (root < 0 || mounts_open_sources (arguments->spec, bundle, &sources, err) < 0)
    return -1;
  result = fill_root (arguments, root, sources, err);
  mounts_close_sources (arguments->spec, sources);
  return result;
}

static int
set_up (const struct init_arguments *arguments, struct program *program, struct seccomp_program *filter,
        struct error *err)
{
  const struct spec *spec = arguments->spec;
  cleanup_close int lsm_fd = -1;

  /* Processes of a pid namespace that is joined could otherwise look into this one. */
  if (prctl (PR_SET_DUMPABLE, 0) < 0)
    return error_set (err, errno, "make the process undumpable");
  if (sync_receive (arguments->sync, SYNC_JOINED, PARENT, NULL, 0, err) < 0 || set_up_identity (spec, err) < 0
      || run_runtime_hooks (arguments, err) < 0 || lsm_open (&spec->process, &lsm_fd, err) < 0
      || set_up_files (arguments, err) < 0
      || sync_receive (arguments->sync, SYNC_SECCOMP, PARENT, filter, sizeof *filter, err) < 0
      || process_close_descriptors (arguments->preserve_fds, err) < 0
      || lsm_set_exec_profile (lsm_fd, &spec->process, err) < 0
      || process_become (&spec->process, filter->count > 0, err) < 0)
    return -1;
  return process_find_program (&spec->process, program, err);
}

/* Blocks until `start`. The fifo is open for writing here too, so there is no end of file before that. */
static int
wait_for_start (int start_fifo, struct error *err)
{
  char byte;
  ssize_t n;

  do
    n = read (start_fifo, &byte, 1);
  while (n < 0 && errno == EINTR);
  return n == 1 ? 0 : error_set (err, errno, "wait for start");
}

_Noreturn void
init_main (const struct init_arguments *arguments)
{
  struct error err = { 0 };
  struct program program = { NULL, NULL };
  struct seccomp_program filter = { .count = 0 };

  if (set_up (arguments, &program, &filter, &err) < 0)
    {
      sync_send_error (arguments->sync, &err);
      _exit (EXIT_FAILED);
    }
  if (sync_send (arguments->sync, SYNC_READY, NULL, 0, &err) < 0)
    _exit (EXIT_FAILED);
  close (arguments->sync);

  if (wait_for_start (arguments->start_fifo, &err) == 0
      && hooks_run (arguments->spec, HOOK_START_CONTAINER, arguments->state, STATUS_CREATED, &err) == 0)
    process_execute (&arguments->spec->process, &program, &filter, &err);
  /* One write below PIPE_BUF, so `start` reads it whole. Nobody else is left to tell if that fails. */
  if (write (arguments->result_fifo, &err, sizeof err) < 0)
    _exit (EXIT_FAILED);
  _exit (err.status != 0 ? (int) err.status : EXIT_FAILED);
}
