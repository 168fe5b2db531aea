#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs every benchmark, or those named: tests/bench/run.sh [NAME...]. Each prints figures and ratios of one run; none passes or fails.
set -u
cd "$(dirname "$0")/../.." || exit 2
export O=${O:-$PWD/build} TOP=$PWD LC_ALL=C.UTF-8
export RESCUE=$O/rescue
for b in tests/bench/*.sh; do
	name=$(basename "$b" .sh)
	[ "$name" != run ] || continue
	[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
	printf '\n== %s\n' "$name"
	bash "$b" || printf '%s: ended with exit code %d\n' "$name" $?
done
