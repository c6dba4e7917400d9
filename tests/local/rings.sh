#!/usr/bin/env bash
# The rings of `make test`, one after the other: a line as each begins, and a table of their times at the end. A ring that fails
# does not keep the others from running, but for the two that build what these need.
# RINGS_BEGAN, in seconds since 1970, has the table tell what ran before them.
set -uo pipefail
cd "$(dirname "$0")/../.."

began=$(date +%s)
rows=()
failed=0

table() {
  local code=$? total=$(($(date +%s) - ${RINGS_BEGAN:-$began}))
  printf '\n%-34s %8s\n' ring seconds
  [ -z "${RINGS_BEGAN:-}" ] || printf '%-34s %8d\n' 'before: tools and lints' $((began - RINGS_BEGAN))
  printf '%s\n' "${rows[@]}"
  printf '%-34s %8d   (%d min)\n' total "$total" $(((total + 59) / 60))
  exit $((failed ? failed : code))
}
trap table EXIT

ring() {
  local name=$1 from=$SECONDS code
  shift
  echo "--- $name: $*"
  "$@"
  code=$?
  rows+=("$(printf '%-34s %8d%s' "$name" $((SECONDS - from)) "$([ $code = 0 ] || echo '   FAILED')")")
  [ $code = 0 ] || failed=1
  return $code
}

# One selection of packages for all: another would have other features and compile the core again.
tests() {
  cargo test -q --workspace "$@"
}

ring 'Workers, as they are deployed' make --no-print-directory build size || exit
ring 'compiling the tests' cargo test --workspace --no-run || exit
ring 'unit and properties' tests --lib
ring 'native checks' tests --test tidy --test openapi --test plans --test migrations --test deploy --test properties
ring 'cron' tests --test cron
ring 'conformance on SQLite' tests --test conformance
ring 'simulation' tests --test simulation
ring 'conformance on D1' tests --test conformance_d1
ring 'workerd' tests --test workerd
