#!/usr/bin/env bash
# Makes the device library for C and Python out of the archive that Cargo left: libraries.sh ARCHIVE FOLDER.
# The folder gets include/, lib/ and the wheel; python/ there leads to an environment with what tests of the wheel need.
. "$(dirname "$0")/../e2e/cluster/lib.sh"
ARCHIVE=$1 OUT=$2
DEVICE=$REPO/device
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' "$REPO/Cargo.toml")
LIBRARY=liblongshore.so.${VERSION%.*}

# Rust's own linker, where it has one, knows how to keep one copy of functions with equal code (a megabyte).
link() {
  local host linker options=()
  host=$(rustc -vV | sed -n 's/^host: //p')
  linker=$(rustc --print sysroot)/lib/rustlib/$host/bin/gcc-ld
  [ ! -d "$linker" ] || options=("-B$linker" -fuse-ld=lld -Wl,--icf=all)
  "${CC:-cc}" -shared -s -o "$OUT/lib/$LIBRARY" "${options[@]}" -Wl,-soname,"$LIBRARY" -Wl,--gc-sections \
    -Wl,-z,defs,-z,noexecstack -Wl,--version-script="$DEVICE/c/exports.map" \
    -Wl,--whole-archive "$ARCHIVE" -Wl,--no-whole-archive -lm
  ln -sfn "$LIBRARY" "$OUT/lib/liblongshore.so"
}

usable_python() {
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null
}

environment() { # the folder of these versions, made once
  local list=$DEVICE/python/requirements.txt
  ENVIRONMENT=$CACHE/python/$( (cat "$list"; python3 -VV; command -v python3) | sha256sum | cut -c1-12)
  [ -e "$ENVIRONMENT/complete" ] || step "Python packages for the device library" make_environment "$list"
}
make_environment() {
  rm -rf "$ENVIRONMENT"
  python3 -m venv "$ENVIRONMENT"
  "$ENVIRONMENT/bin/pip" install --disable-pip-version-check --no-input --progress-bar off -r "$1"
  touch "$ENVIRONMENT/complete"
}

wheel() {
  usable_python || need_packages python3 python3-venv
  usable_python || fail "Python 3.11 or later with venv is needed for the wheel"
  mkdir -p "$CACHE/python"
  environment
  LONGSHORE_LIBRARY=$OUT/lib/$LIBRARY "$ENVIRONMENT/bin/pip" wheel --quiet --disable-pip-version-check --no-input \
    --no-deps --no-build-isolation --no-index --wheel-dir "$OUT" "$DEVICE/python"
  ln -sfn "$ENVIRONMENT" "$OUT/python"
}

rm -rf "$OUT"; mkdir -p "$OUT/include" "$OUT/lib"
cp "$DEVICE/c/include/longshore.h" "$OUT/include/"
cp "$ARCHIVE" "$OUT/lib/liblongshore.a"
link
locked python wheel
(cd "$OUT"; du -kL include/longshore.h lib/liblongshore.a "lib/$LIBRARY" ./*.whl) | awk -v out="$OUT" '{
  sub(/^\.\//, "", $2); printf "    %s/%-52s %6.1f MB\n", out, $2, $1 * 1.024 / 1000}'
