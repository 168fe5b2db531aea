#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs test suites: tests/run.sh SUITE... [-- FILTER]; `all` is everything that `make check` means.
# A test is a program or script: exit 0 passes, 77 skips (its last line says why; in CI a skip is a failure), anything else fails.
# Environment: O (build folder), CI, KEEP_GOING=0 stops at the first failure, TEST_TIMEOUT (seconds for one test), JOBS (processors to fill),
# TEST_TIMES=FILE: for each test a line is added, `NAME SECONDS SECONDS-OF-A-PROCESSOR`; tests/seconds has such lines of the long ones.
set -u
cd "$(dirname "$0")/.." || exit 2
# The system's own programs come first: the wrappers that language version managers put in front of python3 take longer than what the tests do with it.
export O=${O:-$PWD/build} LC_ALL=C.UTF-8 TOP=$PWD PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export RESCUE=$O/rescue
mkdir -p "$O"
PROCESSORS=${JOBS:-$(nproc)}
passed=0 failed=0 skipped=0 started=0 running=0 busy=0 filter=
weight=()
suites=()
while [ $# -gt 0 ]; do
	case $1 in
	--) filter=${2:-}; break ;;
	*) suites+=("$1"); shift ;;
	esac
done
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# job NAME TIMEOUT SHARE COMMAND...: a test for later (run_jobs). What was asked for is one queue: tests of different suites run beside each other.
# SHARE: how much of a processor it takes, in per cent (the rest of the time it waits), or `alone`: nothing runs beside it.
job() {
	wanted "$1" || return 0
	printf '%s\t%s\t%d\t%s\n' "$1" "$3" "${TEST_TIMEOUT:-$2}" "$(printf '%q ' "${@:4}")" >>"$log/jobs"
}

# run_test ID NAME TIMEOUT COMMAND: runs one test; its result and output go to files of its own
run_test() {
	local id=$1 name=$2 limit=$3 command=$4 t0=$SECONDS rc TIMEFORMAT='%U %S'
	{ time eval "timeout -k 20 $limit $command" >"$log/$id.out" 2>&1 </dev/null; } 2>"$log/$id.cpu"
	rc=$?
	printf '%s %d %d %d\n' "$name" $((SECONDS - t0)) "$(awk '{ print int($1 + $2 + 0.5) }' "$log/$id.cpu")" $rc >"$log/$id.part"
	mv "$log/$id.part" "$log/$id.result"
}

# report ID: counts and shows one finished test; what a failed one said comes at the end
report() {
	local name seconds cpu rc
	read -r name seconds cpu rc <"$log/$1.result"
	case $rc in
	0) passed=$((passed + 1)); printf 'PASS %s (%d s)\n' "$name" "$seconds" ;;
	77) skipped=$((skipped + 1)); printf 'SKIP %s: %s\n' "$name" "$(tail -n 1 "$log/$1.out")"
		[ -z "${CI:-}" ] || failed=$((failed + 1)) ;;
	*) failed=$((failed + 1)); printf 'FAIL %s (%d s, exit code %d)\n' "$name" "$seconds" "$rc"
		{ printf '%s, exit code %d:\n' "$name" "$rc"; tail -n 60 "$log/$1.out" | sed 's/^/    | /'; } >>"$log/failures" ;;
	esac
	[ -z "${TEST_TIMES:-}" ] || echo "$name $seconds $cpu" >>"$TEST_TIMES"
	rm -f "$log/$1".*
	[ "$rc" = 0 ] || [ "$rc" = 77 ] || [ "${KEEP_GOING:-1}" = 1 ] || finish
}

