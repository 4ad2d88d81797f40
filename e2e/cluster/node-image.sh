#!/usr/bin/env bash
# Says which node image to use, after making sure that it is there: $NODE_IMAGE if set, the stock image if it is local or
# can be pulled within 20 s, else one built from Debian packages and Go modules. The name goes to standard output, all
# else to standard error.
. "$(dirname "$0")/lib.sh"
exec 3>&1 >&2

NODE_KEY=$(cd "$HERE" && { echo "$PROGRAMS_KEY"; find node-image -type f -print0 | sort -z | xargs -0 sha256sum; } |
  sha256sum | cut -c1-12)
BUILT=localhost/longshore/node:$K8S_VERSION-$NODE_KEY
local_image() { docker image inspect "$1" > /dev/null 2>&1; }

if [ -n "${NODE_IMAGE:-}" ]; then
  local_image "$NODE_IMAGE" || step "Pull $NODE_IMAGE" docker pull "$NODE_IMAGE"
  echo "$NODE_IMAGE" >&3; exit
fi
for image in "$STOCK_NODE_IMAGE" "$BUILT"; do
  if local_image "$image"; then echo "$image" >&3; exit; fi
done
pull() { timeout 20 docker pull "$STOCK_NODE_IMAGE" || echo "no stock image within 20 s"; }
step "Try to pull $STOCK_NODE_IMAGE (at most 20 s)" pull
if local_image "$STOCK_NODE_IMAGE"; then echo "$STOCK_NODE_IMAGE" >&3; exit; fi
may_be_root
locked node-image "$HERE/node-image/build.sh" "$BUILT"
echo "$BUILT" >&3
