# shellcheck shell=bash
# Sourced by every script here: names of places, and how a step is run and shown.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034  # for the scripts that source this
REPO=$(cd "$HERE/../.." && pwd)
. "$HERE/versions.env"

CACHE=${LONGSHORE_CACHE:-$HOME/.cache/longshore}
LOGS=$CACHE/log
# All that the programs are made of. The device plugin is built with the images.
PROGRAMS_KEY=$(cd "$HERE" && find go go.sh tools.sh versions.env -type f ! -path 'go/deviceplugin/*' -print0 | sort -z |
  xargs -0 sha256sum | sha256sum | cut -c1-12)
TOOLS=$CACHE/tools/$K8S_VERSION-$PROGRAMS_KEY
BIN=$TOOLS/bin
# Parts of nodes, never on PATH: a Docker daemon must not find its containerd here.
# shellcheck disable=SC2034  # for the scripts that source this
PARTS=$TOOLS/node
# Not kind's own network: with a subnet of our choosing, a node that was cut off can come back under its address.
NETWORK=longshore
export KIND_EXPERIMENTAL_DOCKER_NETWORK=$NETWORK
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
# The link leads to what was built last, so that a cluster of an earlier version can still be removed.
export PATH=$BIN:$CACHE/bin:$PATH
mkdir -p "$LOGS"

kubeconfig_of() { printf '%s/clusters/%s/kubeconfig' "$CACHE" "$1"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -E "$@"; fi; }
# Asks for the password now: a step has no terminal.
may_be_root() { [ "$(id -u)" = 0 ] || sudo -v; }

need_packages() { # need_packages NAME...: of the distribution
  local missing=() package
  for package in "$@"; do dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package"); done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get > /dev/null || fail "please install: ${missing[*]} (no apt-get here to do it)"
  may_be_root
  step "Packages: ${missing[*]}" install_packages "${missing[@]}"
}
install_packages() {
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

now_us() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }
since() { # since MICROSECONDS: the time that passed, as "12.3 s"
  local tenths=$((($(now_us) - $1) / 100000))
  printf '%d.%d s' $((tenths / 10)) $((tenths % 10))
}

# step NAME COMMAND...: says what starts, keeps its output in a log, shows that it goes on, says how long it took.
step() {
  local name=$1 start log pid status=0; shift
  start=$(now_us) log=$LOGS/$(tr -cs 'a-zA-Z0-9.\n' - <<< "$name").log
  printf '==> %s\n' "$name"
  set -m # a process group of its own, so that an interrupt ends all of it
  "$@" > "$log" 2>&1 < /dev/null & pid=$!
  set +m
  # shellcheck disable=SC2064  # this step's own process
  trap "kill -- -$pid 2> /dev/null; exit 130" INT TERM
  show_progress "$pid" "$log" "$start"
  wait "$pid" || status=$?
  trap - INT TERM
  if [ "$status" != 0 ]; then
    tail -n 40 "$log" >&2
    fail "\"$name\" failed after $(since "$start"); its whole output: $log"
  fi
  printf '    %-52s %9s\n' "$name" "$(since "$start")" | tee -a "$LOGS/times.txt"
}

# A line that is redrawn on a terminal; elsewhere one line every half minute.
show_progress() {
  local pid=$1 log=$2 start=$3 ticks=0
  while kill -0 "$pid" 2> /dev/null; do
    sleep 0.1; ticks=$((ticks + 1))
    if [ -t 1 ]; then
      [ $((ticks % 10)) != 0 ] || printf '\r\033[K    %s  %.90s' "$(since "$start")" "$(last_line "$log")"
    elif [ $((ticks % 300)) = 0 ]; then
      printf '    ... %s  %.90s\n' "$(since "$start")" "$(last_line "$log")"
    fi
  done
  [ ! -t 1 ] || printf '\r\033[K'
}
last_line() { tail -c 400 "$1" | tr '\r' '\n' | grep -av '^[[:space:]]*$' | tail -n 1 || true; }

wait_for() { # wait_for SECONDS COMMAND...: until it succeeds
  local deadline=$((SECONDS + $1)); shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "timed out waiting for: $*" >&2; return 1; }
    sleep 0.05
  done
}

# A node that ends while its runc holds a container frozen (cgroup v1) cannot be removed until somebody thaws that.
delete_cluster() {
  local node state
  kind delete cluster --name "$1" --kubeconfig "$(kubeconfig_of "$1")" && return
  for node in $(docker ps -aq --no-trunc --filter "label=io.x-k8s.kind.cluster=$1"); do
    find "/sys/fs/cgroup/freezer/docker/$node" -name freezer.state | while read -r state; do
      ! grep -q FROZEN "$state" || as_root tee "$state" <<< THAWED
    done
  done
  kind delete cluster --name "$1" --kubeconfig "$(kubeconfig_of "$1")"
}

# locked NAME COMMAND...: one at a time on this machine.
locked() { local lock=$CACHE/$1.lock; shift; (flock 9; "$@") 9> "$lock"; }
