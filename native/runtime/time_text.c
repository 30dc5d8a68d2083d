#include "time_text.h"

#include <stdio.h>
#include <time.h>

void
time_text_now (char text[TIME_TEXT_SIZE])
{
  char seconds[24];
  struct timespec now;
  struct tm utc;

  clock_gettime (CLOCK_REALTIME, &now);
  gmtime_r (&now.tv_sec, &utc);
  strftime (seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf (text, TIME_TEXT_SIZE, "%s.%09ldZ", seconds, now.tv_nsec);
}
