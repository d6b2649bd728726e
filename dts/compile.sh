#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
#
# compile.sh KERNEL SOURCE OUTPUT: compiles a device tree or an overlay against a kernel
# source, as the kernel does at W=1 (scripts/Makefile.dtbs), with symbols for overlays.
# Warnings go to standard error. Needs dtc and a C preprocessor, $CPP or cpp.
set -eu

kernel=$1 source=$2 output=$3

"${CPP:-cpp}" -nostdinc -undef -D__DTS__ -x assembler-with-cpp \
	-I "$kernel/include" -I "$kernel/scripts/dtc/include-prefixes" \
	-I "$kernel/arch/arm64/boot/dts/rockchip" -o "$output.dts" "$source"
dtc -@ -I dts -O dtb -b 0 \
	-Wno-unique_unit_address -Wunique_unit_address_if_enabled -o "$output" "$output.dts"
rm "$output.dts"
