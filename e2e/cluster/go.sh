# shellcheck shell=bash
# Sourced after lib.sh: run_go ARGUMENT..., in the current folder, with the machine's Go or, where there is none of 1.25 or
# later, in a container.
export CGO_ENABLED=0 GOFLAGS="-mod=readonly -trimpath -buildvcs=false"

host_go() { command -v go > /dev/null && [ "$(printf '%s\n' go1.25 "$(go env GOVERSION)" | sort -V | head -n 1)" = go1.25 ]; }

run_go() {
  if host_go; then go "$@"; return; fi
  docker image inspect "$GO_IMAGE" > /dev/null 2>&1 || timeout 300 docker pull -q "$GO_IMAGE" ||
    fail "no Go 1.25 or later on this machine and no registry that has $GO_IMAGE: install Go from https://go.dev/dl"
  # Modules and compiled packages stay in the cache, as the machine's own Go would keep them.
  mkdir -p "$CACHE/go"
  docker run --rm -e CGO_ENABLED -e GOFLAGS -e GOPROXY -e GOSUMDB -e HOME="$CACHE/go" -e GOPATH="$CACHE/go" \
    -v "$CACHE:$CACHE" -v "$HERE/go:$HERE/go:ro" -w "$PWD" "$GO_IMAGE" go "$@"
}
