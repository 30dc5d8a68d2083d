#ifndef GANTRY_RUNTIME_SYNC_H
#define GANTRY_RUNTIME_SYNC_H

#include "error.h"

#include <stddef.h>

/* What a container's first process and the command that makes it say to each other, over a SOCK_SEQPACKET pair:
 * one packet per message, and end of file when the other side is dead. Both are the same binary, so payloads are
 * plain memory. */

enum sync_kind
{
  SYNC_JOINED,   /* parent → child: you are in your cgroups, and your ids are mapped */
  SYNC_HOOKS,    /* child → parent: namespaces are made, run the runtime's hooks */
  SYNC_CONTINUE, /* parent → child: they are done */
  SYNC_SECCOMP,  /* parent → child: the filter program (empty: none) */
  SYNC_READY,    /* child → parent: all done but execve */
  SYNC_ERROR,    /* either way: struct error */
};

/* A filter has at most 4096 instructions (BPF_MAXINSNS) of 8 bytes. */
#define SYNC_MAX_PAYLOAD 32768

int sync_pair (int fds[2], struct error *err);

int sync_send (int fd, enum sync_kind kind, const void *payload, size_t length, struct error *err);

/* Tells the other side of ERR; whether it still listens does not matter. */
void sync_send_error (int fd, const struct error *err);

/* Waits for KIND and returns its payload's length. SYNC_ERROR becomes ERR. PEER names the other side for messages. */
int sync_receive (int fd, enum sync_kind kind, const char *peer, void *payload, size_t capacity, struct error *err);

/* Waits until the other side has closed the pair by executing another program; SYNC_ERROR becomes ERR. */
int sync_receive_end (int fd, const char *peer, struct error *err);

#endif
