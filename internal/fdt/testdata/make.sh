#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Makes the binary trees beside it, with dtc and fdtoverlay 1.7.2: first.dtb, second.dtb and phandle.dtb are what the
# reference implementation makes of base.dtb.
set -eu
cd "$(dirname "$0")"

dtc -q -@ -I dts -O dtb -o base.dtb base.dts
dtc -q -I dts -O dtb -o plain.dtb base.dts

for overlay in first second phandle missing; do
	dtc -q -@ -I dts -O dtb -o "$overlay.dtbo" "$overlay.dtso"
done

fdtoverlay -i base.dtb -o first.dtb first.dtbo
fdtoverlay -i base.dtb -o second.dtb first.dtbo second.dtbo
fdtoverlay -i base.dtb -o phandle.dtb phandle.dtbo
