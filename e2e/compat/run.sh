#!/usr/bin/env bash
# Real model servers and clients around the release sidecar; what is compared stands in compat.py. Packages of Python come
# at the versions in requirements/ into the cache, once. Arguments go to compat.py: --server triton looks at that one alone.
. "$(dirname "$0")/../cluster/lib.sh"
COMPAT=$REPO/e2e/compat
PLACE=$CACHE/compat
PROGRAMS=$CARGO_TARGET_DIR/$(rustc -vV | sed -n 's/^host: //p')/release

# Triton's Python backend and MLServer set the bounds.
usable_python() {
  local name
  for name in python3.11 python3.12 python3; do
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2> /dev/null; then
      command -v "$name"
      return
    fi
  done
}

environment() { # environment NAME: its link leads to the folder of these versions
  local list=$COMPAT/requirements/$1.txt key folder
  key=$( (cat "$list"; "$PYTHON" -VV; echo "$PYTHON") | sha256sum | cut -c1-12)
  folder=$PLACE/$1-$key
  [ -e "$folder/complete" ] || step "Python packages: $1 (minutes at first)" make_environment "$folder" "$list"
  ln -sfn "$folder" "$PLACE/$1"
}
make_environment() {
  rm -rf "$1"
  "$PYTHON" -m venv "$1"
  "$1/bin/pip" install --disable-pip-version-check --no-input --progress-bar off -r "$2"
  touch "$1/complete"
}

PYTHON=$(usable_python)
if [ -z "$PYTHON" ]; then
  need_packages python3 python3-venv
  PYTHON=$(usable_python)
fi
[ -n "$PYTHON" ] || fail "Python 3.11 or 3.12 with venv is needed for the model servers"
need_packages curl
mkdir -p "$PLACE"
for name in clients triton mlserver kserve; do environment "$name"; done
exec "$PYTHON" "$COMPAT/compat.py" --environments "$PLACE" --programs "$PROGRAMS" "$@"
