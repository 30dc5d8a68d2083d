#include "signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int
parse_offset (const char *text, int base, int direction)
{
  char *end;
  long offset;

  if (*text == '\0')
    return base;
  offset = strtol (text + 1, &end, 10);
  if (end == text + 1 || *end != '\0' || offset < 0 || offset > SIGRTMAX - SIGRTMIN)
    return -1;
  return base + direction * (int) offset;
}

int
signal_from_name (const char *name)
{
  char *end;
  long number = strtol (name, &end, 10);

  if (end != name && *end == '\0')
    return number >= 0 && number <= SIGRTMAX ? (int) number : -1;
  if (strncasecmp (name, "SIG", 3) == 0)
    name += 3;
  if (strncasecmp (name, "RTMIN", 5) == 0 && (name[5] == '+' || name[5] == '\0'))
    return parse_offset (name + 5, SIGRTMIN, 1);
  if (strncasecmp (name, "RTMAX", 5) == 0 && (name[5] == '-' || name[5] == '\0'))
    return parse_offset (name + 5, SIGRTMAX, -1);
  for (int signal = 1; signal < SIGRTMIN; signal++)
    if (sigabbrev_np (signal) != NULL && strcasecmp (sigabbrev_np (signal), name) == 0)
      return signal;
  return -1;
}
