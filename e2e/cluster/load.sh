#!/usr/bin/env bash
# load.sh NAME: brings the images to the edge nodes of a cluster (only what they lack) and the accelerators with them: the
# test device plugin, which tells the kubelet of two nvidia.com/gpu on each edge node.
. "$(dirname "$0")/lib.sh"
NAME=${1:?usage: load.sh NAME}
KUBECONFIG=$(kubeconfig_of "$NAME"); export KUBECONFIG

images() {
  local list nodes
  mapfile -t list < <(docker image ls --format '{{.Repository}}:{{.Tag}}' 'localhost/longshore/*:dev')
  nodes=$(kind get nodes --name "$NAME" | grep -v control-plane | paste -sd,)
  kind load docker-image --name "$NAME" --nodes "$nodes" "${list[@]}"
}

advertised() {
  local counts; counts=$(kubectl get nodes -l longshore.dev/accelerator=true \
    -o jsonpath='{range .items[*]}{.status.allocatable.nvidia\.com/gpu}{"\n"}{end}')
  ! grep -qvx 2 <<< "$counts"
}

accelerators() {
  kubectl apply -f "$HERE/manifests/deviceplugin.yaml"
  kubectl -n kube-system rollout status daemonset/longshore-deviceplugin --timeout=60s
  wait_for 60 advertised
}

step "Load images to $NAME" images
step "Two test accelerators on each edge node" accelerators
