#include "process.h"

#include "capabilities.h"
#include "cleanup.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

int
process_set_oom_score (const struct process_spec *process, pid_t pid, struct error *err)
{
  cleanup_free char *path = xasprintf ("/proc/%d/oom_score_adj", (int) pid), *current = NULL;
  char value[24];

  if (!process->oom_score_adj.set)
    return 0;
  /* Lowering it takes CAP_SYS_RESOURCE, which not every runtime has; leaving it as it is takes nothing. */
  if (read_file_at (AT_FDCWD, path, &current, NULL, err) < 0)
    return -1;
  if (atoll (current) == process->oom_score_adj.value)
    return 0;
  snprintf (value, sizeof value, "%lld", (long long) process->oom_score_adj.value);
  return write_kernel_file_at (AT_FDCWD, path, value, err);
}

static int
set_limits (const struct process_spec *process, struct error *err)
{
  for (size_t i = 0; i < process->rlimit_count; i++)
    {
      const struct rlimit_spec *rlimit = &process->rlimits[i];
      if (setrlimit ((__rlimit_resource_t) rlimit->resource, &rlimit->limit) < 0)
        return error_set (err, errno, "set %s to %llu:%llu", rlimit->name, (unsigned long long) rlimit->limit.rlim_cur,
                          (unsigned long long) rlimit->limit.rlim_max);
    }
  if (process->io_priority.set
      && syscall (SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, process->io_priority.value) < 0)
    return error_set (err, errno, "set the I/O priority");
  umask (process->umask.set ? (mode_t) process->umask.value : 0022);
  return 0;
}

/* /dev/stdout is /proc/self/fd/1: opening it anew takes the right to open what is there, so pipes and terminals are
 * given to the user. /dev/null is everybody's already, and must not be given to anybody. */
static int
give_streams (const struct process_spec *process, struct error *err)
{
  for (int fd = 0; fd < 3; fd++)
    {
      struct stat st;

      if (fstat (fd, &st) < 0)
        {
          if (errno == EBADF)
            continue;
          return error_set (err, errno, "stat standard stream %d", fd);
        }
      if (st.st_uid == process->uid || (S_ISCHR (st.st_mode) && st.st_rdev == makedev (1, 3)))
        continue;
      /* Streams of file systems without owners, or from outside of the user namespace, stay as they are. */
      if (fchown (fd, process->uid, (gid_t) -1) < 0 && errno != EPERM && errno != EINVAL && errno != EROFS)
        return error_set (err, errno, "give standard stream %d to user %u", fd, process->uid);
    }
  return 0;
}

static int
check_available (uint64_t wanted, struct error *err)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[2];
  uint64_t missing;

  if (syscall (SYS_capget, &header, data) < 0)
    return error_set (err, errno, "read capabilities");
  missing = wanted & ~((uint64_t) data[1].permitted << 32 | data[0].permitted);
  for (int value = 0; missing != 0 && value < cap_max_bits (); value++)
    if (missing & UINT64_C (1) << value)
      {
        char *name = cap_to_name (value);
        error_set (err, EPERM, "give capability %s, which the runtime does not have itself", name);
        cap_free (name);
        return -1;
      }
  return 0;
}

static int
set_user (const struct process_spec *process, struct error *err)
{
  cleanup_free char *setgroups_state = NULL;
  struct error ignored;

  /* In a user namespace made by an unprivileged user setgroups(2) is denied for good. */
  if (process->additional_gid_count > 0
      || read_file_at (AT_FDCWD, "/proc/self/setgroups", &setgroups_state, NULL, &ignored) < 0
      || strncmp (setgroups_state, "deny", 4) != 0)
    if (setgroups (process->additional_gid_count, process->additional_gids) < 0)
      return error_set (err, errno, "set additional groups");
  if (setresgid (process->gid, process->gid, process->gid) < 0)
    return error_set (err, errno, "change to group %u", process->gid);
  if (setresuid (process->uid, process->uid, process->uid) < 0)
    return error_set (err, errno, "change to user %u", process->uid);
  return 0;
}

/* execve keeps ignored signals and the mask, and these belong to whoever called the runtime. The C library refuses the
 * two signals that it uses itself, so the kernel is asked: its struct sigaction is at most four words, all of them 0 for
 * SIG_DFL without flags. */
static int
reset_signals (struct error *err)
{
  const unsigned long default_action[4] = { 0 };
  sigset_t none;

  for (int signal = 1; signal < NSIG; signal++)
    if (signal != SIGKILL && signal != SIGSTOP
        && syscall (SYS_rt_sigaction, signal, default_action, NULL, (NSIG - 1) / 8) < 0)
      return error_set (err, errno, "reset signal %d", signal);
  sigemptyset (&none);
  return sigprocmask (SIG_SETMASK, &none, NULL) < 0 ? error_set (err, errno, "reset the signal mask") : 0;
}

