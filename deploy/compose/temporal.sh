#!/bin/sh
# Starts the server of the image temporalio/server with its database password
# from a file, so that it stands neither in the compose file nor in what
# `docker inspect` shows.
set -eu
POSTGRES_PWD=$(cat "${POSTGRES_PASSWORD_FILE:-/run/secrets/postgres_password}")
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
