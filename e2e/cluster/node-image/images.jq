# The names that kubeadm wants, one a line, to the description that mkimage reads.
{layers: {k8s: "\($work)/k8s", net: "\($work)/net", dns: "\($work)/small/dns", pause: "\($work)/small/pause"},
 images: ([inputs | {tags: [.]} + (
     if test("/coredns:") then {layers: ["dns"], entrypoint: ["/coredns"]}
     elif test("/pause:") then {tags: ([., $sandbox] | unique), layers: ["pause"], entrypoint: ["/pause"], user: "65535:65535"}
     elif test("/kube-proxy:") then {layers: ["k8s", "net"]}
     else {layers: ["k8s"]} end
   | .cmd = (.cmd // [.tags[0]]))]
 + [{tags: ["localhost/nodenet:v1"], layers: ["k8s", "net"], entrypoint: ["nodenet"]}])}
