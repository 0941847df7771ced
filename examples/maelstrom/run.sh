#!/usr/bin/env bash
# What Maelstrom is given as --bin: the node, on the Node.js that the workspace brings. Says nothing on stdout itself.
set -euo pipefail
here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)
node=$here/../../node_modules/.bin/node
if [ ! -x "$node" ]; then
  echo "there is no $node; run: npx -y pnpm@12 install" >&2
  exit 2
fi
exec "$node" "$here/src/main.ts" "$@"
