#!/bin/sh
# Run once by the postgres image, on an empty volume: a role and a database of its own for each server, so that neither
# can read the other's. The passwords come from the environment (docker-compose.yml).
set -eu

: "${PREFECT_DB_PASSWORD:?is not set}" "${MLFLOW_DB_PASSWORD:?is not set}"

# psql takes the password from its environment (not from its arguments, which `ps` shows) and quotes it by itself.
create() {
    DATABASE="$1" PASSWORD="$2" psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
        --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv name DATABASE
\getenv password PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
}

create prefect "$PREFECT_DB_PASSWORD"
create mlflow "$MLFLOW_DB_PASSWORD"
