#!/usr/bin/env bash
# Makes sure that a Docker daemon answers: the distribution's packages, then systemd's service or a daemon of our own
# that outlives this script.   docker.sh stop   ends the daemon that this script started, if no container is left.
. "$(dirname "$0")/lib.sh"
PIDFILE=$CACHE/dockerd.pid
PACKAGES=(docker.io iptables conntrack mmdebstrap jq ca-certificates curl openssl)

answers() { timeout 10 docker info > /dev/null 2>&1; }
runs_as() { [ "$(cat "/proc/$(cat "$2" 2> /dev/null)/comm" 2> /dev/null)" = "$1" ]; }

install_packages() {
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

packages() {
  local missing=() package
  for package in "${PACKAGES[@]}"; do
    case $package in
      docker.io) command -v dockerd > /dev/null || answers || missing+=("$package") ;;
      *) dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package") ;;
    esac
  done
  [ ${#missing[@]} = 0 ] || step "Packages: ${missing[*]}" install_packages "${missing[@]}"
}

# Root of some machines lacks capabilities that an older daemon asks for in privileged containers.
lacks_capabilities() {
  local have last
  have=$(awk '/^CapEff/ {print $2}' /proc/self/status) last=$(cat /proc/sys/kernel/cap_last_cap)
  [ $((16#$have)) != $(((1 << (last + 1)) - 1)) ]
}

# A daemon that was killed leaves numbers behind which may belong to other processes by now.
drop_stale_pidfiles() {
  runs_as dockerd "$PIDFILE" || rm -f "$PIDFILE"
  runs_as dockerd /var/run/docker.pid || as_root rm -f /var/run/docker.pid
  runs_as containerd /var/run/docker/containerd/containerd.pid ||
    as_root rm -f /var/run/docker/containerd/containerd.pid
}

start_daemon() {
  if [ -d /run/systemd/system ]; then as_root systemctl start docker; wait_for 60 answers; return; fi
  drop_stale_pidfiles
  local arguments=(--pidfile "$PIDFILE")
  if lacks_capabilities && [ -x "$BIN/runc-limited" ]; then
    # Copied, so that the daemon keeps it when the programs are built anew.
    mkdir -p "$CACHE/docker"; install -m 0755 "$BIN/runc-limited" "$CACHE/docker/runc-limited"
    arguments+=(--add-runtime "limited=$CACHE/docker/runc-limited" --default-runtime limited)
  fi
  as_root setsid nohup dockerd "${arguments[@]}" > "$LOGS/dockerd.log" 2>&1 < /dev/null 9>&- &
  wait_for 60 answers || { tail "$LOGS/dockerd.log"; return 1; }
}

# Three nodes hold three systemds and three kubelets; the kernel's default is 128 instances.
watches() {
  local name
  for name in max_user_instances=4096 max_user_watches=524288; do
    [ "$(sysctl -n "fs.inotify.${name%=*}")" -ge "${name#*=}" ] || as_root sysctl -qw "fs.inotify.$name"
  done
}

engine() {
  packages
  answers || step "Docker daemon" start_daemon
  watches
}

stop_daemon() {
  if answers && runs_as dockerd "$PIDFILE" && [ -z "$(docker ps -aq)" ]; then
    as_root kill "$(cat "$PIDFILE")"
    wait_for 30 test ! -e "$PIDFILE"
  fi
}

case ${1:-} in
  "") locked docker engine ;;
  stop) locked docker stop_daemon ;;
  *) fail "usage: docker.sh [stop]" ;;
esac
