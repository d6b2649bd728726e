#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Writes an image to a file in the given directories, with dd, bmaptool and m6, one after the other, several times, and
# prints the median seconds of each as a table. The targets hold old data and are as large as a card.
# Needs m6, bmaptool, zstd, dd. Usage: bench.sh IMAGE.raw.zst M6 DIRECTORY...
set -eu

image=$1 m6=$2
shift 2
runs=${RUNS:-5}
size=${SIZE:-4G}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# bmaptool reads a list of the blocks that are not holes; it is made once, when an image is published.
zstd -q -d --sparse -o "$work/raw" "$image"
bmaptool -q create -o "$work/bmap" "$work/raw"
rm "$work/raw"

with_dd() { zstd -dc "$image" | dd of="$1" bs=4M conv=fsync,notrunc status=none; }
with_bmaptool() { bmaptool -q copy --bmap "$work/bmap" "$image" "$1"; }
with_m6_alone() { "$m6" flash --yes --allow-stand-in --no-verify "$image" "$1" >/dev/null 2>&1; }
with_m6() { "$m6" flash --yes --allow-stand-in "$image" "$1" >/dev/null 2>&1; }

seconds() { # COMMAND TARGET
  begin=$(date +%s%N)
  "$@"
  end=$(date +%s%N)
  echo $(((end - begin) / 1000000))
}

median() { sort -n | sed -n "$(((runs + 1) / 2))p"; }

echo "| target | dd, fsync | bmaptool | m6, not verified | m6, verified |"
echo "|---|---|---|---|---|"
for dir; do
  target=$dir/card
  truncate -s "$size" "$target"
  for how in dd bmaptool m6_alone m6; do : >"$work/$how"; done
  n=0
  # In turns, so that what else the machine does falls on all alike.
  while [ $n -lt "$runs" ]; do
    for how in dd bmaptool m6_alone m6; do
      sync
      seconds with_$how "$target" >>"$work/$how"
    done
    n=$((n + 1))
  done
  rm "$target"
  printf '| %s |' "$dir"
  for how in dd bmaptool m6_alone m6; do
    printf ' %s s |' "$(median <"$work/$how" | awk '{ printf "%.2f", $1 / 1000 }')"
  done
  echo
done
