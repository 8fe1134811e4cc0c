#!/bin/sh
# Writes the file that it is given, .env by default, with a new secret for each that compose.yaml asks for. A file that is
# there stays as it is.
set -eu
file=${1:-.env}
[ ! -e "$file" ] || exit 0
umask 077
secret() { od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# Complete, or not there.
part=$file.$$
trap 'rm -f "$part"' EXIT
for name in POSTGRES_PASSWORD API_TOKENS GRAFANA_PASSWORD; do
  value=$(secret)
  [ ${#value} -eq 48 ] || { echo "make $file: no randomness from /dev/urandom" >&2; exit 1; }
  echo "$name=$value"
done >"$part"
mv "$part" "$file"
echo "$file has new secrets"
