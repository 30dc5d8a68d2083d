#include "shim/runtime_command.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define LOG_NAME "runtime.log"
#define PID_NAME "init.pid"

int host_failure(struct command_failure *failure, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(failure->message, sizeof failure->message, format, arguments);
  va_end(arguments);
  failure->code = "HOST";
  return -1;
}

char *failure_to_json(const struct command_failure *failure) {
  /* NULL when the message is not UTF-8. */
  json_t *object = json_pack("{s:s, s:s}", "error", failure->message, "code", failure->code);
  if (object == NULL) object = json_pack("{s:s, s:s}", "error", "unreadable error message", "code", failure->code);
  char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
  json_decref(object);
  return text;
}

static void state_path(const struct options *options, const char *name, char path[PATH_MAX]) {
  snprintf(path, PATH_MAX, "%s/%s", options->state_dir, name);
}

static void set_stdio(posix_spawn_file_actions_t *actions, const int stdio[3]) {
  for (int fd = 0; fd < 3; fd++)
    if (stdio[fd] >= 0) posix_spawn_file_actions_adddup2(actions, stdio[fd], fd);
}

/* The shim blocks every signal; the container must start with none blocked or ignored. */
static void set_signals(posix_spawnattr_t *attributes) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* Another one's path may have taken the place of ours in an update. */
static bool is_own(const char *runtime) {
  struct stat named, own;
  return stat(runtime, &named) == 0 && stat("/proc/self/exe", &own) == 0 && named.st_dev == own.st_dev &&
         named.st_ino == own.st_ino;
}

/* A child that looks as if the runtime had been executed in it. */
static _Noreturn void become_runtime(const struct options *options, int count, char **arguments, const int stdio[3]) {
  for (int fd = 0; fd < 3; fd++)
    if (stdio[fd] >= 0 && dup2(stdio[fd], fd) < 0) _exit(1);
  /* Above all the lock: whoever holds it is the shim. */
  close_range(STDERR_FILENO + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  prctl(PR_SET_NAME, "gantry-runtime");
  exit(options->own_runtime(count, arguments));
}

/* Without an execution, which takes longer than most of what the commands do. */
static pid_t fork_own(const struct options *options, int count, char **arguments, const int stdio[3],
                      struct command_failure *failure) {
  pid_t pid = fork();
  if (pid == 0) become_runtime(options, count, arguments, stdio);
  return pid < 0 ? host_failure(failure, "cannot fork the shim: %s", strerror(errno)) : pid;
}

static pid_t execute(const struct options *options, char **arguments, const int stdio[3],
                     struct command_failure *failure) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  set_stdio(&actions, stdio);
  set_signals(&attributes);
  pid_t pid;
  int error = posix_spawnp(&pid, options->runtime, &actions, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return host_failure(failure, "cannot run the OCI runtime %s: %s", options->runtime, strerror(error));
  return pid;
}

static pid_t spawn(const struct options *options, const char *const command[], const int stdio[3],
                   struct command_failure *failure) {
  char log[PATH_MAX];
  state_path(options, LOG_NAME, log);
  unlink(log); /* so that only this command's words are in it */
  const char *arguments[24] = {options->runtime, "--root", options->runtime_root, "--log", log, "--log-format", "json"};
  int count = 7;
  while (*command != NULL) arguments[count++] = *command++;
  /* The C library's way around const, as in execv(3): the strings aren't written to. */
  if (is_own(options->runtime)) return fork_own(options, count, (char **)arguments, stdio, failure);
  return execute(options, (char **)arguments, stdio, failure);
}

static const int INHERITED[3] = {-1, -1, -1};

pid_t runtime_create(const struct options *options, const int stdio[3], const char *console_socket,
                     struct command_failure *failure) {
  char pid_file[PATH_MAX];
  state_path(options, PID_NAME, pid_file);
  const char *command[12] = {"create", "--bundle", options->bundle, "--pid-file", pid_file};
  size_t count = 5;
  if (console_socket != NULL) {
    command[count++] = "--console-socket";
    command[count++] = console_socket;
  }
  command[count] = options->id;
  return spawn(options, command, stdio, failure);
}

pid_t runtime_start(const struct options *options, struct command_failure *failure) {
  const char *command[] = {"start", options->id, NULL};
  return spawn(options, command, INHERITED, failure);
}

pid_t runtime_delete(const struct options *options, struct command_failure *failure) {
  const char *command[] = {"delete", "--force", options->id, NULL};
  return spawn(options, command, INHERITED, failure);
}

pid_t runtime_init_pid(const struct options *options, struct command_failure *failure) {
  char path[PATH_MAX];
  state_path(options, PID_NAME, path);
  FILE *file = fopen(path, "re");
  int pid = 0;
  int found = file == NULL ? 0 : fscanf(file, "%d", &pid);
  if (file != NULL) fclose(file);
  if (found == 1 && pid > 0) return pid;
  return host_failure(failure, "%s create has written no pid to %s", options->runtime, path);
}

/* ---- what the runtime said ---- */

/* The last message of the log, which has one JSON object per line; the last line itself when it isn't JSON. */
static bool last_message(const char *path, char *message, size_t size) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  message[0] = '\0';
  while ((length = getline(&line, &capacity, file)) > 0) {
    json_t *entry = json_loadb(line, (size_t)length, 0, NULL);
    const char *level = json_string_value(json_object_get(entry, "level"));
    const char *text = json_string_value(json_object_get(entry, "msg"));
    bool is_error = level == NULL || strcmp(level, "error") == 0 || strcmp(level, "fatal") == 0;
    if (entry == NULL) snprintf(message, size, "%.*s", (int)strcspn(line, "\n"), line);
    if (text != NULL && is_error) snprintf(message, size, "%s", text);
    json_decref(entry);
  }
  free(line);
  fclose(file);
  return message[0] != '\0';
}

static bool says(const char *message, const char *words) { return strcasestr(message, words) != NULL; }

/*
 * Our own runtime says by its exit status, as a shell does, that it was the user's command. Runc and crun exit
 * with 1 and have it in the message, which names the executable: a missing mount source reads much the same.
 */
static const char *classify(int status, const char *message) {
  int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  if (exit_code == 127) return "COMMAND_NOT_FOUND";
  if (exit_code == 126) return "COMMAND_NOT_RUNNABLE";
  if (!says(message, "exec: ") && !says(message, "executable") && !says(message, "exec format")) return "HOST";
  if (says(message, "permission denied") || says(message, "is a directory") || says(message, "exec format"))
    return "COMMAND_NOT_RUNNABLE";
  return says(message, "not found") || says(message, "no such file") ? "COMMAND_NOT_FOUND" : "HOST";
}

void runtime_explain(const struct options *options, const char *command, int status, struct command_failure *failure) {
  char log[PATH_MAX];
  state_path(options, LOG_NAME, log);
  if (!last_message(log, failure->message, sizeof failure->message))
    host_failure(failure, "%s %s %s %d and said nothing", options->runtime, command,
                 WIFSIGNALED(status) ? "was killed by signal" : "exited with status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  failure->code = classify(status, failure->message);
}
