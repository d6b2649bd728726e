#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
#
# check.sh KERNEL OUT BOARD: the board's device trees and overlays, those whose names
# begin with BOARD, against a kernel source.
#
# Compiles them as the kernel does at W=1, applies each overlay, and validates the
# results against the kernel's bindings. Whatever a tool says is a failure. The trees
# are left in OUT. Needs cpp, dtc, fdtoverlay, patch and dt-schema.
set -eu

kernel=$1 out=$2 board=$3
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$out"
cd "$out"

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# quietly COMMAND…: fails when the command does, or when it says anything.
quietly() {
	"$@" >said 2>&1 || fail "$1 failed: $* $(cat said)"
	[ ! -s said ] || fail "$1 complains: $* $(cat said)"
}

for source in "$here/$board"-*.dtso; do
	[ -e "$source" ] || continue
	quietly sh "$here/compile.sh" "$kernel" "$source" "$(basename "$source" .dtso).dtbo"
done

trees=
for source in "$here/$board"*.dts; do
	tree=$(basename "$source" .dts)
	quietly sh "$here/compile.sh" "$kernel" "$source" "$tree.dtb"
	trees="$trees $tree.dtb"

	for overlay in "$board"-*.dtbo; do
		[ -e "$overlay" ] || continue # a board without overlays
		result=$tree+${overlay%.dtbo}.dtb
		if [ "$overlay" = "$board-display.dtbo" ] &&
			! grep -q hdmi@fde80000 "$kernel/arch/arm64/boot/dts/rockchip/rk3588-base.dtsi"; then
			! fdtoverlay -i "$tree.dtb" -o "$result" "$overlay" 2>/dev/null ||
				fail "$overlay applies to a kernel without HDMI"
			continue
		fi
		quietly fdtoverlay -i "$tree.dtb" -o "$result" "$overlay"
		trees="$trees $result"
	done
done

# The kernel's bindings, with ours in place of the list of boards. dt-schema 2025.08
# ends with a KeyError where it would print that two bindings give one property
# different types (check_duplicate_property_types); none of those it names is ours.
bindings=$kernel/Documentation/devicetree/bindings
mkdir -p arm
cp "$bindings/arm/rockchip.yaml" arm/
chmod u+w arm/rockchip.yaml
# A newer kernel has the board already, in a place of its own.
if [ -e "$here/bindings.patch" ]; then
	added=$(sed -n 's/^+ *- const: \(.*,.*\)/\1/p' "$here/bindings.patch" | head -n 1)
	grep -qw "$added" arm/rockchip.yaml || quietly patch -s -p1 -i "$here/bindings.patch"
fi
left_out=/arm/rockchip.yaml
while :; do
	{
		find "$bindings" -name '*.yaml' ! -name 'processed-schema*' | grep -vF "$left_out"
		echo arm/rockchip.yaml
	} >files
	dt-mk-schema -j @files >schema.json 2>said && break
	culprit=$(sed -n "s|^KeyError: 'http://devicetree.org/schemas\(/.*\)#'|\1|p" said)
	case $culprit in
	"" | *rockchip* | *rk3* | *rk8*) fail "dt-mk-schema failed: $(cat said)" ;;
	esac
	left_out="$left_out
$culprit"
done

# shellcheck disable=SC2086 # one argument a tree
quietly dt-validate -s schema.json $trees
rm -rf arm files schema.json said
