#!/bin/sh
# Counts in redis, whose protocol is lines of text.
visits=$(printf 'INCR visits\r\nQUIT\r\n' | nc -w 5 redis 6379 | sed -n 's/^:\([0-9]*\).*/\1/p')
printf 'Content-Type: text/plain\r\n\r\nvisit %s, seen by %s\n' "${visits:-unknown}" "$(hostname)"
