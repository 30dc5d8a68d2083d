"""Shows the votes, as they are in postgres."""
from database import connect
from web import serve


def page(_path):
    with connect() as database, database.cursor() as cursor:
        cursor.execute("SELECT choice, count FROM votes ORDER BY choice")
        votes = cursor.fetchall()
    return "".join(f"{choice}: {count}\n" for choice, count in votes) or "no votes\n"


serve(page)
