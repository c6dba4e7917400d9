#!/usr/bin/env bash
# Runs the rings of `make test` one after the other. Prints a line when each begins, and a table of their times at the end.
# After a failed ring the others still run, except after the first two, which build what the others use.
# RINGS_BEGAN, in seconds since 1970, adds the time before this script to the table.
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

# The ring on workerd mostly waits: for retries, leases, ticks and ends of invocations. Two cores can run eight tests at once;
# with two at once they were idle for 96 % of the time.
workerd_threads=8

built=.longshore/built.json

# Compiles the tests, and lists what cargo built for `unit`: with `--lib` cargo would compile libraries without tests as tests, too.
compile() {
  mkdir -p "${built%/*}"
  cargo test --workspace --no-run --message-format json-render-diagnostics >"$built"
}

# Runs the unit tests of each library, as cargo would.
unit() {
  local folder binary count=0 failed=0
  local of_library='s/.*"manifest_path":"\([^"]*\)\/Cargo.toml".*"src_path":"[^"]*\/src\/lib.rs".*"executable":"\([^"]*\)".*/\1 \2/p'
  while read -r folder binary; do
    count=$((count + 1))
    (cd "$folder" && "$binary" -q) || failed=1
  done < <(sed -n "$of_library" "$built")
  [ $count -ge 5 ] || { echo "only $count libraries with tests were found in $built" >&2; failed=1; }
  return $failed
}

# Builds, type-checks and packs the clients, and installs the npm package in another folder; `workerd` runs their tests.
clients() {
  local packed=$PWD/.longshore/clients
  make --no-print-directory clients || return
  (cd clients/typescript && npm run --silent check) || return
  (cd clients/python && ../../.tools/python/bin/mypy) || return
  rm -rf "$packed" && mkdir -p "$packed" && echo '{}' >"$packed/package.json"
  (cd clients/typescript && npm pack --silent --pack-destination "$packed") || return
  (cd "$packed" && npm install --silent --prefer-offline --no-audit --no-fund ./longshore-*.tgz \
    && node --input-type=module --eval 'import { Longshore } from "longshore"; new Longshore({ url: "", key: "" });')
}

# The pages' blocks run in zsh too. CI, which has a machine for itself, gets zsh from Debian; elsewhere the table reports that zsh is missing.
zsh_for_docs() {
  command -v zsh >/dev/null && return
  if [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq zsh >/dev/null && return
  fi
  export LONGSHORE_WITHOUT_ZSH=1
  rows+=("$(printf '%-34s  SKIPPED: this machine has no zsh' 'blocks of the pages in zsh')")
}

# Prometheus and promtool check ops/ on a real run. CI gets them from Debian; elsewhere the table reports that they are missing.
prometheus_for_ops() {
  command -v promtool >/dev/null && command -v prometheus >/dev/null && return
  [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null \
    && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null
}

# All rings use one selection of packages: another selection would have other features and compile the core again.
tests() {
  cargo test -q --workspace "$@"
}

ring 'Workers, as they are deployed' make --no-print-directory build size || exit
ring 'compiling the tests' compile || exit
ring 'unit' unit
ring 'native checks' tests --test tidy --test openapi --test plans --test migrations --test deploy --test properties
ring 'command line' tests --test cli
ring 'calls from Rust to JavaScript' node --test --test-reporter dot tests/local/fetch.test.mjs
ring 'cron' tests --test cron
ring 'conformance on SQLite' tests --test conformance
ring 'simulation' tests --test simulation
ring 'conformance on D1' tests --test conformance_d1
ring 'clients' clients
if prometheus_for_ops; then
  ring 'monitoring' node tests/monitoring/run.mjs
else
  rows+=("$(printf '%-34s  SKIPPED: this machine has no prometheus' 'monitoring')")
fi
zsh_for_docs
ring 'workerd' tests --test workerd -- --test-threads=$workerd_threads
