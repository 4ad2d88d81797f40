#!/usr/bin/env bash
# build.sh IMAGE: makes a node image that "kind create cluster --image" accepts, where no registry can be reached: from
# Debian packages, the programs of ../go, and the base files that kind's own Go module carries. Needs root.
. "$(dirname "$0")/../lib.sh"
. "$HERE/go.sh"
IMAGE=$1
SUITE=$(. /etc/os-release && echo "$VERSION_CODENAME")
[ "$(id -u)" = 0 ] || exec sudo -E LONGSHORE_CACHE="$CACHE" PATH="$PATH" "$0" "$IMAGE"

PACKAGES=systemd,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,libseccomp2,runc,e2fsprogs
PACKAGES+=,bash,ca-certificates,curl,jq,procps,hostname,socat
# Kept: it changes with the list of packages only, and takes most of the time.
TREE=$CACHE/node-image/$SUITE-$(sha256sum <<< "$PACKAGES" | cut -c1-12).tar
WORK=$CACHE/node-image/work
ROOT=$WORK/root

# The mirrors that this machine's apt already uses for its own suite.
apt_sources() {
  # shellcheck disable=SC2016  # apt's placeholders
  apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)' 'Identifier: Packages' |
    awk -F'|' -v suite="$SUITE" '$2 == suite || index($2, suite "-") == 1 {
      by = ($4 == "" || $4 ~ /^[$]/) ? "" : "[signed-by=" $4 "] "; print "deb " by $1, $2, $3 }' | sort -u
}

debian_tree() {
  [ -s "$TREE" ] || {
    apt_sources | mmdebstrap --mode=root --format=tar --variant=minbase --include="$PACKAGES" \
      --aptopt='APT::Install-Recommends "false"' \
      --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
      "$SUITE" "$TREE.part" -
    mv "$TREE.part" "$TREE"
  }
  rm -rf "$WORK"; mkdir -p "$ROOT"; tar -C "$ROOT" -xpf "$TREE"
}

kind_files() {
  local base unit folder
  base=$(cd "$HERE/go" && run_go list -m -f '{{.Dir}}' sigs.k8s.io/kind)/images/base/files
  # Module cache files are read-only, hence the explicit modes.
  for folder in etc kind usr; do cp -r --no-preserve=mode,ownership "$base/$folder" "$ROOT/"; done
  chmod 0755 "$ROOT"/usr/local/bin/* "$ROOT"/kind/bin/*
  # Nothing but what is enabled below starts with the node.
  for folder in "$ROOT"/etc/systemd/system/*.wants "$ROOT"/lib/systemd/system/{multi-user,local-fs,basic}.target.wants; do
    [ ! -d "$folder" ] || find "$folder" -mindepth 1 -delete
  done
  find "$ROOT"/lib/systemd/system/sockets.target.wants \( -name '*udev*' -o -name '*initctl*' \) -delete
  find "$ROOT"/lib/systemd/system/sysinit.target.wants -name systemd-tmpfiles-setup.service -delete
  echo ReadKMsg=no >> "$ROOT/etc/systemd/journald.conf"
  ln -sf /lib/systemd/systemd "$ROOT/sbin/init"
  mkdir -p "$ROOT/etc/systemd/system/multi-user.target.wants"
  for unit in kubelet containerd undo-mount-hacks; do
    ln -s "/etc/systemd/system/$unit.service" "$ROOT/etc/systemd/system/multi-user.target.wants/"
  done
  ln -sf /dev/null "$ROOT/etc/systemd/system/systemd-binfmt.service"
  mkdir -p "$ROOT/etc/kubernetes/manifests" "$ROOT/kind/manifests"
  cp "$HERE"/node-image/manifests/*.yaml "$ROOT/kind/manifests/"
  printf %s "$K8S_VERSION" > "$ROOT/kind/version"
  # Where root lacks CAP_SYS_RESOURCE no process can be made less killable than containerd is; elsewhere this changes nothing.
  sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$ROOT/etc/containerd/config.toml"
}

programs() {
  local program
  install -m 0755 "$PARTS/multi" "$ROOT/usr/bin/multi"
  for program in kubelet kubeadm kubectl crictl; do ln -f "$ROOT/usr/bin/multi" "$ROOT/usr/bin/$program"; done
  install -m 0755 "$PARTS"/{containerd,ctr,containerd-shim-runc-v2} "$ROOT/usr/local/bin/"
  mkdir -p "$ROOT/opt/cni/bin"; install -m 0755 "$PARTS"/cni/* "$ROOT/opt/cni/bin/"
  # The default OCI spec, without limits, plus kind's hook.
  "$PARTS/ctr" oci spec | jq 'del(.process.rlimits) |
     .hooks.createContainer += [{path: "/kind/bin/mount-product-files.sh"}]' > "$ROOT/etc/containerd/cri-base.json"
}

# Layer "net": iptables and nft, the extensions that iptables opens when a rule needs them, and the libraries of all of
# these, each under its own and its real name. kube-proxy and nodenet call them.
network_layer() {
  local layer=$WORK/net name suffix
  mkdir -p "$layer"/usr/{sbin,lib,lib64,bin} "$layer"/{etc,run,tmp}
  for name in lib lib64 sbin bin; do ln -s "usr/$name" "$layer/$name"; done
  network_files | tar -C "$ROOT" -cf - -T - | tar -C "$layer" -xf -
  for name in iptables ip6tables; do
    for suffix in "" -save -restore; do ln -s xtables-nft-multi "$layer/usr/sbin/$name$suffix"; done
  done
  [ ! -e "$ROOT/etc/protocols" ] || cp "$ROOT/etc/protocols" "$layer/etc/"
}
network_files() (
  cd "$ROOT" || exit
  mapfile -t roots < <(printf '%s\n' usr/sbin/xtables-nft-multi usr/sbin/nft; find usr/lib/*/xtables -name '*.so')
  { printf '%s\n' "${roots[@]}"
    chroot . ldd "${roots[@]/#//}" | grep -oE '(^|[[:space:]])/[^ ]+\.so[^ :]*[[:space:]]' | tr -d '[:blank:]' | sort -u |
      while read -r library; do
        echo ".$(chroot . readlink -f "$(dirname "$library")")/$(basename "$library")"
        echo ".$(chroot . readlink -f "$library")"
      done
  } | sort -u
)

