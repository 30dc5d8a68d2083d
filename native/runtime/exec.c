#include "exec.h"

#include "alloc.h"
#include "cleanup.h"
#include "console.h"
#include "file.h"
#include "lsm.h"
#include "namespaces.h"
#include "pidfd.h"
#include "process.h"
#include "seccomp.h"
#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CHILD "the process"
#define PARENT "the exec command"

/* One `exec`; descriptors are -1 where there is none. */
struct execution
{
  const struct exec_options *options;
  int container; /* pidfd of the container's first process */
  int console[2]; /* where the terminal arrives, where the child sends it */
  int sync[2];    /* ours, the child's */
  pid_t pid;
};

static int
join_namespaces (const struct execution *execution, struct error *err)
{
  /* Namespaces that the container shares with the host are joined too, which changes nothing; but joining the user
   * namespace one is already in is refused. */
  int flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;

  if (spec_namespace (execution->options->spec, CLONE_NEWUSER) != NULL)
    flags |= CLONE_NEWUSER;
  if (setns (execution->container, flags) < 0)
    return error_set (err, errno, "join the container's namespaces");
  if (flags & CLONE_NEWUSER && (setresgid (0, 0, 0) < 0 || setresuid (0, 0, 0) < 0))
    return error_set (err, errno, "become root of the user namespace");
  return 0;
}

static int
set_up_terminal (const struct execution *execution, struct error *err)
{
  cleanup_close int root = -1, master = -1, slave = -1;

  if (!execution->options->process->terminal)
    return 0;
  root = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return error_set (err, errno, "open the container's root");
  if (console_open (root, execution->options->process, &master, &slave, err) < 0
      || console_send (execution->console[1], master, err) < 0)
    return -1;
  return console_become (slave, err);
}

