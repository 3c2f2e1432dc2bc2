#!/bin/sh
# Puts Go modules that need no others into vendor/, as `go mod vendor` does: `go.sh github.com/gorilla/mux@v1.8.0`. The
# modules are Debian's own.
set -eu
mkdir -p vendor
for asked in "$@"; do
  module=${asked%@*}
  from=/usr/share/gocode/src/$module
  mkdir -p "vendor/$module"
  for file in "$from"/*.go; do
    case $file in *_test.go) ;; *) cp "$file" "vendor/$module/" ;; esac
  done
  go=$(sed -n 's/^go //p' "$from/go.mod")
  printf '# %s %s\n## explicit; go %s\n%s\n' "$module" "${asked#*@}" "$go" "$module" >> vendor/modules.txt
done
