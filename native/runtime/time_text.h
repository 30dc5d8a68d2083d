#ifndef GANTRY_RUNTIME_TIME_TEXT_H
#define GANTRY_RUNTIME_TIME_TEXT_H

#define TIME_TEXT_SIZE 40

/* The wall clock as RFC 3339 with nanoseconds, in UTC. */
void time_text_now (char text[TIME_TEXT_SIZE]);

#endif
