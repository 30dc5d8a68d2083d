#ifndef GANTRY_RUNTIME_ERROR_H
#define GANTRY_RUNTIME_ERROR_H

/* Exit statuses of gantry-runtime. `exec` uses EXIT_EXEC_FAILED for its own failures, so that a small number is
 * always the process's own. */
enum exit_status
{
  EXIT_FAILED = 1,
  EXIT_NOT_RUNNABLE = 126,
  EXIT_NOT_FOUND = 127,
  EXIT_EXEC_FAILED = 255,
};

/* What went wrong, as one line. Plain data, so that a container's first process can send it to its parent.
 * It is the last parameter of every function that can fail; such a function returns a negative value. */
struct error
{
  int errnum;              /* errno of the cause, 0 when there is none */
  enum exit_status status; /* how the command shall exit; 0 means the command's own default */
  char message[1024];
};

/* Each returns -1, so that `return error_set (...)` reads well. The text of ERRNUM is appended when it isn't 0. */
int error_set (struct error *err, int errnum, const char *format, ...) __attribute__ ((format (printf, 3, 4)));
int error_set_status (struct error *err, enum exit_status status, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* Puts context in front of an error that is already set. */
int error_prefix (struct error *err, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

#endif
