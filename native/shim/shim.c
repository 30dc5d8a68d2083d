/*
 * The shim's life: create the container, report, serve agents, start it when told, wait for its end, delete it,
 * leave the exit record, end. One thread; nothing here waits for a client.
 */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/connections.h"
#include "shim/events.h"
#include "shim/exit_record.h"
#include "shim/input.h"
#include "shim/log_file.h"
#include "shim/oom.h"
#include "shim/options.h"
#include "shim/output.h"
#include "shim/runtime_command.h"
#include "shim/streams.h"
#include "shim/terminal.h"

#define LOCK_FILE "shim.lock"
/* Among the last that the kernel kills when the host has no memory left, as the agent. */
#define OOM_SCORE_ADJ "-998"

/* What becomes of the container; each step follows from the one before. */
enum phase { PHASE_CREATED, PHASE_STARTED, PHASE_DELETING, PHASE_DELETED };

struct shim {
  struct options options;
  struct event_source signals;
  int directory_fd;
  int lock_fd;
  struct streams streams;
  struct log_file log;
  struct oom_counter oom;
  enum phase phase;
  pid_t init_pid;
  bool init_ended;
  /* start or delete, when one of them runs; they never overlap. */
  pid_t command_pid;
  struct command_failure delete_failure;
  struct exit_record record;
};

/* Where the report goes: closed on exec, so that no container holds it open. */
static int report_fd = STDOUT_FILENO;

/* Static, as it holds the log's buffers: pages that nobody writes to cost nothing. */
static struct shim shim = {.directory_fd = -1};

/* ---- the container's end ---- */

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void init_ended(int status) {
  shim.init_ended = true;
  shim.record.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  shim.record.finished_at_ms = now_ms();
  shim.record.oom_killed = oom_counter_read(&shim.oom);
  input_close();
}

/* Publishes the end. Everything of the container is gone; what it wrote last is still in the pipes. */
static void conclude(void) {
  shim.phase = PHASE_DELETED;
  output_finish();
  log_file_close(&shim.log);
  shim.record.log_bytes_lost = shim.log.lost;
  shim.record.delete_error = shim.delete_failure.message;
  char *json = exit_record_to_json(&shim.record);
  if (json == NULL) return;
  /*
   * First the record, then the socket's removal: who finds no socket finds the record. The lock goes before anybody
   * hears of the end, as the next run's shim may come at once, while we still send to clients that are slow.
   */
  exit_record_write(shim.directory_fd, json);
  connections_close_socket(shim.directory_fd);
  close(shim.lock_fd);
  connections_started("{\"error\":\"the container has ended\",\"code\":\"WRONG_STATE\"}");
  connections_end(json);
  free(json);
}

static void delete_container(void) {
  shim.phase = PHASE_DELETING;
  shim.command_pid = runtime_delete(&shim.options, &shim.delete_failure);
  if (shim.command_pid < 0) conclude();
}

/* ---- children ---- */

static void start_ended(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    shim.phase = PHASE_STARTED;
    connections_started(NULL);
    return;
  }
  struct command_failure failure;
  runtime_explain(&shim.options, "start", status, &failure);
  char *json = failure_to_json(&failure);
  if (json != NULL) connections_started(json);
  free(json);
}

static void command_ended(int status) {
  shim.command_pid = 0;
  if (shim.phase < PHASE_DELETING) {
    start_ended(status);
    return;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    runtime_explain(&shim.options, "delete", status, &shim.delete_failure);
  conclude();
}

static void reap_children(void) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid == shim.init_pid) init_ended(status);
    /* All others are orphans of the container, which have come to us as the subreaper. */
    if (pid == shim.command_pid) command_ended(status);
  }
  if (shim.init_ended && shim.phase < PHASE_DELETING && shim.command_pid == 0) delete_container();
}

