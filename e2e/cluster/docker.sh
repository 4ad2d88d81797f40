#!/usr/bin/env bash
# Makes sure that a Docker daemon answers: the distribution's packages, then systemd's service or a daemon of our own
# that outlives this script.   docker.sh stop   ends the daemon that this script started, if no container is left.
. "$(dirname "$0")/lib.sh"
PIDFILE=$CACHE/dockerd.pid

answers() { timeout 10 docker info > /dev/null 2>&1; }
# runs_as PROGRAM PIDFILE. A process that has ended but was not waited for has no executable any more.
runs_as() { [[ "$(as_root readlink "/proc/$(cat "$2" 2> /dev/null)/exe" 2> /dev/null)" == */"$1"* ]]; }

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
  if lacks_capabilities && [ -x "$PARTS/runc-limited" ]; then
    # Copied, so that the daemon keeps it when the programs are built anew.
    mkdir -p "$CACHE/docker"; install -m 0755 "$PARTS/runc-limited" "$CACHE/docker/runc-limited"
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
  # Docker's own package, which has another name, does as well.
  command -v dockerd > /dev/null || answers || need_packages docker.io
  # A part of docker.io up to Debian 12.
  command -v docker > /dev/null || need_packages docker-cli
  need_packages iptables iproute2
  answers || { may_be_root; step "Docker daemon" start_daemon; }
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
