#include "hooks.h"

#include "cleanup.h"
#include "file.h"
#include "pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

bool
hooks_exist (const struct spec *spec, enum hook_point point)
{
  return spec->hook_counts[point] > 0;
}

static _Noreturn void
execute (const struct hook_spec *hook, int input)
{
  const char *const default_args[] = { hook->path, NULL }, *const no_env[] = { NULL };
  sigset_t none;

  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  if (dup2 (input, STDIN_FILENO) == STDIN_FILENO)
    execve (hook->path, (char *const *) (hook->args != NULL ? hook->args : default_args),
            (char *const *) (hook->env != NULL ? hook->env : no_env));
  fprintf (stderr, "gantry-runtime: hook %s: %s\n", hook->path, strerror (errno));
  _exit (127);
}

static int
run_one (const struct hook_spec *hook, int input, struct error *err)
{
  cleanup_close int pidfd = -1;
  int status;
  pid_t pid;

  if (lseek (input, 0, SEEK_SET) < 0)
    return error_set (err, errno, "rewind the state");
  pid = fork ();
  if (pid < 0)
    return error_set (err, errno, "fork");
  if (pid == 0)
    execute (hook, input);
  pidfd = pidfd_open_process (pid);
  if (pidfd < 0 || pidfd_wait (pidfd, hook->timeout_s > 0 ? hook->timeout_s * 1000 : -1) < 0)
    {
      int errnum = errno;
      kill (pid, SIGKILL);
      waitpid (pid, &status, 0);
      return error_set (err, errnum, "wait for it");
    }
  if (waitpid (pid, &status, 0) < 0)
    return error_set (err, errno, "wait for it");
  if (WIFSIGNALED (status))
    return error_set (err, 0, "killed by signal %d", WTERMSIG (status));
  return WEXITSTATUS (status) == 0 ? 0 : error_set (err, 0, "exit status %d", WEXITSTATUS (status));
}

int
hooks_run (const struct spec *spec, enum hook_point point, const struct state *state, enum status status,
           struct error *err)
{
  cleanup_close int input = -1;
  cleanup_json json_t *json = NULL;
  cleanup_free char *text = NULL;

  if (!hooks_exist (spec, point))
    return 0;
  json = state_to_oci (state, status);
  text = json_dumps (json, JSON_COMPACT);
  input = memfd_create ("state", MFD_CLOEXEC);
  if (text == NULL || input < 0 || write_all (input, text, strlen (text)) < 0)
    return error_set (err, errno, "prepare the hooks' input");
  for (size_t i = 0; i < spec->hook_counts[point]; i++)
    if (run_one (&spec->hooks[point][i], input, err) < 0)
      return error_prefix (err, "hook %s", spec->hooks[point][i].path);
  return 0;
}