static void signals_ready(struct event_source *source, uint32_t events) {
  (void)events;
  struct signalfd_siginfo info;
  /* Several children may share one signal: only that there is one counts. */
  while (read(source->fd, &info, sizeof info) > 0) continue;
  reap_children();
}

/* ---- what clients ask for ---- */

static void on_start(void *context) {
  (void)context;
  if (shim.phase == PHASE_STARTED) {
    connections_started(NULL);
    return;
  }
  /* Being started, or ended: the answer comes with that. */
  if (shim.phase != PHASE_CREATED || shim.command_pid != 0 || shim.init_ended) return;
  struct command_failure failure;
  pid_t pid = runtime_start(&shim.options, &failure);
  if (pid >= 0) {
    shim.command_pid = pid;
    return;
  }
  char *json = failure_to_json(&failure);
  if (json != NULL) connections_started(json);
  free(json);
}

static void on_stdin_data(void *context, struct connection *from, uint8_t *data, size_t length) {
  (void)context;
  input_write(from, data, length);
}

static void on_stdin_end(void *context) {
  (void)context;
  input_end();
}

static void on_resize(void *context, uint16_t rows, uint16_t columns) {
  (void)context;
  if (shim.options.terminal && !shim.init_ended)
    terminal_resize(shim.streams.outputs[STREAM_STDOUT], rows, columns);
}

static void on_signal(void *context, int number) {
  (void)context;
  /* Until we have reaped it, its pid can't belong to another process. */
  if (!shim.init_ended) kill(shim.init_pid, number);
}

static void on_gone(void *context, struct connection *connection) {
  (void)context;
  input_forget(connection);
}

static const struct requests requests = {
    .start = on_start,
    .stdin_data = on_stdin_data,
    .stdin_end = on_stdin_end,
    .resize = on_resize,
    .signal = on_signal,
    .gone = on_gone,
};

/* ---- the beginning ---- */

