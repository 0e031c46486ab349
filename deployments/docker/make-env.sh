#!/bin/sh
# Writes .env with random secrets for docker compose, once, readable for its owner only. Run it beside
# docker-compose.yml. Keep a copy of NIGHTSHIFT_SCRUB_KEY elsewhere: with another key all pseudonyms change.
set -eu
umask 077

if [ -e .env ]; then
    echo ".env is there already, and other secrets would lock you out of the volumes. Nothing was changed." >&2
    exit 1
fi

# NAME=<so many random bytes in hexadecimal>
secret() {
    echo "$1=$(od -An -N"$2" -tx1 /dev/urandom | tr -d ' \n')"
}

# Written under another name first: a half-written .env would be taken for a whole one the next time.
{
    secret POSTGRES_PASSWORD 24
    secret PREFECT_DB_PASSWORD 24
    secret MLFLOW_DB_PASSWORD 24
    secret PREFECT_PASSWORD 24
    secret MLFLOW_PASSWORD 24
    secret MLFLOW_FORM_SECRET 24
    secret STORAGE_ACCESS_KEY 10 # the lengths that S3 clients know: 20 and 40 characters
    secret STORAGE_SECRET_KEY 20
    secret NIGHTSHIFT_SCRUB_KEY 32
} >.env.new
mv .env.new .env
echo "Wrote .env with random secrets. Next: docker compose up --build --detach"
