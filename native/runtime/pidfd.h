#ifndef GANTRY_RUNTIME_PIDFD_H
#define GANTRY_RUNTIME_PIDFD_H

#include <stdint.h>
#include <sys/types.h>

/* pidfds name a process and never its pid's next owner. All return -1 with errno. */
int pidfd_open_process (pid_t pid);
int pidfd_signal (int pidfd, int signal);

/* Waits for the process's end; TIMEOUT_MS < 0: forever. ETIMEDOUT when it is over. */
int pidfd_wait (int pidfd, int timeout_ms);

/* When the process was started, in clock ticks since boot (field 22 of /proc/PID/stat); 0 when it has ended, even if
 * nobody has waited for it yet. */
uint64_t process_start_time (pid_t pid);

/* Opens the process with that pid if it is still the one that was started then. ESRCH otherwise. */
int pidfd_open_verified (pid_t pid, uint64_t start_time);

#endif
