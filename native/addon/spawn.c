/*
 * Daemons: started, and read until they close their standard output, when they are ready or have failed.
 *
 * Node starts programs by fork(2), which copies the page tables of a large process and makes each page that is
 * written afterwards a fault: milliseconds. posix_spawn(3) shares the memory until exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "addon.h"

#define MAX_ARGUMENTS 64
#define MAX_OUTPUT (64 * 1024)

struct spawn_call {
  struct work work;
  int executable; /* descriptor; -1: argv[0] */
  char **argv; /* ends with NULL, as does envp */
  char **envp;
  pid_t pid;
  char output[MAX_OUTPUT];
  size_t used;
};

/* The child's end becomes its standard output; the other two are /dev/null. In a session of its own, in /. */
static int start(struct spawn_call *call, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", call->executable);
  const char *program = call->executable >= 0 ? path : call->argv[0];
  int error = posix_spawn(&call->pid, program, &actions, &attributes, call->argv, call->envp);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

static void read_output(struct spawn_call *call, int fd) {
  for (;;) {
    ssize_t got = read(fd, call->output + call->used, MAX_OUTPUT - call->used);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    call->used += (size_t)got;
  }
}

static void spawn_run(struct work *work) {
  struct spawn_call *call = (struct spawn_call *)work;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) {
    fail(&work->failure, "pipe2", call->argv[0]);
    return;
  }
  int error = start(call, ends[1]);
  close(ends[1]);
  if (error != 0) {
    fail_with(&work->failure, error, "posix_spawn", call->argv[0]);
  } else {
    read_output(call, ends[0]);
  }
  close(ends[0]);
}

static napi_value spawn_result(napi_env env, struct work *work) {
  struct spawn_call *call = (struct spawn_call *)work;
  napi_value daemon, pid, output;
  bool made = napi_create_object(env, &daemon) == napi_ok && napi_create_int32(env, call->pid, &pid) == napi_ok &&
              napi_create_string_utf8(env, call->output, call->used, &output) == napi_ok &&
              napi_set_named_property(env, daemon, "pid", pid) == napi_ok &&
              napi_set_named_property(env, daemon, "output", output) == napi_ok;
  return made ? daemon : NULL;
}

static void spawn_destroy(struct work *work) {
  struct spawn_call *call = (struct spawn_call *)work;
  free_strings(call->argv);
  free_strings(call->envp);
  free(call);
}

napi_value spawn_daemon(napi_env env, napi_callback_info info) {
  struct spawn_call *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->work.run = spawn_run;
  call->work.result = spawn_result;
  call->work.destroy = spawn_destroy;
  napi_value values[3];
  int64_t executable;
  bool read = arguments(env, info, 3, values) &&
              argument_strings(env, values[0], "argv", 1, MAX_ARGUMENTS, &call->argv) &&
              argument_strings(env, values[1], "environment", 0, MAX_ARGUMENTS, &call->envp) &&
              argument_integer(env, values[2], "executable", -1, INT_MAX, &executable);
  if (read) call->executable = (int)executable;
  return read ? work_start(env, &call->work) : work_reject(env, &call->work);
}

napi_value reap(napi_env env, napi_callback_info info) {
  napi_value value[1], ended;
  int64_t pid;
  if (!arguments(env, info, 1, value) || !argument_integer(env, value[0], "pid", 1, INT32_MAX, &pid)) return NULL;
  pid_t reaped;
  while ((reaped = waitpid((pid_t)pid, NULL, WNOHANG)) < 0 && errno == EINTR) continue;
  return napi_get_boolean(env, reaped != 0, &ended) == napi_ok ? ended : NULL;
}
