/*
 * What agents and shims say to each other on STATE_DIR/shim.sock, a stream socket with any number of clients.
 * agent/shim/protocol.ts is the other end; both change together, and HELLO says which version a shim speaks,
 * as a newer agent meets the shims that an older one has left.
 *
 * A frame is: length of the payload (u32), type (u8), payload. Numbers are little-endian.
 */
#ifndef GANTRY_SHIM_PROTOCOL_H
#define GANTRY_SHIM_PROTOCOL_H

#define PROTOCOL_VERSION 1
#define FRAME_HEADER 5
/* A longer payload is a fault of the sender, who is disconnected. */
#define FRAME_MAX_PAYLOAD 32768

enum client_frame {
  /* Runs the runtime's start, once; answered by STARTED or START_FAILED, also when asked again. */
  FRAME_START = 1,
  /* u8 attach_mode: output from now on. */
  FRAME_ATTACH = 2,
  /*
   * Bytes for the process. The next one may be sent when STDIN_TAKEN has come: that is the back-pressure. What isn't
   * taken yet when the client disconnects is dropped.
   */
  FRAME_STDIN = 3,
  /* End of input, after what was sent before. */
  FRAME_CLOSE_STDIN = 4,
  /* u16 rows, u16 columns */
  FRAME_RESIZE = 5,
  /* u8 signal number, for the container's init */
  FRAME_SIGNAL = 6,
};

enum attach_mode {
  /* The client is disconnected when it falls behind by more than LOSSY_QUEUE_MAX. */
  ATTACH_LOSSY = 0,
  /* The container's output waits for the client. */
  ATTACH_LOSSLESS = 1,
};

enum shim_frame {
  /* First: u8 version, u32 pid of the container's init */
  FRAME_HELLO = 16,
  FRAME_STARTED = 17,
  /* JSON: {"error":"...","code":"..."} */
  FRAME_START_FAILED = 18,
  FRAME_STDIN_TAKEN = 19,
  /* Bytes */
  FRAME_STDOUT = 20,
  FRAME_STDERR = 21,
  /* Last, after all output: the exit record as in STATE_DIR/exit.json */
  FRAME_EXIT = 22,
  /* ATTACH has taken effect. */
  FRAME_ATTACHED = 23,
};

#endif
