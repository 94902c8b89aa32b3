#!/bin/bash
# SPDX-License-Identifier: MIT
# What the tests of exhaustion source besides lib.sh: programs to which the
# system refuses memory, processes, descriptors or room to write (exhaust.c).
#
# A scenario is run once in peace, and what it wishes of each kind is counted.
# Then it is run again and again, and each time another wish is refused: that
# one alone, or that one and all that follow. EXHAUST_CASES says how many wishes
# of a kind are tried in each scenario, evenly spread over all, in both ways;
# `make exhaust` tries 500, which is nearly always every single one. Without it
# one is tried, in one of the ways. EXHAUST_ONLY is a regular expression: of the
# scenarios those with such a name.
#
# What may happen: the program goes on and does the whole of its work; or it
# ends with an exit code and a message; or it aborts and says why: we do for
# want of memory (include/treadle/base.h), libuv where it can not watch a
# descriptor, libgcrypt where it can not see how strict the system is; or a
# library waits for itself for ever, and the watchdog ends the program.

command -v cc >/dev/null || skip_all 'no compiler for what refuses'
refuser=$TREADLE_TEST_TMP/exhaust.so
cc -shared -fPIC -O2 -fno-stack-protector -o "$refuser" "$ROOT/tests/e2e/exhaust.c" ||
	skip_all 'what refuses does not compile here'
CASES=${EXHAUST_CASES:-1}
ways=('' +)
KINDS=(memory process file pipe socket watch full signal short)
counts=$TREADLE_TEST_TMP/counts
tried=0
declare -A known=() # of a kind, wishes that are not tried: know_beginning

# exhausted WISH: from here on to be put before a command, which then is
# refused that. The library of ASan must not insist to be the first.
exhausted() {
	local leaks=1

	# What libc itself leaves lying when it finds no memory is not ours.
	[ "${1%%:*}" != memory ] || leaks=0
	rm -f "$counts"
	EXHAUSTED=(env "EXHAUST=$1" "EXHAUST_COUNTS=$counts"
		"ASAN_OPTIONS=verify_asan_link_order=0:$ASAN_OPTIONS:detect_leaks=$leaks"
		"LD_PRELOAD=$refuser")
}

numbers() { od -An -v -tu8 -w88 "$counts" 2>/dev/null; }
refusals() { numbers | awk '{ print $(NF - 1) + 0 }'; }
deadlocks() { numbers | awk '{ print $NF + 0 }'; }

# wishes KIND: how many the last program had.
wishes() {
	local i
	for i in "${!KINDS[@]}"; do
		[ "${KINDS[i]}" != "$1" ] || numbers | awk "{ print \$($i + 1) }"
	done
}

is_chosen() { [[ $1 =~ ${EXHAUST_ONLY:-} ]]; } # NAME

# indices COUNT KNOWN: which of so many wishes are tried, of those behind the known
# ones, and STRIDE.
indices() {
	STRIDE=$((($1 - $2 + CASES - 1) / CASES))
	INDICES=()
	local k
	for ((k = $2 + 1 + tried * 7919 % STRIDE; k <= $1; k += STRIDE)); do
		INDICES+=("$k")
	done
}

# A program's end. What is wrong with it is said, one line for each.
judge() { # STATUS WISH SAID
	local status=$1 kind=${2%%:*} said=$3 report
	case $status in
	0) ;;
	134)
		if grep -q "^bug:" "$said"; then
			echo "$2: it calls it a bug: $(grep -m 1 "^bug:" "$said")"
		elif ! grep -q . "$said"; then
			echo "$2: it aborts and does not say why"
		elif grep -q "loop stood still" "$said" && [ "$(deadlocks)" = 0 ]; then
			echo "$2: its loop stands still"
		fi
		;;
	124 | 137) echo "$2: it hangs" ;;
	70) echo "$2: it calls it a bug: $(tail -n 1 "$said")" ;;
	*)
		if [ "$status" -gt 127 ]; then
			echo "$2: it is ended by signal $((status - 128))"
		elif ! grep -q . "$said"; then
			echo "$2: it exits with $status and says nothing"
		fi
		;;
	esac
	for report in "$reports".*; do
		[ -e "$report" ] || continue
		# The sanitizer's own want of memory, where a thread begins.
		if [ "$kind" = memory ] && grep -q 'CHECK failed' "$report"; then
			rm -f "$report"
			continue
		fi
		echo "$2: $(grep -m 1 -E 'ERROR|runtime error' "$report")"
		grep -m 6 '^ *#[0-9].* in ' "$report" | sed 's/^ */  /'
		rm -f "$report"
	done
}

# within SECONDS COMMAND: waits until it succeeds; fails if it does not.
within() {
	local end=$((SECONDS + $1 * PATIENCE + 1))
	until eval "$2" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		pause
	done
	return 0
}

# each_wish NAME KIND COUNT: calls `try KIND:N` and `try KIND:N+` for each wish
# that is to be tried; it writes what is wrong to descriptor 3. One result.
each_wish() {
	local k rest from=${known[$2]:-0} file=$TREADLE_TEST_TMP/complaints
	[ "$3" -gt "$from" ] || return 0
	indices "$3" "$from"
	: >"$file"
	for k in "${INDICES[@]}"; do
		for rest in "${ways[@]}"; do
			[ -n "${EXHAUST_CASES:-}" ] ||
				rest=${ways[tried % 2]}
			try "$2:$k$rest" 3>>"$file"
			tried=$((tried + 1))
			[ -n "${EXHAUST_CASES:-}" ] || break
		done
	done
	[ ! -s "$file" ]
	result $? "$1, $2: ${#INDICES[@]} of $3 wishes (from $((from + 1)), stride $STRIDE)" ||
		explain "$(head -n 60 "$file")"
}

# each_kind NAME: the same for each kind that the last program has wished.
each_kind() {
	local kind
	local -A all=()
	for kind in "${KINDS[@]}"; do
		all[$kind]=$(wishes "$kind")
	done
	for kind in "${KINDS[@]}"; do
		each_wish "$1" "$kind" "${all[$kind]}"
	done
}
