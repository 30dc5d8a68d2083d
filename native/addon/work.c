/*
 * Calls that can block, as promises.
 *
 * Each runs on a thread of its own rather than on libuv's pool: a mount of a dead NFS server may hang for
 * minutes, and four of them would stop every file operation of the process. A fresh thread also is what may
 * change its own namespace and directory, since it ends afterwards.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "addon.h"

static void finish(napi_env env, napi_value callback, void *context, void *data) {
  (void)callback;
  (void)context;
  struct work *work = data;
  /* No env: the process is going down, and nobody waits any more. */
  if (env != NULL) {
    if (work->failure.error != 0) {
      napi_reject_deferred(env, work->deferred, failure_to_error(env, &work->failure));
    } else {
      napi_value value = work->result == NULL ? NULL : work->result(env, work);
      if (value == NULL) napi_get_undefined(env, &value);
      napi_resolve_deferred(env, work->deferred, value);
    }
  }
  work->destroy(work);
}

static void *run_on_thread(void *argument) {
  struct work *work = argument;
  napi_threadsafe_function done = work->done;
  work->run(work);
  if (napi_call_threadsafe_function(done, work, napi_tsfn_blocking) != napi_ok) work->destroy(work);
  napi_release_threadsafe_function(done, napi_tsfn_release);
  return NULL;
}

static int start_thread(struct work *work) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  /* The thread must not be the one that takes the process's signals: Node's own thread does. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, run_on_thread, work);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

void *work_allocate(napi_env env, size_t size) {
  void *work = calloc(1, size);
  if (work == NULL) throw_out_of_memory(env);
  return work;
}

napi_value work_start(napi_env env, struct work *work) {
  napi_value promise, name;
  if (napi_create_string_utf8(env, "gantry", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, NULL, finish, &work->done) != napi_ok) {
    work->destroy(work);
    return NULL;
  }
  if (napi_create_promise(env, &work->deferred, &promise) != napi_ok) {
    napi_release_threadsafe_function(work->done, napi_tsfn_abort);
    work->destroy(work);
    return NULL;
  }
  int error = start_thread(work);
  if (error != 0) {
    napi_release_threadsafe_function(work->done, napi_tsfn_abort);
    fail_with(&work->failure, error, "pthread_create", NULL);
    napi_reject_deferred(env, work->deferred, failure_to_error(env, &work->failure));
    work->destroy(work);
  }
  return promise;
}

napi_value work_reject(napi_env env, struct work *work) {
  if (work != NULL) work->destroy(work);
  napi_value exception, promise;
  napi_deferred deferred;
  if (napi_get_and_clear_last_exception(env, &exception) != napi_ok ||
      napi_create_promise(env, &deferred, &promise) != napi_ok)
    return NULL;
  napi_reject_deferred(env, deferred, exception);
  return promise;
}
