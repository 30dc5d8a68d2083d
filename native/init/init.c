/* gantry-init: PID 1 of a container with `init: true`.
 *
 *   gantry-init [--] PROGRAM [ARG...]
 *
 * Runs PROGRAM as its only own child, forwards every signal to it, reaps all orphans that the kernel hands to PID 1,
 * and exits as PROGRAM did (128 + N when signal N killed it; 126 not runnable, 127 not found).
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Faults of our own must kill us as they do any process, so their signals stay unblocked. */
static void
block_forwarded_signals (sigset_t *blocked, sigset_t *before)
{
  static const int synchronous[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS };

  sigfillset (blocked);
  for (size_t i = 0; i < sizeof synchronous / sizeof synchronous[0]; i++)
    sigdelset (blocked, synchronous[i]);
  sigprocmask (SIG_BLOCK, blocked, before);
}

static _Noreturn void
run_program (char **argv, const sigset_t *mask)
{
  int code;

  /* A process group of its own, in the foreground: Ctrl-C in a terminal reaches the program and not us, so that
   * it isn't delivered twice. SIGTTOU is still blocked here, otherwise tcsetpgrp would stop us. */
  setpgid (0, 0);
  tcsetpgrp (STDIN_FILENO, getpgrp ());
  sigprocmask (SIG_SETMASK, mask, NULL);

  execvp (argv[0], argv);
  code = errno == ENOENT ? 127 : 126;
  fprintf (stderr, "gantry-init: exec \"%s\": %s\n", argv[0], strerror (errno));
  _exit (code);
}

/* Reaps everything that has ended. Returns the program's exit code once it is among them, otherwise -1. */
static int
reap (pid_t program)
{
  int code = -1, status;
  pid_t pid;

  while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
    if (pid == program)
      code = WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
  return code;
}

int
main (int argc, char **argv)
{
  sigset_t blocked, before;
  pid_t program;

  argv++, argc--;
  if (argc > 0 && strcmp (argv[0], "--") == 0)
    argv++, argc--;
  if (argc == 0)
    {
      fputs ("usage: gantry-init [--] PROGRAM [ARG...]\n", stderr);
      return 125;
    }

  block_forwarded_signals (&blocked, &before);
  program = fork ();
  if (program < 0)
    {
      perror ("gantry-init: fork");
      return 125;
    }
  if (program == 0)
    run_program (argv, &before);

  for (;;)
    {
      int signal = sigwaitinfo (&blocked, NULL);
      if (signal == SIGCHLD)
        {
          int code = reap (program);
          if (code >= 0)
            return code;
        }
      else if (signal > 0)
        kill (program, signal); /* ESRCH can't be: it stays a zombie until reaped above. */
    }
}
