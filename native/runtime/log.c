#include "log.h"

#include "alloc.h"
#include "cleanup.h"
#include "file.h"
#include "time_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int log_fd = -1;
static bool log_json;

/* /dev/fd/N can't be opened when N is a socket, which is what Node.js makes of a child's pipes. */
static int
duplicate_numbered (const char *path)
{
  char end;
  int fd;

  if (sscanf (path, "/dev/fd/%d%c", &fd, &end) != 1 && sscanf (path, "/proc/self/fd/%d%c", &fd, &end) != 1)
    return -1;
  return fcntl (fd, F_DUPFD_CLOEXEC, 3);
}

int
log_open (const char *path, bool json, struct error *err)
{
  int fd = duplicate_numbered (path);

  if (fd < 0)
    fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0)
    return error_set (err, errno, "open log file %s", path);
  log_fd = fd;
  log_json = json;
  return 0;
}

void
log_error (const char *message)
{
  char now[TIME_TEXT_SIZE];
  cleanup_free char *line = NULL, *quoted = NULL;
  cleanup_json json_t *text = NULL;

  if (log_fd < 0)
    {
      fprintf (stderr, "gantry-runtime: %s\n", message);
      return;
    }
  time_text_now (now);
  text = json_stringn_nocheck (message, strlen (message));
  quoted = json_dumps (text, JSON_ENCODE_ANY);
  if (quoted == NULL)
    quoted = xstrdup ("\"an error that is not valid UTF-8\"");
  line = log_json ? xasprintf ("{\"level\":\"error\",\"msg\":%s,\"time\":\"%s\"}\n", quoted, now)
                  : xasprintf ("time=\"%s\" level=error msg=%s\n", now, quoted);
  if (write_all (log_fd, line, strlen (line)) < 0)
    fprintf (stderr, "gantry-runtime: %s\n", message);
}
