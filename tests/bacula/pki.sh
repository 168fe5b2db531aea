#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Encrypted backups of the real File Daemon: with the key everything comes back, without it nothing pretends to.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
bac_need openssl
bac_lab
tree_full "$lab/src"
export BAC_PKI=1 BAC_OPTIONS="signature = SHA1; compression = GZIP; aclsupport = yes; xattrsupport = yes; sparse = yes"
bac_start
bac_run Full
bac_stop
python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m"
for key in fd.key master.key; do
	rm -rf "$lab/to"
	mkdir "$lab/to"
	"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --strip "$lab/src" --key "$lab/etc/$key" "$lab/vol"
	python3 "$top/tests/bacula/manifest.py" "$lab/to" >"$lab/got"
	diff "$lab/m" "$lab/got"
done
for key in "" other; do
	rm -rf "$lab/to" "$lab/state"
	mkdir "$lab/to"
	[ -z "$key" ] || openssl genrsa -out "$lab/other" 2048 2>/dev/null
	rc=0
	"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$lab/src" ${key:+--key "$lab/other"} "$lab/vol" >"$lab/out" 2>&1 || rc=$?
	[ $rc = 7 ]
	grep -q "$([ -n "$key" ] && echo 'encrypted for another key' || echo 'encrypted and no key was given')" "$lab/state/report.json"
	# only the files that were empty are there, none that had content
	[ "$(cd "$lab/to" && find . -type f | sort | tr "\n" " ")" = "./future ./old ./zero " ]
	[ -h "$lab/to/links/relative" ]
done
