#include "pidfd.h"

#include "cleanup.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>

int
pidfd_open_process (pid_t pid)
{
  return (int) syscall (SYS_pidfd_open, pid, 0);
}

int
pidfd_signal (int pidfd, int signal)
{
  return (int) syscall (SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int
pidfd_wait (int pidfd, int timeout_ms)
{
  struct pollfd entry = { .fd = pidfd, .events = POLLIN };
  int n;

  do
    n = poll (&entry, 1, timeout_ms);
  while (n < 0 && errno == EINTR);
  if (n == 0)
    errno = ETIMEDOUT;
  return n > 0 ? 0 : -1;
}

uint64_t
process_start_time (pid_t pid)
{
  char path[32], state;
  cleanup_free char *stat = NULL;
  struct error ignored;
  uint64_t start_time;
  char *after_name;

  snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
  if (read_file_at (AT_FDCWD, path, &stat, NULL, &ignored) < 0)
    return 0;
  /* The name, field 2, may itself hold spaces and parentheses. */
  after_name = strrchr (stat, ')');
  if (after_name == NULL
      || sscanf (after_name + 1,
                 " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64, &state,
                 &start_time)
             != 2)
    return 0;
  return state == 'Z' || state == 'X' ? 0 : start_time;
}

int
pidfd_open_verified (pid_t pid, uint64_t start_time)
{
  int pidfd = pid > 0 ? pidfd_open_process (pid) : -1;

  if (pidfd < 0 || process_start_time (pid) != start_time || start_time == 0)
    {
      if (pidfd >= 0)
        close (pidfd);
      errno = ESRCH;
      return -1;
    }
  return pidfd;
}
