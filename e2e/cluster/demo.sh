#!/usr/bin/env bash
# make demo: a cluster with two edge nodes, the operator, an example model on it, and a weak device outside that uses it
# while its battery falls and the nodes come and go. Can be run again at any time; demo-down.sh removes what it made.
. "$(dirname "$0")/lib.sh"
NAME=longshore-demo
KUBECONFIG=$(kubeconfig_of "$NAME"); export KUBECONFIG
BEGAN=$(now_us)

chart() {
  helm upgrade --install longshore "$REPO/charts/longshore" -n longshore-system --create-namespace --wait \
    -f "$HERE/manifests/demo-values.yaml"
  # The tag stays the same when a program changes, so pods have to be told.
  local now stamp=$CACHE/clusters/$NAME/images
  now=$(docker image inspect -f '{{.Id}}' localhost/longshore/{operator,sidecar,runtime}:dev)
  if [ "$(cat "$stamp" 2> /dev/null || echo "$now")" != "$now" ]; then
    kubectl -n longshore-system rollout restart deployment
    kubectl delete pods -A -l longshore.dev/offload
  fi
  kubectl -n longshore-system rollout status deployment --timeout=60s
  echo "$now" > "$stamp"
}

offload() {
  kubectl apply -f "$REPO/charts/examples/person-detect.yaml"
  kubectl wait --for=condition=Ready inferenceoffloads --all -A --timeout=120s
}

"$HERE/tools.sh"
"$HERE/target.sh"
step "Programs of Longshore (cargo build)" cargo build --release --workspace --all-targets --manifest-path "$REPO/Cargo.toml"
"$HERE/images.sh"
"$HERE/up.sh" "$NAME"
"$HERE/load.sh" "$NAME"
step "Install the chart" chart
step "Apply person-detect, until it is Ready" offload
step "Until both edge nodes serve it" \
  kubectl -n cameras wait --for=jsonpath='{.status.readyReplicas}'=2 inferenceoffload/person-detect --timeout=120s
kubectl get iof -A -o wide
"$HERE/demo-story.sh" "$NAME"
printf 'The demo took %s. The cluster stays: export KUBECONFIG=%s; make demo-down removes it.\n' "$(since "$BEGAN")" "$KUBECONFIG"
