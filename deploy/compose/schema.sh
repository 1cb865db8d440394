#!/bin/sh
# Makes Temporal's two databases and lays out their tables, or brings those of an
# older server up to date. Repeating it changes nothing. It runs in the image
# temporalio/admin-tools with SQL_PLUGIN, SQL_HOST, SQL_PORT and SQL_USER.
set -eu
SQL_PASSWORD=$(cat "${POSTGRES_PASSWORD_FILE:-/run/secrets/postgres_password}")
export SQL_PASSWORD

for pair in temporal:temporal temporal_visibility:visibility; do
    database=${pair%:*} layout=${pair#*:}
    temporal-sql-tool --db "$database" create-database
    temporal-sql-tool --db "$database" setup-schema -v 0.0
    temporal-sql-tool --db "$database" update-schema --schema-name "postgresql/v12/$layout"
done