static int
set_up (const struct execution *execution, struct program *program, struct seccomp_program *filter, struct error *err)
{
  const struct process_spec *process = execution->options->process;
  cleanup_close int lsm_fd = -1;

  if (prctl (PR_SET_DUMPABLE, 0) < 0)
    return error_set (err, errno, "make the process undumpable");
  if (sync_receive (execution->sync[1], SYNC_JOINED, PARENT, NULL, 0, err) < 0
      || lsm_open (process, &lsm_fd, err) < 0 || join_namespaces (execution, err) < 0)
    return -1;
  if (setsid () < 0)
    return error_set (err, errno, "make a session");
  if (syscall (SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
    return error_set (err, errno, "make a session keyring");
  if (set_up_terminal (execution, err) < 0
      || sync_receive (execution->sync[1], SYNC_SECCOMP, PARENT, filter, sizeof *filter, err) < 0
      || process_close_descriptors (execution->options->preserve_fds, err) < 0
      || lsm_set_exec_profile (lsm_fd, process, err) < 0
      || process_become (process, filter->count > 0, err) < 0)
    return -1;
  return process_find_program (process, program, err);
}

/* The parent learns of the successful execve by the end of file on the pair. */
static _Noreturn void
run_child (const struct execution *execution)
{
  struct error err = { 0 };
  struct program program = { NULL, NULL };
  struct seccomp_program filter = { .count = 0 };

  close (execution->sync[0]);
  if (set_up (execution, &program, &filter, &err) == 0)
    process_execute (execution->options->process, &program, &filter, &err);
  sync_send_error (execution->sync[1], &err);
  _exit (EXIT_FAILED);
}

/* The v2 cgroup that the container's first process is in now: a container that manages cgroups of its own (systemd)
 * may have moved it below its own root, and the root can't have processes then. */
static int
open_current_v2 (const struct execution *execution, const struct cgroup_hierarchy *v2, struct error *err)
{
  cleanup_free char *path = xasprintf ("/proc/%d/cgroup", (int) execution->options->state->pid), *lines = NULL;
  char *next, *line;
  int fd = -1;

  if (read_file_at (AT_FDCWD, path, &lines, NULL, err) < 0)
    return -1;
  next = lines;
  while ((line = strsep (&next, "\n")) != NULL)
    if (strncmp (line, "0::", 3) == 0)
      {
        cleanup_free char *dir = xasprintf ("%s%s", v2->root, line + 3);
        fd = open (dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
      }
  return fd < 0 ? error_set (err, errno, "open the container's cgroup") : fd;
}

static int
fork_into (struct execution *execution, const struct cgroup *cgroup, bool *born_in_v2, struct error *err)
{
  const struct cgroup_hierarchy *v2 = cgroup_v2 (cgroup);
  cleanup_close int own = cgroup_open_v2 (cgroup), current = -1;

  *born_in_v2 = own >= 0;
  execution->pid = namespaces_fork (0, own, err);
  if (execution->pid < 0 && v2 != NULL && (err->errnum == EBUSY || err->errnum == EOPNOTSUPP))
    {
      current = open_current_v2 (execution, v2, err);
      if (current < 0)
        return -1;
      execution->pid = namespaces_fork (0, current, err);
    }
  return execution->pid < 0 ? -1 : 0;
}

static int
start_child (struct execution *execution, struct error *err)
{
  const struct exec_options *options = execution->options;
  struct cgroup cgroup = { 0 };
  bool born_in_v2 = false;
  int result;

  /* Only children are affected by joining a pid namespace, so it is done before there is one. */
  if (setns (execution->container, CLONE_NEWPID) < 0)
    return error_set (err, errno, "join the container's pid namespace");
  result = state_locate_cgroup (options->state, &cgroup, err);
  if (result == 0)
    result = fork_into (execution, &cgroup, &born_in_v2, err);
  if (result == 0 && execution->pid == 0)
    run_child (execution);
  close (execution->sync[1]);
  execution->sync[1] = -1;
  if (result == 0)
    result = cgroup_attach (&cgroup, execution->pid, born_in_v2, err);
  cgroup_free (&cgroup);
  if (result < 0 || process_set_oom_score (options->process, execution->pid, err) < 0)
    return -1;
  return sync_send (execution->sync[0], SYNC_JOINED, NULL, 0, err);
}

static int
send_filter (const struct execution *execution, struct error *err)
{
  cleanup_free char *cache = xasprintf ("%s/.seccomp", execution->options->root);
  struct seccomp_program filter;
  struct error send_error;

  if (seccomp_compile (&filter, execution->options->spec->seccomp, cache, err) < 0)
    return -1;
  /* A child that has died has sent the reason, which comes out when that is read. */
  (void) sync_send (execution->sync[0], SYNC_SECCOMP, &filter, seccomp_program_size (&filter), &send_error);
  return 0;
}

static int
write_pid_file (const struct execution *execution, struct error *err)
{
  char pid[16];

  if (execution->options->pid_file == NULL)
    return 0;
  snprintf (pid, sizeof pid, "%d", (int) execution->pid);
  return replace_file_at (AT_FDCWD, execution->options->pid_file, pid, strlen (pid), 0644, err);
}

static int
open_channels (struct execution *execution, struct error *err)
{
  const struct exec_options *options = execution->options;

  execution->container = state_open_process (options->state, err);
  if (execution->container < 0 || sync_pair (execution->sync, err) < 0)
    return -1;
  if (options->console_socket != NULL)
    {
      execution->console[1] = console_connect (options->console_socket, err);
      return execution->console[1] < 0 ? -1 : 0;
    }
  if (options->process->terminal && socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, execution->console) < 0)
    return error_set (err, errno, "socketpair");
  return 0;
}

static int
stay (struct execution *execution, struct error *err)
{
  struct relay relay = { .pid = execution->pid, .pidfd = -1, .master = -1, .control = execution->options->control_fd };
  int status = -1;

  if (execution->console[0] >= 0)
    {
      relay.master = console_receive (execution->console[0], err);
      if (relay.master < 0)
        return -1;
    }
  relay.pidfd = pidfd_open_process (execution->pid);
  if (relay.pidfd < 0)
    error_set (err, errno, "open the process");
  else
    status = relay_run (&relay, err);
  if (relay.master >= 0)
    close (relay.master);
  if (relay.pidfd >= 0)
    close (relay.pidfd);
  return status;
}

static int
run (struct execution *execution, struct error *err)
{
  if (open_channels (execution, err) < 0)
    return -1;
  if (start_child (execution, err) < 0 || send_filter (execution, err) < 0
      || sync_receive_end (execution->sync[0], CHILD, err) < 0 || write_pid_file (execution, err) < 0)
    {
      if (execution->pid > 0)
        {
          kill (execution->pid, SIGKILL);
          waitpid (execution->pid, NULL, 0);
        }
      return -1;
    }
  return execution->options->detach ? 0 : stay (execution, err);
}

int
container_exec (const struct exec_options *options, struct error *err)
{
  struct execution execution
      = { .options = options, .container = -1, .console = { -1, -1 }, .sync = { -1, -1 }, .pid = -1 };
  int status = run (&execution, err);
  const int fds[] = { execution.container, execution.console[0], execution.console[1], execution.sync[0],
                      execution.sync[1] };

  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    if (fds[i] >= 0)
      close (fds[i]);
  return status;
}
