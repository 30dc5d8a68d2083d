#!/bin/sh
# The front page: greets through one service, counts through another, and says which replica answered.
greeting=$(timeout 5 wget -q -O - http://greeter/) || greeting="(the greeter is away)"
visits=$(timeout 5 wget -q -O - --header "X-Token: $(cat /run/secrets/counter_token)" http://counter/cgi-bin/visit) || visits="?"
printf 'Content-Type: text/plain\r\n\r\n'
printf '%s\nvisit %s, answered by web %s on %s\n' "$greeting" "$visits" "$(hostname)" "$(hostname -i)"
