#!/usr/bin/env bash
# make demo-down: removes what the demo made: its device, its cluster with everything in it, the images, the Docker
# network, and the Docker daemon if the demo started it and nothing else uses it. What stays are the packages of the
# distribution and the cache of downloads and builds: ~/.cache/longshore and Go's own.
. "$(dirname "$0")/lib.sh"

images() {
  local image
  docker image ls --format '{{.Repository}}:{{.Tag}}' 'localhost/longshore/*' | while read -r image; do
    # Refused for the node image of another cluster, which is right.
    docker image rm "$image" || true
  done
}

if docker info > /dev/null 2>&1; then
  docker rm -f longshore-demo-device > /dev/null 2>&1 || true
  "$HERE/down.sh" longshore-demo
  step "Remove the images" images
  step "Stop the Docker daemon, if it is ours and idle" "$HERE/docker.sh" stop
fi