/* A session of our own, no signal that stops us, no descriptor of the agent's but the report. */
static int detach(struct command_failure *failure) {
  sigset_t all;
  sigfillset(&all);
  /* Blocked rather than ignored, which children would inherit for good. */
  sigprocmask(SIG_SETMASK, &all, NULL);
  setsid(); /* fails when the agent has already made a session for us */
  close_range(STDERR_FILENO + 1, ~0U, 0);
  int report = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (report >= 0) report_fd = report;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
    return host_failure(failure, "cannot open /dev/null: %s", strerror(errno));
  close(null);
  if (chdir("/") < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
    return host_failure(failure, "cannot detach the shim: %s", strerror(errno));
  prctl(PR_SET_NAME, "gantry-shim");
  return 0;
}

/* Takes the state directory, whose lock says that there is a shim until the exit record is there; its file has our pid. */
static int take_directory(struct command_failure *failure) {
  const char *path = shim.options.state_dir;
  shim.directory_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (shim.directory_fd < 0) return host_failure(failure, "cannot open %s: %s", path, strerror(errno));
  int lock = shim.lock_fd = openat(shim.directory_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return host_failure(failure, "cannot make %s/" LOCK_FILE ": %s", path, strerror(errno));
  if (flock(lock, LOCK_EX | LOCK_NB) < 0) return host_failure(failure, "container %s has a shim", shim.options.id);
  if (ftruncate(lock, 0) < 0 || dprintf(lock, "%d\n", getpid()) < 0)
    return host_failure(failure, "cannot write %s/" LOCK_FILE ": %s", path, strerror(errno));
  unlinkat(shim.directory_fd, EXIT_RECORD, 0); /* of an earlier run */
  return 0;
}

/* Runs create to its end. Nobody else is served meanwhile, as there is nothing to serve yet. */
static int run_create(struct command_failure *failure) {
  char console[64];
  /* Through our descriptor, as the path itself may be too long for a socket's address. */
  snprintf(console, sizeof console, "/proc/%d/fd/%d/" CONSOLE_SOCKET, getpid(), shim.directory_fd);
  pid_t pid = runtime_create(&shim.options, shim.streams.stdio, shim.options.terminal ? console : NULL, failure);
  if (pid < 0) return -1;
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return host_failure(failure, "cannot wait for the OCI runtime: %s", strerror(errno));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  runtime_explain(&shim.options, "create", status, failure);
  return -1;
}

/* After a failure at any point behind the runtime's start: removes what create may have left. */
static void undo_create(void) {
  struct command_failure ignored;
  pid_t pid = runtime_delete(&shim.options, &ignored);
  while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

static int take_container(struct command_failure *failure) {
  streams_close_stdio(&shim.streams);
  shim.init_pid = runtime_init_pid(&shim.options, failure);
  if (shim.init_pid < 0) return -1;
  if (streams_take_terminal(&shim.streams, shim.directory_fd, shim.options.open_stdin) < 0)
    return host_failure(failure, "the OCI runtime has sent no terminal: %s", strerror(errno));
  oom_counter_find(&shim.oom, shim.init_pid);
  return 0;
}

static int open_loop(struct command_failure *failure) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  shim.signals = (struct event_source){.fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK), .ready = signals_ready};
  if (shim.signals.fd < 0 || events_open() < 0 || events_want(&shim.signals, EPOLLIN) < 0)
    return host_failure(failure, "cannot open the shim's event loop: %s", strerror(errno));
  input_open(shim.streams.input, shim.options.terminal);
  output_open(shim.streams.outputs, &shim.log);
  if (connections_open(shim.directory_fd, shim.init_pid, &requests) < 0)
    return host_failure(failure, "cannot listen in %s: %s", shim.options.state_dir, strerror(errno));
  return 0;
}

static int begin(struct command_failure *failure) {
  if (take_directory(failure) < 0) return -1;
  if (log_file_open(&shim.log, shim.options.log, shim.options.log_max_size, shim.options.log_max_files,
                    shim.options.log_waits) < 0)
    return host_failure(failure, "cannot open the log %s: %s", shim.options.log, strerror(errno));
  if (streams_open(&shim.streams, shim.directory_fd, shim.options.terminal, shim.options.open_stdin) < 0)
    return host_failure(failure, "cannot make the container's streams: %s", strerror(errno));
  if (run_create(failure) == 0 && take_container(failure) == 0 && open_loop(failure) == 0) return 0;
  undo_create();
  return -1;
}

/* Only after create, whose children would inherit it. Without the right to do so the host's default stays. */
static void protect_from_oom(void) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, OOM_SCORE_ADJ, strlen(OOM_SCORE_ADJ)) < 0) errno = 0;
  close(fd);
}

/* Writes the report and closes it. An agent that has died meanwhile finds us by the socket. */
static void report(const char *json) {
  dprintf(report_fd, "%s\n", json);
  close(report_fd);
}

static void report_failure(const struct command_failure *failure) {
  char *json = failure_to_json(failure);
  report(json == NULL ? "{\"error\":\"out of memory\",\"code\":\"HOST\"}" : json);
  free(json);
}

static int run(void) {
  reap_children(); /* the init may have ended before the loop was there */
  do {
    if (events_turn(output_update()) < 0) return 1;
  } while (connections_sweep() > 0 || shim.phase < PHASE_DELETED);
  return 0;
}

int shim_main(int argc, char **argv, int (*own_runtime)(int argc, char **argv)) {
  struct command_failure failure = {.code = "HOST"};
  shim.options.own_runtime = own_runtime;
  if (!options_parse(argc, argv, &shim.options, failure.message, sizeof failure.message) || detach(&failure) < 0 ||
      begin(&failure) < 0) {
    report_failure(&failure);
    return 1;
  }
  protect_from_oom();
  char json[32];
  snprintf(json, sizeof json, "{\"pid\":%d}", shim.init_pid);
  report(json);
  return run();
}
