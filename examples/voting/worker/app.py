"""Counts votes: from redis into postgres, each at least once."""
import time

import redis
from database import connect

TABLE = "CREATE TABLE IF NOT EXISTS votes (choice text PRIMARY KEY, count bigint NOT NULL)"
COUNT = "INSERT INTO votes VALUES (%s, 1) ON CONFLICT (choice) DO UPDATE SET count = votes.count + 1"


def count(queue, database):
    # What was taken when this program was killed is counted first, and at worst twice.
    while True:
        vote = queue.lindex("counting", 0) or queue.brpoplpush("votes", "counting", timeout=5)
        if vote is None:
            continue
        with database, database.cursor() as cursor:
            cursor.execute(COUNT, (vote.decode(),))
        queue.lpop("counting")


while True:
    try:
        queue = redis.Redis(host="redis", socket_timeout=10)
        database = connect()
        with database, database.cursor() as cursor:
            cursor.execute(TABLE)
        print("counting")
        count(queue, database)
    except Exception as error:  # redis or the database is away: it comes back
        print(f"trying again: {error}")
        time.sleep(0.5)
