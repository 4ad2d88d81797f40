#!/usr/bin/env bash
# demo-story.sh CLUSTER: a weak device outside the cluster answers picture after picture while its battery falls, one edge
# node is cut off, then both, and they come back. Ends with the device's own table.
. "$(dirname "$0")/lib.sh"
NAME=${1:?usage: demo-story.sh CLUSTER}
KUBECONFIG=$(kubeconfig_of "$NAME"); export KUBECONFIG
DEVICE=longshore-demo-device
EXAMPLE=$REPO/examples/person-detect
NODES=("$NAME-worker" "$NAME-worker2")
declare -A ADDRESS # of each edge node, to come back under

say() { printf '\n==> %s\n' "$*"; }
field() { kubectl -n cameras get iof person-detect -o jsonpath="{$1}"; }

start_device() {
  local edges=() url version
  for url in $(field '.status.endpoints[*].url'); do edges+=(--edge "$url"); done
  version=$(field .spec.model.version)
  docker rm -f "$DEVICE" > /dev/null 2>&1 || true
  # A tenth of a CPU, dealt out in the smallest slices that the kernel allows (1 ms), as a slow processor would have it.
  docker run -d --name "$DEVICE" --network "$NETWORK" --cpu-period 10000 --cpu-quota 1000 --memory 128m \
    -v "$EXAMPLE/frames:/frames:ro" -v "$EXAMPLE/model/blazeface-person.onnx:/models/person-detect/${version:-1}/model.onnx:ro" \
    localhost/longshore/device:dev watch "${edges[@]}" --model person-detect --models /models --input /frames \
    --deadline-ms 300 --battery-percent 22 --battery-drain-percent-per-minute 12 > /dev/null
  docker logs -f "$DEVICE" 2>&1 & LOGS_OF_DEVICE=$!
}

# The device's lines: time, picture, place, label, confidence, milliseconds, reason, battery.
place() { docker logs --tail 1 "$DEVICE" 2>&1 | awk '{print $3}'; }
reason() { docker logs --tail 1 "$DEVICE" 2>&1 | awk '{print $7}'; }
is() { [[ " ${*:2} " == *" $("$1") "* ]]; }
until_is() { # until_is place|reason WORD...: and a few pictures more, to look at
  wait_for 60 is "$@" || fail "the device's last $1 should be ${*:2}, and is $("$1")"
  sleep 6
}

other_than() { printf '%s\n' "${NODES[@]}" | grep -vxF "$1"; }
cut_off() {
  ADDRESS[$1]=$(docker inspect -f "{{.NetworkSettings.Networks.$NETWORK.IPAddress}}" "$1")
  docker network disconnect "$NETWORK" "$1"
}
bring_back() { docker network connect --ip "${ADDRESS[$1]}" "$NETWORK" "$1"; }

# Whatever happens, the cluster is whole again and no device is left.
restore() {
  local node
  for node in "${!ADDRESS[@]}"; do
    [ "$(docker inspect -f "{{len .NetworkSettings.Networks}}" "$node")" != 0 ] || bring_back "$node"
  done
  docker rm -f "$DEVICE" > /dev/null 2>&1 || true
}
trap restore EXIT

say "A device with a tenth of a CPU answers by itself while its battery is good"
start_device
until_is place device
say "Its battery falls below 20 %: work moves to the edge"
until_is reason battery_low
is place "${NODES[@]}" || fail "with a low battery the edge should answer, and it was $(place)"
FIRST=$(place)
say "Edge node $FIRST is cut off: work moves to the other"
cut_off "$FIRST"
until_is place "$(other_than "$FIRST")"
SECOND=$(place)
say "Edge node $SECOND is cut off too: the device answers by itself"
cut_off "$SECOND"
until_is place device
say "Both are back: work returns to the edge"
bring_back "$FIRST"; bring_back "$SECOND"
until_is place "${NODES[@]}"
say "The device stops and counts its answers"
docker stop -t 10 "$DEVICE" > /dev/null
wait "$LOGS_OF_DEVICE" || true
docker logs "$DEVICE" 2>&1 | grep -qE '^lost +0$' || fail "the device lost answers"
