#!/usr/bin/env bash
# Makes sure that kind, kubectl, helm and all programs of a cluster lie in the cache, built from go/ at pinned versions.
# Needs Go 1.25 or later and its module proxy; or else Docker and a registry that has the golang image.
. "$(dirname "$0")/lib.sh"
. "$HERE/go.sh"

build() {
  local version=${K8S_VERSION#v} package program part=$TOOLS.part containerd cni
  local tags="no_aufs no_zfs no_btrfs no_devmapper providerless" flags="-s -w"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$K8S_VERSION -X $package.gitTreeState=clean -X $package.gitCommit=local"
    flags+=" -X $package.gitMajor=${version%%.*} -X $package.gitMinor=$(cut -d. -f2 <<< "$version")"
    flags+=" -X $package.buildDate=1970-01-01T00:00:00Z"
  done
  flags+=" -X github.com/containerd/containerd/v2/version.Version=$CONTAINERD_VERSION"
  containerd=github.com/containerd/containerd/v2/cmd cni=github.com/containernetworking/plugins/plugins
  rm -rf "$part"; mkdir -p "$part/bin" "$part/node/cni"; cd "$HERE/go" || exit
  # One call, so that linking one program overlaps with compiling the next.
  run_go build -v -p "$(nproc)" -tags "$tags" -ldflags "$flags" -o "$part/node/" \
    ./multi ./coredns ./pause ./runc-limited ./mkimage \
    $containerd/{containerd,ctr,containerd-shim-runc-v2} sigs.k8s.io/kind helm.sh/helm/v3/cmd/helm \
    $cni/{main/ptp,main/loopback,ipam/host-local,meta/portmap}
  mv "$part"/node/{ptp,loopback,host-local,portmap} "$part/node/cni/"
  mv "$part"/node/{kind,helm} "$part/bin/"
  for program in kubectl etcd kube-apiserver kube-controller-manager; do
    ln -s ../node/multi "$part/bin/$program"
  done
  rm -rf "$TOOLS"; mv "$part" "$TOOLS"
}

complete() { [ -x "$BIN/kubectl" ]; }

tools() {
  host_go || "$HERE/docker.sh"
  if ! complete; then
    mkdir -p "$CACHE/tools"; cd "$HERE/go" || exit
    step "Go modules of Kubernetes $K8S_VERSION, kind and helm" run_go mod download
    step "Programs from Go modules (minutes at first)" build
  fi
}

need_packages ca-certificates curl openssl
complete || locked tools tools
ln -sfn "$BIN" "$CACHE/bin"
