#include "commands.h"

#include <stdlib.h>

int
command_usage (const char *usage, struct error *err)
{
  return error_set (err, 0, "usage: gantry-runtime %s", usage);
}

int
command_single_id (int argc, char **argv, int first, const char *usage, const char **id, struct error *err)
{
  if (argc != first + 1)
    return command_usage (usage, err);
  *id = argv[first];
  return 0;
}

int
command_number (const char *option, const char *text, long max, struct error *err)
{
  char *end;
  long value = strtol (text, &end, 10);

  if (end == text || *end != '\0' || value < 0 || value > max)
    return error_set (err, 0, "%s: \"%s\" is not a number from 0 to %ld", option, text, max);
  return (int) value;
}
