#include "shim/streams.h"

#include <fcntl.h>
#include <unistd.h>

#include "shim/terminal.h"

static int make_pipe(int *process_end, int *own_end, bool for_input) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  *process_end = for_input ? ends[0] : ends[1];
  *own_end = for_input ? ends[1] : ends[0];
  return fcntl(*own_end, F_SETFL, O_NONBLOCK);
}

int streams_open(struct streams *streams, int directory_fd, bool terminal, bool open_stdin) {
  *streams = (struct streams){{-1, -1, -1}, -1, {-1, -1}, -1};
  if (terminal) {
    streams->console_listener = listen_in(directory_fd, CONSOLE_SOCKET);
    return streams->console_listener < 0 ? -1 : 0;
  }
  if (open_stdin && make_pipe(&streams->stdio[0], &streams->input, true) < 0) return -1;
  if (make_pipe(&streams->stdio[1], &streams->outputs[STREAM_STDOUT], false) < 0) return -1;
  return make_pipe(&streams->stdio[2], &streams->outputs[STREAM_STDERR], false);
}

void streams_close_stdio(struct streams *streams) {
  for (int i = 0; i < 3; i++) {
    if (streams->stdio[i] >= 0) close(streams->stdio[i]);
    streams->stdio[i] = -1;
  }
}

int streams_take_terminal(struct streams *streams, int directory_fd, bool open_stdin) {
  if (streams->console_listener < 0) return 0;
  int master = terminal_receive(streams->console_listener);
  close(streams->console_listener);
  streams->console_listener = -1;
  unlinkat(directory_fd, CONSOLE_SOCKET, 0);
  if (master < 0 || fcntl(master, F_SETFL, O_NONBLOCK) < 0) return -1;
  streams->outputs[STREAM_STDOUT] = master;
  /* A second descriptor, as input and output wait for different events. */
  streams->input = open_stdin ? fcntl(master, F_DUPFD_CLOEXEC, 0) : -1;
  return open_stdin && streams->input < 0 ? -1 : 0;
}
