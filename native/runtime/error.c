#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
error_set (struct error *err, int errnum, const char *format, ...)
{
  va_list args;
  size_t used;

  err->errnum = errnum;
  err->status = 0;
  va_start (args, format);
  vsnprintf (err->message, sizeof err->message, format, args);
  va_end (args);

  used = strlen (err->message);
  if (errnum != 0)
    snprintf (err->message + used, sizeof err->message - used, ": %s", strerror (errnum));
  return -1;
}

int
error_set_status (struct error *err, enum exit_status status, const char *format, ...)
{
  va_list args;

  err->errnum = 0;
  err->status = status;
  va_start (args, format);
  vsnprintf (err->message, sizeof err->message, format, args);
  va_end (args);
  return -1;
}

int
error_prefix (struct error *err, const char *format, ...)
{
  char inner[sizeof err->message];
  va_list args;
  size_t used;

  memcpy (inner, err->message, sizeof inner);
  va_start (args, format);
  vsnprintf (err->message, sizeof err->message, format, args);
  va_end (args);

  used = strlen (err->message);
  snprintf (err->message + used, sizeof err->message - used, ": %s", inner);
  return -1;
}