finished() {
	local f id
	for f in "$log"/*.result; do
		[ -e "$f" ] || continue
		id=$(basename "$f" .result)
		busy=$((busy - ${weight[id]})) running=$((running - 1))
		report "$id"
	done
}

# planned: the queue on standard input, the long tests in front so that none of them ends alone; tests/seconds says how long they took (those that it
# does not name are short). What must be alone comes last.
planned() {
	awk -F'\t' -v all=$((PROCESSORS * 100)) '
		known { split($0, w, " "); took[w[1]] = w[2]; next }
		{ print ($2 == "alone") "\t" took[$1] + 0 "\t" ($2 == "alone" ? all : $2) "\t" $1 "\t" $3 "\t" $4 }' known=1 tests/seconds known=0 - |
		sort -s -t "$(printf '\t')" -k1,1n -k2,2nr | cut -f3-
}

# run_jobs: empties the queue: the first test that the processors have room for begins beside those that run
run_jobs() {
	local share name limit command queue i
	[ -e "$log/jobs" ] || return 0
	mapfile -t queue < <(planned <"$log/jobs")
	rm "$log/jobs"
	while [ ${#queue[@]} -gt 0 ] || [ $running -gt 0 ]; do
		for i in "${!queue[@]}"; do
			IFS=$'\t' read -r share name limit command <<<"${queue[i]}"
			[ $running = 0 ] || [ $((busy + share)) -le $((PROCESSORS * 110)) ] || continue
			unset "queue[i]"
			started=$((started + 1)) busy=$((busy + share)) running=$((running + 1))
			weight[started]=$share
			run_test $started "$name" "$limit" "$command" &
		done
		wait -n || [ $? != 127 ] || lost
		finished
	done
}

# lost: all children have ended, and not all of them left a result
lost() {
	finished
	[ $running = 0 ] || { echo "FAIL $running tests ended without a result"; failed=$((failed + running)); running=0; }
}

wanted() {
	[[ -z $filter || $1 == *$filter* ]]
}

finish() {
	wait
	[ ! -e "$log/failures" ] || cat "$log/failures"
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
		[[ -x $p && $p != *.d ]] || continue
		job "$1:$(basename "$p")" "$2" 100 "$p"
	done
}

corpora() { # corpora SUITE FOLDER
	local p n
	for p in "$2"/fuzz_*; do
		[[ -x $p && $p != *.d ]] || continue
		n=$(basename "$p")
		job "$1:$n" 300 100 "$p" "tests/fuzz/corpus/${n#fuzz_}"
	done
}

scripts() { # scripts SUITE TIMEOUT SHARE; a script with a line that begins with `# alone` runs alone
	local s share
	for s in tests/"$1"/*.sh; do
		[[ -e $s && $(basename "$s") != lib*.sh && $(basename "$s") != *_lib.sh ]] || continue
		share=$3
		! grep -q '^# alone' "$s" || share=alone
		job "$1:$(basename "$s" .sh)" "$2" "$share" bash "$s"
	done
}

valgrind_unit() {
	local p
	for p in "$O"/unit/test_*; do
		[[ -x $p && $p != *.d ]] || continue
		job "valgrind:$(basename "$p")" 900 100 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
			--trace-children=no --child-silent-after-fork=yes --suppressions=tests/valgrind.supp "$p"
	done
}

# `make check` starts every time from the same seed and the kept corpus, so that it finds what it found before; `make fuzz` explores
fuzzing() {
	local p n
	for p in "$O"/clang-fuzz/fuzz/fuzz_*; do
		[[ -x $p && $p != *.d ]] || continue
		n=$(basename "$p"); n=${n#fuzz_}
		mkdir -p "$O/corpus/$n"
		job "fuzz:$n" $((${FUZZ_SECONDS:-8} + 120)) 100 env -C "$O/corpus/$n" ASAN_OPTIONS=detect_leaks=1 "$p" -max_total_time="${FUZZ_SECONDS:-8}" -seed="${FUZZ_SEED:-1}" \
			-timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 -artifact_prefix="$O/corpus/crash-$n-" \
			"$O/corpus/$n" "$TOP/tests/fuzz/corpus/$n"
	done
}

suite() {
	case $1 in
	clang) build clang clang-build && job clang:no_warning 60 100 true ;;
	unit) build unit WERROR=1 all unit && programs unit 300 "$O/unit" ;;
	replay) build replay WERROR=1 replay && corpora replay "$O/replay" ;;
	asan) build asan asan-build && programs asan 600 "$O/asan/unit" && corpora asan-replay "$O/asan/replay" ;;
	valgrind) build unit all unit && valgrind_unit ;;
	fuzz) build fuzz fuzz-build && fuzzing ;;
	vm) build vm all helpers && scripts vm 900 100 ;;
	torture) PROCESSORS=1; build torture all helpers && scripts torture 14400 100 ;;
	docs) build docs all helpers && scripts docs 900 100 ;;
	cli | disk | crash | bacula) build "$1" all helpers && scripts "$1" 900 65 ;;
	all) for s in clang unit replay docs cli disk crash bacula vm asan valgrind fuzz; do suite $s; done ;;
	*) echo "tests/run.sh: unknown suite '$1'" >&2; exit 2 ;;
	esac
}

for s in "${suites[@]}"; do
	suite "$s"
done
run_jobs
finish
