"""The database that worker and result share."""
import psycopg2


def connect():
    with open("/run/secrets/db_password") as file:
        password = file.read().strip()
    return psycopg2.connect(host="db", user="postgres", password=password, dbname="postgres", connect_timeout=5)
