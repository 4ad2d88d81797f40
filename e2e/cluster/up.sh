#!/usr/bin/env bash
# up.sh NAME [FILE]: a kind cluster of that name that answers: one control-plane node, two edge nodes in zones site-a and
# site-b, and the nodes of FILE. Leaves a good one alone; a dead or outdated one is made anew. Its kubeconfig:
# ~/.cache/longshore/clusters/NAME/kubeconfig
. "$(dirname "$0")/lib.sh"
NAME=${1:?usage: up.sh NAME [FILE]}
MORE=${2:-/dev/null}
FOLDER=$CACHE/clusters/$NAME
KUBECONFIG=$(kubeconfig_of "$NAME"); export KUBECONFIG
SUBNETS=(172.30.0.0/16 172.31.0.0/16 172.29.0.0/16 192.168.240.0/20)

network() {
  local subnet
  ! docker network inspect "$NETWORK" || return 0
  for subnet in "${SUBNETS[@]}"; do
    ! docker network create --subnet "$subnet" "$NETWORK" || return 0
  done
  echo "each of the subnets ${SUBNETS[*]} is taken by another Docker network"; return 1
}

config() { cat "$HERE/kind.yaml" "$MORE"; }

# What the cluster was made from.
recipe() { docker image inspect -f '{{.Id}}' "$IMAGE" 2> /dev/null || echo "$IMAGE"; config; }

# kind lists a cluster whose containers exist, be they dead: after its daemon was killed, for instance.
good() {
  [ "$(cat "$FOLDER/recipe" 2> /dev/null)" = "$(recipe)" ] || { echo "not there, or made from something else"; return 1; }
  local nodes; nodes=$(docker ps -q --filter "label=io.x-k8s.kind.cluster=$NAME" --filter status=running | wc -l)
  [ "$nodes" = "$(config | grep -c 'role:')" ] || { echo "only $nodes nodes run"; return 1; }
  wait_for 20 kubectl get --raw /readyz || return 1
  kubectl wait --for=condition=Ready nodes --all --timeout=40s
}

create() {
  delete_cluster "$NAME"
  rm -rf "$FOLDER"; mkdir -p "$FOLDER"
  config > "$FOLDER/kind.yaml"
  kind create cluster --name "$NAME" --image "$IMAGE" --config "$FOLDER/kind.yaml" --wait 180s
  recipe > "$FOLDER/recipe"
}

ready() {
  kubectl wait --for=condition=Ready nodes --all --timeout=180s
  kubectl -n kube-system rollout status deployment/coredns --timeout=120s
}

cluster() {
  local why
  step "Docker network $NETWORK" network
  if why=$(good 2>&1); then
    printf '    Cluster %s is up already\n' "$NAME"
  else
    printf '    Cluster %s: %s\n' "$NAME" "$(tail -n 1 <<< "$why")"
    step "Create cluster $NAME" create
  fi
  step "Nodes and DNS of $NAME" ready
}

"$HERE/tools.sh"
"$HERE/docker.sh"
IMAGE=$("$HERE/node-image.sh")
locked cluster cluster
