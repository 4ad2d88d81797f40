#!/usr/bin/env bash
# Builds the images localhost/longshore/*:dev FROM scratch out of the static programs that "cargo build --release
# --workspace" left, and prints their sizes. An image whose files did not change stays the same image.
. "$(dirname "$0")/lib.sh"
. "$HERE/go.sh"
TARGET=$(rustc -vV | awk '/^host/ {print $2}')
PROGRAMS=$CARGO_TARGET_DIR/$TARGET/release
LABEL=longshore.dev/image
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

build() { # build NAME FILE...: with images/NAME.Dockerfile and only these files
  local context; context=$(mktemp -d)
  cp -r "${@:2}" "$context/"
  DOCKER_BUILDKIT=0 docker build -q --force-rm --label "$LABEL=$1" -t "localhost/longshore/$1:dev" \
    -f "$HERE/images/$1.Dockerfile" "$context"
  rm -rf "$context"
}

# The same network in another file, for tests that roll a new digest out: a protocol buffer may be continued, here by a
# doc_string of one word.
next_model() {
  local folder; folder=$(mktemp -d)
  cp "$REPO"/examples/person-detect/model/* "$folder/"
  printf '\x32\x04next' >> "$folder/blazeface-person.onnx"
  build model-person-next "$folder"/*
  rm -rf "$folder"
}

own_images() {
  build operator "$PROGRAMS/longshore-operator"
  build sidecar "$PROGRAMS/longshore-sidecar" "$CERTIFICATES"
  build runtime "$PROGRAMS/longshore-runtime"
  build device "$PROGRAMS/longshore-device"
  build model-person "$REPO"/examples/person-detect/model/*
  next_model
}

# A test part, so it is built here and not with the programs of the cluster.
device_plugin() {
  (cd "$HERE/go" && run_go build -ldflags "-s -w" -o "$CACHE/deviceplugin/" ./deviceplugin)
  build deviceplugin "$CACHE/deviceplugin/deviceplugin"
}

"$HERE/tools.sh"
"$HERE/docker.sh"
step "Images of the programs and the example model" own_images
step "Image of the test device plugin" device_plugin
docker image prune -f --filter "label=$LABEL" > /dev/null # what these replaced
docker image ls --format '    {{.Repository}}:{{.Tag}}\t{{.Size}}' 'localhost/longshore/*:dev' | sort | expand -t 52
