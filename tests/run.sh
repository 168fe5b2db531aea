#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs test suites: tests/run.sh SUITE... [-- FILTER]; `all` is everything that `make check` means.
# A test is a program or script: exit 0 passes, 77 skips (its last line says why; in CI a skip is a failure), anything else fails.
# Environment: O (build folder), CI, KEEP_GOING=0 stops at the first failure, TEST_TIMEOUT (seconds for one test).
set -u
cd "$(dirname "$0")/.." || exit 2
export O=${O:-$PWD/build} LC_ALL=C.UTF-8 TOP=$PWD
export RESCUE=$O/rescue
mkdir -p "$O"
passed=0 failed=0 skipped=0 started=0 filter=
suites=()
while [ $# -gt 0 ]; do
	case $1 in
	--) filter=${2:-}; break ;;
	*) suites+=("$1"); shift ;;
	esac
done
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# run_test NAME TIMEOUT COMMAND...: runs one test; its result and output go to files of its own
run_test() {
	local name=$1 limit=${TEST_TIMEOUT:-$2} t0=$SECONDS out=$log/$3 rc
	shift 3
	timeout -k 20 "$limit" "$@" >"$out.out" 2>&1 </dev/null
	rc=$?
	printf '%s %d %d\n' "$name" $((SECONDS - t0)) $rc >"$out.part"
	mv "$out.part" "$out.result"
}

# report ID: counts and shows one finished test
report() {
	local name seconds rc
	read -r name seconds rc <"$log/$1.result"
	case $rc in
	0) passed=$((passed + 1)); printf 'PASS %s (%d s)\n' "$name" "$seconds" ;;
	77) skipped=$((skipped + 1)); printf 'SKIP %s: %s\n' "$name" "$(tail -n 1 "$log/$1.out")"
		[ -z "${CI:-}" ] || failed=$((failed + 1)) ;;
	*) failed=$((failed + 1)); printf 'FAIL %s (%d s, exit code %d)\n' "$name" "$seconds" "$rc"
		tail -n 60 "$log/$1.out" | sed 's/^/    | /' ;;
	esac
	rm -f "$log/$1".*
	[ "$rc" = 0 ] || [ "$rc" = 77 ] || [ "${KEEP_GOING:-1}" = 1 ] || finish
}

# one NAME TIMEOUT COMMAND...: a test that runs alone
one() {
	wanted "$1" || return 0
	run_test "$1" "$2" 0 "${@:3}"
	report 0
}

# par NAME TIMEOUT COMMAND...: a test that may run beside others, as many as there are processors; `drain` waits for them
par() {
	wanted "$1" || return 0
	while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
	started=$((started + 1))
	run_test "$1" "$2" $started "${@:3}" &
}

# beside NAME TIMEOUT COMMAND...: like par, for tests that take a minute: two at a time, and what ended is told at once
beside() {
	wanted "$1" || return 0
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
	finished
	started=$((started + 1))
	run_test "$1" "$2" $started "${@:3}" &
}

finished() {
	local i
	for ((i = 1; i <= started; i++)); do [ ! -e "$log/$i.result" ] || report $i; done
}

drain() {
	wait
	finished
	started=0
}

wanted() {
	[[ -z $filter || $1 == *$filter* ]]
}

finish() {
	wait
	[ $skipped = 0 ] || echo "$skipped skipped"
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
	exit
}

# build WHAT ARGS...: a build that fails is a failed test
build() {
	local name=$1
	shift
	make -j"$(nproc)" "$@" >"$log/out" 2>&1 && return 0
	failed=$((failed + 1))
	echo "FAIL build:$name"
	tail -n 40 "$log/out" | sed 's/^/    | /'
	return 1
}

programs() { # programs SUITE TIMEOUT FOLDER
	local p
	for p in "$3"/test_*; do
		[[ -x $p && $p != *.d ]] && par "$1:$(basename "$p")" "$2" "$p"
	done
	drain
}

corpora() { # corpora SUITE FOLDER
	local p n
	for p in "$2"/fuzz_*; do
		[[ -x $p && $p != *.d ]] || continue
		n=$(basename "$p")
		par "$1:$n" 300 "$p" "tests/fuzz/corpus/${n#fuzz_}"
	done
	drain
}

scripts() { # scripts SUITE TIMEOUT
	local s
	for s in tests/"$1"/*.sh; do
		[[ -e $s && $(basename "$s") != lib*.sh && $(basename "$s") != *_lib.sh ]] || continue
		one "$1:$(basename "$s" .sh)" "$2" bash "$s"
	done
}

# machines TIMEOUT: the vm suite, two scripts beside each other; the long ones begin, so that none of them ends alone
LONGEST="boot_filesystem_loss boot_luks_loss image_media boot_lvm_loss boot_entries boot_nvram boot_bios_reset image_plans image_netboot image_usb image_network stacked"
machines() {
	local s
	for s in $LONGEST $(for s in tests/vm/*.sh; do basename "$s" .sh; done | grep -vxE "lib|.*_lib|${LONGEST// /|}"); do
		beside "vm:$s" "$1" bash "tests/vm/$s.sh"
	done
	drain
}

valgrind_unit() {
	local p
	for p in "$O"/unit/test_*; do
		[[ -x $p && $p != *.d ]] || continue
		par "valgrind:$(basename "$p")" 900 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
			--trace-children=no --child-silent-after-fork=yes --suppressions=tests/valgrind.supp "$p"
	done
	drain
}

# `make check` starts every time from the same seed and the kept corpus, so that it finds what it found before; `make fuzz` explores
fuzzing() {
	local p n
	for p in "$O"/clang-fuzz/fuzz/fuzz_*; do
		[[ -x $p && $p != *.d ]] || continue
		n=$(basename "$p"); n=${n#fuzz_}
		mkdir -p "$O/corpus/$n"
		par "fuzz:$n" $((${FUZZ_SECONDS:-8} + 120)) env -C "$O/corpus/$n" ASAN_OPTIONS=detect_leaks=1 "$p" -max_total_time="${FUZZ_SECONDS:-8}" -seed="${FUZZ_SEED:-1}" \
			-timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 -artifact_prefix="$O/corpus/crash-$n-" \
			"$O/corpus/$n" "$TOP/tests/fuzz/corpus/$n"
	done
	drain
}

suite() {
	case $1 in
	clang) build clang clang-build && one clang:no_warning 60 true ;;
	unit) build unit WERROR=1 all unit && programs unit 300 "$O/unit" ;;
	replay) build replay WERROR=1 replay && corpora replay "$O/replay" ;;
	asan) build asan asan-build && programs asan 600 "$O/asan/unit" && corpora asan-replay "$O/asan/replay" ;;
	valgrind) build unit all unit && valgrind_unit ;;
	fuzz) build fuzz fuzz-build && fuzzing ;;
	vm) build vm all helpers && machines 900 ;;
	torture) build torture all helpers && scripts torture 14400 ;;
	docs | cli | disk | crash | bacula) build "$1" all helpers && scripts "$1" 900 ;;
	all) for s in clang unit replay docs cli disk crash bacula vm asan valgrind fuzz; do suite $s; done ;;
	*) echo "tests/run.sh: unknown suite '$1'" >&2; exit 2 ;;
	esac
}

for s in "${suites[@]}"; do
	suite "$s"
done
finish
