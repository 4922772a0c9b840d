#!/bin/sh
# Builds every fuzz target and runs all of them side by side, each from its kept
# corpus for SECONDS.  What they find on the way goes to the build directory.
# Prints a line a target, "fuzz: NAME passed ..." or "fuzz: NAME failed ...",
# and ends with an error if any failed.
#
#   fuzz/run.sh [SECONDS [TARGET...]]
#
# What is worth keeping of what was found:
#   build-fuzz/fuzz/fuzz-TARGET -merge=1 -use_counters=0 \
#       fuzz/corpus/TARGET build-fuzz/corpus/TARGET
set -eu

cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
build=${FUZZ_BUILD:-build-fuzz}

if [ ! -e "$build/build.ninja" ]; then
	CC=clang meson setup "$build" -Dfuzz=true -Db_lundef=false \
		-Ddefault_library=static >/dev/null
fi
targets=${*:-$(cd fuzz && ls fuzz_*.c | sed 's/^fuzz_\(.*\)\.c$/\1/')}
binaries=
for target in $targets; do
	binaries="$binaries fuzz/fuzz-$target"
done
# shellcheck disable=SC2086
ninja -C "$build" $binaries >"$build/ninja.log" 2>&1 || {
	tail -n 40 "$build/ninja.log" >&2
	exit 1
}

for target in $targets; do
	mkdir -p "$build/corpus/$target" "fuzz/corpus/$target"
	rm -f "$build/fuzz-$target.exit"
	(
		"$build/fuzz/fuzz-$target" -max_total_time="$seconds" -timeout=20 \
			-max_len=4096 -artifact_prefix="$build/crash-$target-" \
			"$build/corpus/$target" "fuzz/corpus/$target" \
			>"$build/fuzz-$target.log" 2>&1 && status=0 || status=$?
		echo "$status" >"$build/fuzz-$target.exit"
	) &
done
wait

failed=0
for target in $targets; do
	if [ "$(cat "$build/fuzz-$target.exit")" = 0 ]; then
		echo "fuzz: $target passed: $(tail -n 1 "$build/fuzz-$target.log")"
	else
		tail -n 40 "$build/fuzz-$target.log" >&2
		echo "fuzz: $target failed: see $build/crash-$target-*"
		failed=1
	fi
done
exit $failed
