#!/usr/bin/env bash
# etcd, kube-apiserver and kube-controller-manager as plain processes on loopback, for tests that need no nodes.
#   apiserver.sh up DIR     starts them on free ports and writes DIR/kubeconfig
#   apiserver.sh down DIR   ends exactly these processes and deletes DIR
#   apiserver.sh run DIR    up, prints "ready", and down as soon as standard input ends
. "$(dirname "$0")/lib.sh"
command=${1:-} DIR=${2:-}
ATTEMPTS=5 # at a port that is still free when the server binds it

[ -x "$BIN/kube-apiserver" ] || "$HERE/tools.sh" >&2

# They live for seconds: garbage is collected only where it would grow large, which starts them sooner.
export GOGC=off GOMEMLIMIT=512MiB

# A free port below the range that the kernel hands out by itself.
free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); do
    (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || { echo "$port"; return; }
  done
}

# The start time tells a process from a later one that got the same number. Nothing for one that has ended.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | awk '$1 != "Z" {print $20}'; }

start() { # start PROGRAM ARGUMENT...
  local name=$1; shift
  setsid "$BIN/$name" "$@" > "$name.log" 2>&1 < /dev/null &
  disown
  echo "$! $(started_at $!) $name" >> "$DIR/processes"
}

# Succeeds while everything that was started still runs.
alive() {
  local pid time name
  while read -r pid time name; do
    [ "$(started_at "$pid")" = "$time" ] || { echo "$name ended: $DIR/$name.log" >&2; return 1; }
  done < "$DIR/processes"
}

until_works() { # until_works COMMAND...: at most 60 s, and only while the processes live
  local deadline=$((SECONDS + 60))
  until "$@" > /dev/null 2>&1; do
    alive || return 1
    [ "$SECONDS" -lt "$deadline" ] || { echo "timed out waiting for: $*" >&2; return 1; }
    sleep 0.05
  done
}

credentials() { # credentials PORT
  local token
  token=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  echo "$token,admin,admin,system:masters" > "$DIR/tokens.csv"
  openssl ecparam -name prime256v1 -genkey -noout -out "$DIR/sa.key"
  openssl pkey -in "$DIR/sa.key" -pubout -out "$DIR/sa.pub"
  cat > "$DIR/kubeconfig" <<K
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:$1", certificate-authority: "$DIR/certs/apiserver.crt"}}]
users: [{name: test, user: {token: $token}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
K
}

start_all() {
  local port; port=$(free_port)
  rm -rf "$DIR"; mkdir -p "$DIR/etcd"; chmod 700 "$DIR" "$DIR/etcd"; : > "$DIR/processes"
  cd "$DIR" # sockets have short names, whatever the length of DIR
  credentials "$port"
  # Nothing here outlives a test, so the store need not reach the disk.
  start etcd --data-dir etcd --unsafe-no-fsync --log-level warn \
    --listen-client-urls unix://etcd.sock:0 --advertise-client-urls unix://etcd.sock:0 \
    --listen-peer-urls unix://peer.sock:0 --initial-advertise-peer-urls http://127.0.0.1:0 \
    --initial-cluster default=http://127.0.0.1:0
  start kube-apiserver --etcd-servers unix://etcd.sock:0 --cert-dir "$DIR/certs" \
    --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$port" \
    --service-cluster-ip-range 10.0.0.0/24 --token-auth-file "$DIR/tokens.csv" --authorization-mode RBAC \
    --enable-priority-and-fairness=false \
    --service-account-issuer https://127.0.0.1 --service-account-key-file "$DIR/sa.pub" \
    --service-account-signing-key-file "$DIR/sa.key" --disable-admission-plugins ServiceAccount \
    --feature-gates "${FEATURE_GATES:-ImageVolume=true}" --endpoint-reconciler-type none
  until_works curl -skf "https://127.0.0.1:$port/readyz" || return 1
  # Nobody waits for the controllers: a test that needs what they do waits for that.
  start kube-controller-manager --kubeconfig "$DIR/kubeconfig" --service-account-private-key-file "$DIR/sa.key" \
    --secure-port 0 --leader-elect=false --controllers '*,-nodeipam,-cloud-node-lifecycle'
}

up() {
  local began; began=$(now_us)
  for _ in $(seq "$ATTEMPTS"); do
    stop
    if start_all; then
      echo "kube-apiserver $K8S_VERSION works after $(since "$began"): KUBECONFIG=$DIR/kubeconfig"
      return
    fi
  done
  fail "kube-apiserver did not start in $ATTEMPTS attempts; logs: $DIR"
}

stop() {
  local pid time name signal
  [ -f "$DIR/processes" ] || return 0
  for signal in TERM KILL; do
    while read -r pid time name; do
      [ "$(started_at "$pid")" != "$time" ] || kill "-$signal" "$pid" 2> /dev/null || true
    done < "$DIR/processes"
    # etcd and the API server have nothing to save: half a second of politeness.
    [ "$signal" = KILL ] || for _ in 1 2 3 4 5; do alive 2> /dev/null || break; sleep 0.1; done
  done
}

case $command in
  up | down | run)
    [ -n "$DIR" ] || fail "usage: apiserver.sh $command DIR"
    mkdir -p "$DIR"; DIR=$(cd "$DIR" && pwd) ;;&
  up) up ;;
  down) stop; rm -rf "$DIR" ;;
  run) trap 'stop; rm -rf "$DIR"' EXIT; up; echo ready; cat > /dev/null ;;
  *) fail "usage: apiserver.sh up|down|run DIR" ;;
esac
