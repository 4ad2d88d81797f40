#!/usr/bin/env bash
# Makes the target folder ours. Cargo names the crates of a workspace by their paths inside it and tells by the times of
# files what to build again, so what another clone has built would pass for ours: where another one was here last, all of
# our files count as changed. What comes from a registry stays.
. "$(dirname "$0")/lib.sh"
mkdir -p "$CARGO_TARGET_DIR"
[ "$(cat "$CARGO_TARGET_DIR/clone" 2> /dev/null)" = "$REPO" ] && exit
find "$REPO" \( -name .git -o -name target \) -prune -o -type f -exec touch {} +
echo "$REPO" > "$CARGO_TARGET_DIR/clone"