pack_images() {
  local layer=$WORK/k8s program sandbox
  mkdir -p "$layer"/usr/local/bin "$layer"/tmp "$WORK"/small/{dns,pause}
  cp --reflink=auto "$PARTS/multi" "$layer/usr/local/bin/multi"
  for program in kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd nodenet; do
    ln "$layer/usr/local/bin/multi" "$layer/usr/local/bin/$program"
  done
  cp "$PARTS/coredns" "$WORK/small/dns/"; cp "$PARTS/pause" "$WORK/small/pause/"
  sandbox=$(sed -n 's/.*sandbox_image = "\(.*\)"/\1/p' "$ROOT/etc/containerd/config.toml")
  chroot "$ROOT" kubeadm config images list --kubernetes-version "$K8S_VERSION" |
    jq -Rn --arg work "$WORK" --arg sandbox "$sandbox" -f "$HERE/node-image/images.jq" > "$WORK/images.json"
  "$PARTS/mkimage" "$WORK/images.json" "$WORK/images.tar"
}

# Unpacks the images into the node's own store, with the node's own containerd.
preload() {
  local state=$WORK/containerd pid
  mkdir -p "$state"
  cat > "$state/config.toml" <<T
version = 3
root = "$ROOT/var/lib/containerd"
state = "$state/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.nri.v1.nri", "io.containerd.podsandbox.controller.v1.podsandbox"]
[grpc]
  address = "$state/sock"
[ttrpc]
  address = "$state/sock.ttrpc"
T
  "$PARTS/containerd" -c "$state/config.toml" > "$state/log" 2>&1 & pid=$!
  in_node_store() { "$PARTS/ctr" -a "$state/sock" -n k8s.io "$@"; }
  wait_for 20 in_node_store version
  in_node_store images import --label=io.cri-containerd.pinned=pinned --local --discard-unpacked-layers "$WORK/images.tar"
  # Removing an image with --sync runs the garbage collector, which drops the blobs of the unpacked layers.
  in_node_store images tag localhost/nodenet:v1 localhost/unused:v1
  in_node_store images rm --sync localhost/unused:v1
  kill $pid; wait $pid || true
}

docker_image() {
  tar -C "$ROOT" --numeric-owner -cf - . | docker import - "$IMAGE-tree"
  # "docker import" of older daemons knows no STOPSIGNAL, "docker build" does.
  printf '%s\n' "FROM $IMAGE-tree" 'ENV container=docker' 'STOPSIGNAL SIGRTMIN+3' \
    'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' | DOCKER_BUILDKIT=0 docker build -q -t "$IMAGE" -
  docker image rm "$IMAGE-tree"
  # Earlier ones; refused for the image of a cluster, which is right.
  docker image ls --format '{{.Repository}}:{{.Tag}}' "${IMAGE%:*}" | grep -vxF "$IMAGE" | xargs -r docker image rm || true
  rm -rf "$WORK"
}

need_packages mmdebstrap jq
mkdir -p "$CACHE/node-image"
step "Node image: Debian tree" debian_tree
step "Node image: kind's files" kind_files
step "Node image: programs" programs
step "Node image: network layer" network_layer
step "Node image: pack control-plane images" pack_images
step "Node image: unpack them into the node" preload
step "Node image: import into Docker" docker_image
