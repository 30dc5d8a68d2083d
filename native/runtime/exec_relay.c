#include "exec.h"

#include "cleanup.h"
#include "console.h"
#include "pidfd.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

/* As much as a pipe that polls as writable takes without blocking (PIPE_BUF). */
#define CHUNK 4096

/* Bytes on their way in one direction. FROM or TO is -1 once it is at its end. */
struct stream
{
  int from, to;
  char data[CHUNK];
  size_t start, end;
};

struct session
{
  struct relay *relay;
  struct stream input, output; /* only with a terminal */
  int signals;
  char command[64]; /* a line of the control descriptor, as far as it has come */
  size_t command_length;
  bool stdout_broken, stderr_broken;
  bool caller_gone;
};

enum poll_slot
{
  SLOT_PROCESS,
  SLOT_SIGNALS,
  SLOT_CONTROL,
  SLOT_STDOUT,
  SLOT_STDERR,
  SLOT_INPUT_FROM,
  SLOT_INPUT_TO,
  SLOT_OUTPUT_FROM,
  SLOT_OUTPUT_TO,
  SLOTS,
};

static bool
is_empty (const struct stream *stream)
{
  return stream->start == stream->end;
}

/* Sockets would block until all is written. */
static ssize_t
write_some (int fd, const char *data, size_t length)
{
  ssize_t n = send (fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  return n < 0 && errno == ENOTSOCK ? write (fd, data, length) : n;
}

/* Returns false at the end of what is read from. A terminal whose other side is closed everywhere gives EIO. */
static bool
fill (struct stream *stream)
{
  ssize_t n = read (stream->from, stream->data, sizeof stream->data);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return true;
  if (n <= 0)
    return false;
  stream->start = 0;
  stream->end = (size_t) n;
  return true;
}

/* Returns false when nobody reads any more. */
static bool
drain (struct stream *stream)
{
  ssize_t n = write_some (stream->to, stream->data + stream->start, stream->end - stream->start);

  if (n < 0)
    return errno == EAGAIN || errno == EINTR;
  stream->start += (size_t) n;
  return true;
}

/* The process may have ended on its own just now, so ESRCH is fine. */
static int
forward_signal (struct session *session, int signal, struct error *err)
{
  if (pidfd_signal (session->relay->pidfd, signal) < 0 && errno != ESRCH)
    return error_set (err, errno, "send signal %d", signal);
  return 0;
}

static int
resize_like_own_terminal (struct session *session, struct error *err)
{
  struct winsize size;

  if (session->relay->master < 0 || ioctl (STDIN_FILENO, TIOCGWINSZ, &size) < 0)
    return 0;
  return console_resize (session->relay->master, size.ws_row, size.ws_col, err);
}

static int
take_signal (struct session *session, struct error *err)
{
  struct signalfd_siginfo info;

  if (read (session->signals, &info, sizeof info) != sizeof info)
    return error_set (err, errno, "read a signal");
  if (info.ssi_signo == SIGWINCH)
    return resize_like_own_terminal (session, err);
  return info.ssi_signo == SIGCHLD ? 0 : forward_signal (session, (int) info.ssi_signo, err);
}

static int
run_command (struct session *session, const char *line, struct error *err)
{
  unsigned rows, columns;
  char name[32];
  int signal;

  if (sscanf (line, "resize %u %u", &rows, &columns) == 2)
    return session->relay->master < 0 ? 0 : console_resize (session->relay->master, rows, columns, err);
  if (sscanf (line, "signal %31s", name) == 1 && (signal = signal_from_name (name)) > 0)
    return forward_signal (session, signal, err);
  return error_set (err, 0, "control line \"%s\" is neither \"resize ROWS COLUMNS\" nor \"signal NAME\"", line);
}

static int
take_control (struct session *session, struct error *err)
{
  char data[256];
  ssize_t n = read (session->relay->control, data, sizeof data);

  if (n < 0 && (errno == EINTR || errno == EAGAIN))
    return 0;
  if (n <= 0)
    session->caller_gone = true;
  for (ssize_t i = 0; i < n; i++)
    if (data[i] == '\n')
      {
        session->command[session->command_length] = '\0';
        session->command_length = 0;
        if (run_command (session, session->command, err) < 0)
          return -1;
      }
    else if (session->command_length + 1 < sizeof session->command)
      session->command[session->command_length++] = data[i];
    else
      return error_set (err, 0, "control line too long");
  return 0;
}

static void
set_slot (struct pollfd *slot, int fd, short events)
{
  slot->fd = fd;
  slot->events = events;
  slot->revents = 0;
}

static void
fill_slots (const struct session *session, struct pollfd *slots)
{
  const struct stream *input = &session->input, *output = &session->output;

  set_slot (&slots[SLOT_PROCESS], session->relay->pidfd, POLLIN);
  set_slot (&slots[SLOT_SIGNALS], session->signals, POLLIN);
  set_slot (&slots[SLOT_CONTROL], session->relay->control, POLLIN);
  /* Errors and hang-ups are reported without being asked for. */
  set_slot (&slots[SLOT_STDOUT], session->stdout_broken ? -1 : STDOUT_FILENO, 0);
  set_slot (&slots[SLOT_STDERR], session->stderr_broken ? -1 : STDERR_FILENO, 0);
  set_slot (&slots[SLOT_INPUT_FROM], is_empty (input) ? input->from : -1, POLLIN);
  set_slot (&slots[SLOT_INPUT_TO], is_empty (input) ? -1 : input->to, POLLOUT);
  set_slot (&slots[SLOT_OUTPUT_FROM], is_empty (output) ? output->from : -1, POLLIN);
  set_slot (&slots[SLOT_OUTPUT_TO], is_empty (output) ? -1 : output->to, POLLOUT);
}

static void
move_bytes (struct session *session, const struct pollfd *slots)
{
  struct stream *input = &session->input, *output = &session->output;

  if (slots[SLOT_INPUT_FROM].revents != 0 && !fill (input))
    input->from = -1;
  if (slots[SLOT_INPUT_TO].revents != 0 && !drain (input))
    input->from = input->to = -1, input->start = input->end = 0;
  if (slots[SLOT_OUTPUT_FROM].revents != 0 && !fill (output))
    output->from = -1;
  if (slots[SLOT_OUTPUT_TO].revents != 0 && !drain (output))
    session->caller_gone = true;
}

static void
watch_caller (struct session *session, const struct pollfd *slots)
{
  const short gone = POLLERR | POLLHUP;

  if (slots[SLOT_STDOUT].revents != 0)
    session->stdout_broken = true;
  if (slots[SLOT_STDERR].revents != 0)
    session->stderr_broken = true;
  /* With a terminal all output takes one way. */
  if (session->relay->master >= 0 && slots[SLOT_STDOUT].revents & gone)
    session->caller_gone = true;
  if (session->stdout_broken && session->stderr_broken
      && (slots[SLOT_STDOUT].revents | slots[SLOT_STDERR].revents) & gone)
    session->caller_gone = true;
}

/* What the process has written before its end may still be on the way. Other processes may keep the terminal open, so
 * only what is there already counts. */
static void
drain_output (struct session *session)
{
  struct stream *output = &session->output;

  while (output->to >= 0)
    {
      struct pollfd to = { .fd = output->to, .events = POLLOUT };

      if (is_empty (output) && (output->from < 0 || !fill (output) || is_empty (output)))
        return;
      if (poll (&to, 1, -1) < 0 && errno != EINTR)
        return;
      if (to.revents != 0 && !drain (output))
        return;
    }
}

/* Closing the master would hang up as well, but only on the session's foreground processes. */
static int
hang_up (struct session *session, struct error *err)
{
  if (forward_signal (session, SIGHUP, err) < 0)
    return -1;
  return error_set (err, 0, "the caller has gone; the process was sent SIGHUP");
}

static int
loop (struct session *session, struct error *err)
{
  struct pollfd slots[SLOTS];

  for (;;)
    {
      fill_slots (session, slots);
      if (poll (slots, SLOTS, -1) < 0)
        {
          if (errno == EINTR)
            continue;
          return error_set (err, errno, "poll");
        }
      if (slots[SLOT_SIGNALS].revents != 0 && take_signal (session, err) < 0)
        return -1;
      if (slots[SLOT_CONTROL].revents != 0 && take_control (session, err) < 0)
        return -1;
      move_bytes (session, slots);
      if (slots[SLOT_PROCESS].revents != 0)
        return 0;
      watch_caller (session, slots);
      if (session->caller_gone)
        return hang_up (session, err);
    }
}

static int
wait_status (pid_t pid, struct error *err)
{
  int status;

  if (waitpid (pid, &status, 0) < 0)
    return error_set (err, errno, "wait for the process");
  return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

/* Run by hand on a terminal: keys go through as they are, and it is the inner terminal that interprets them. */
static bool
make_raw (struct termios *before)
{
  struct termios raw;

  if (tcgetattr (STDIN_FILENO, before) < 0)
    return false;
  raw = *before;
  cfmakeraw (&raw);
  return tcsetattr (STDIN_FILENO, TCSANOW, &raw) == 0;
}

static int
relay_terminal (struct session *session, struct error *err)
{
  struct relay *relay = session->relay;
  struct termios before;
  bool raw;
  int result;

  if (fcntl (relay->master, F_SETFL, O_NONBLOCK) < 0)
    return error_set (err, errno, "make the terminal non-blocking");
  session->input.from = STDIN_FILENO;
  session->input.to = relay->master;
  session->output.from = relay->master;
  session->output.to = STDOUT_FILENO;
  raw = make_raw (&before);
  result = raw ? resize_like_own_terminal (session, err) : 0;
  if (result == 0)
    result = loop (session, err);
  if (result == 0)
    drain_output (session);
  if (raw)
    tcsetattr (STDIN_FILENO, TCSANOW, &before);
  return result;
}

int
relay_run (struct relay *relay, struct error *err)
{
  struct session session = { .relay = relay, .input = { .from = -1, .to = -1 }, .output = { .from = -1, .to = -1 } };
  cleanup_close int signals = -1;
  sigset_t all;

  sigfillset (&all);
  if (sigprocmask (SIG_SETMASK, &all, NULL) < 0)
    return error_set (err, errno, "block signals");
  signals = session.signals = signalfd (-1, &all, SFD_CLOEXEC);
  if (signals < 0)
    return error_set (err, errno, "signalfd");
  if ((relay->master >= 0 ? relay_terminal (&session, err) : loop (&session, err)) < 0)
    return -1;
  return wait_status (relay->pid, err);
}
