#!/usr/bin/env bash
# Builds both Workers, as committed, twice from scratch: in different folders, with different target folders and
# copies of the registry. Fails unless both builds produce the same bytes.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

build() {
  mkdir -p "$1"
  git -C "$root" archive HEAD | tar -x -C "$1"
  ln -s "$root/.tools" "$root/node_modules" "$1"
  # The tools belong to this folder, and no file may be newer than they are.
  find "$1" -type f -exec touch -d 2000-01-01 {} +
  env CARGO_HOME="$2" CARGO_TARGET_DIR="$3" make -C "$1" --no-print-directory build >"$1.log" 2>&1 || { tail -n 40 "$1.log"; exit 1; }
  (cd "$1" && sha256sum {producer,consumer}/build/{index_bg.wasm,index.js}) >"$1.hashes"
}

build "$scratch/one" "${CARGO_HOME:-$HOME/.cargo}" "$scratch/one-target"
build "$scratch/quite/another/folder" "$scratch/another-registry" "$scratch/quite/another-target"
cat "$scratch/one.hashes"
diff "$scratch/one.hashes" "$scratch/quite/another/folder.hashes" && echo "Both builds are identical."
