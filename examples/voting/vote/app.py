"""Takes votes: POST choice=cats. They wait in redis until the worker counts them."""
import os
from urllib.parse import parse_qs

import redis
from web import serve

queue = redis.Redis(host="redis", socket_timeout=5, socket_connect_timeout=5)


def page(_path):
    return f"vote {os.environ['VERSION']}: {queue.llen('votes')} waiting\n"


def vote(body):
    choice = parse_qs(body).get("choice", [""])[0]
    if choice not in ("cats", "dogs"):
        return "vote for cats or dogs\n"
    queue.rpush("votes", choice)
    return f"vote {os.environ['VERSION']}: one more for {choice}\n"


serve(page, vote)
