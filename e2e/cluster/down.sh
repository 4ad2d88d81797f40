#!/usr/bin/env bash
# down.sh NAME: deletes the cluster, with everything in it; and the Docker network when no other cluster is left on it.
. "$(dirname "$0")/lib.sh"
NAME=${1:?usage: down.sh NAME}
docker info > /dev/null 2>&1 || { rm -rf "$CACHE/clusters/$NAME"; exit 0; }

delete() {
  delete_cluster "$NAME"
  rm -rf "$CACHE/clusters/$NAME"
  # Refused while a container is on it, which is right.
  docker network rm "$NETWORK" || true
}
step "Delete cluster $NAME" delete