int
process_become (const struct process_spec *process, bool has_seccomp, struct error *err)
{
  const uint64_t *sets = process->capabilities;
  /* The kernel keeps the ambient set within these two. `runc spec` writes more, and runc lets it pass. */
  uint64_t ambient = sets[CAPABILITY_AMBIENT] & sets[CAPABILITY_PERMITTED] & sets[CAPABILITY_INHERITABLE];
  uint64_t loading = has_seccomp && !process->no_new_privileges ? UINT64_C (1) << CAP_SYS_ADMIN : 0;

  if (reset_signals (err) < 0 || set_limits (process, err) < 0 || give_streams (process, err) < 0
      || check_available (sets[CAPABILITY_PERMITTED] | sets[CAPABILITY_BOUNDING], err) < 0)
    return -1;
  if (process->no_new_privileges && prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return error_set (err, errno, "set no_new_privs");
  if (capabilities_drop_bounding (sets[CAPABILITY_BOUNDING], err) < 0)
    return -1;
  if (prctl (PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
    return error_set (err, errno, "keep capabilities");
  if (set_user (process, err) < 0
      || capabilities_set (sets[CAPABILITY_EFFECTIVE] | loading, sets[CAPABILITY_PERMITTED] | loading,
                           sets[CAPABILITY_INHERITABLE], err)
             < 0
      || capabilities_set_ambient (ambient, err) < 0)
    return -1;
  return 0;
}

/* The kernel shows a directory outside of the root as "(unreachable)...": a descriptor of the host's has leaked into
 * the working directory (CVE-2024-21626). */
static int
change_directory (const char *cwd, struct error *err)
{
  cleanup_free char *actual = NULL;

  if (chdir (cwd) < 0)
    return error_set (err, errno, "change to working directory %s", cwd);
  actual = getcwd (NULL, 0);
  if (actual == NULL || actual[0] != '/')
    return error_set (err, 0, "working directory %s is outside of the container", cwd);
  return 0;
}

/* 0 when PATH can be run; otherwise errno. */
static int
try_program (const char *path)
{
  struct stat st;

  if (stat (path, &st) < 0)
    return errno;
  if (S_ISDIR (st.st_mode))
    return EISDIR;
  return faccessat (AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

static const char *
environment_value (const char *const *env, const char *name)
{
  size_t length = strlen (name);

  for (; env != NULL && *env != NULL; env++)
    if (strncmp (*env, name, length) == 0 && (*env)[length] == '=')
      return *env + length + 1;
  return NULL;
}

static int
search_path (const char *name, const char *const *env, char **found, struct error *err)
{
  const char *value = environment_value (env, "PATH");
  cleanup_free char *path = xstrdup (value != NULL ? value : "");
  char *next = path;

  for (char *dir; value != NULL && (dir = strsep (&next, ":")) != NULL;)
    {
      char *candidate = xasprintf ("%s/%s", *dir != '\0' ? dir : ".", name);
      if (try_program (candidate) == 0)
        {
          *found = candidate;
          return 0;
        }
      free (candidate);
    }
  return error_set_status (err, EXIT_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", name);
}

static int
find_path (const struct process_spec *process, char **found, struct error *err)
{
  const char *name = process->args[0];
  int errnum;

  if (strchr (name, '/') == NULL)
    return search_path (name, process->env, found, err);
  errnum = try_program (name);
  if (errnum == 0)
    {
      *found = xstrdup (name);
      return 0;
    }
  if (errnum == ENOENT || errnum == ENOTDIR)
    return error_set_status (err, EXIT_NOT_FOUND, "exec: \"%s\": stat %s: no such file or directory", name, name);
  return error_set_status (err, EXIT_NOT_RUNNABLE, "exec: \"%s\": %s", name,
                           errnum == EISDIR ? "is a directory" : "permission denied");
}

/* The user's directory in the container's /etc/passwd, "/" when it isn't listed. */
static char *
home_directory (uid_t uid)
{
  cleanup_file FILE *passwd = fopen ("/etc/passwd", "re");
  struct passwd *entry;

  while (passwd != NULL && (entry = fgetpwent (passwd)) != NULL)
    if (entry->pw_uid == uid)
      return xstrdup (entry->pw_dir);
  return xstrdup ("/");
}

static char **
make_environment (const struct process_spec *process)
{
  size_t count = 0;
  char **env;

  while (process->env != NULL && process->env[count] != NULL)
    count++;
  env = xcalloc (count + 2, sizeof *env);
  for (size_t i = 0; i < count; i++)
    env[i] = (char *) process->env[i];
  if (environment_value (process->env, "HOME") == NULL)
    {
      cleanup_free char *home = home_directory (process->uid);
      env[count] = xasprintf ("HOME=%s", home);
    }
  return env;
}

int
process_find_program (const struct process_spec *process, struct program *program, struct error *err)
{
  if (change_directory (process->cwd, err) < 0 || find_path (process, &program->path, err) < 0)
    return -1;
  program->env = make_environment (process);
  return 0;
}

int
process_execute (const struct process_spec *process, const struct program *program,
                 const struct seccomp_program *filter, struct error *err)
{
  const uint64_t *sets = process->capabilities;

  if (seccomp_load_program (filter, err) < 0
      || capabilities_set (sets[CAPABILITY_EFFECTIVE], sets[CAPABILITY_PERMITTED], sets[CAPABILITY_INHERITABLE], err)
             < 0)
    return -1;
  execve (program->path, (char *const *) process->args, program->env);
  return error_set_status (err, errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE,
                           "exec %s: %s", program->path, strerror (errno));
}

int
process_close_descriptors (int preserve, struct error *err)
{
  if (syscall (SYS_close_range, 3 + preserve, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
    return error_set (err, errno, "close descriptors");
  return 0;
}
