#!/bin/bash
# SPDX-License-Identifier: MIT
# What tests of flows source besides lib.sh: steps that leave a line in the
# ledger when they begin, wait where their gate is shut, fail where they are
# broken, and leave another line when they end.

ledger=$TREADLE_TEST_TMP/ledger
mkdir "$ledger"

# LEDGER NAME [STATUS [WORD]]: what an act runs.
cat >"$TREADLE_TEST_TMP/act" <<'SH'
#!/bin/sh
echo "$TREADLE_IDEMPOTENCY_KEY $4" >>"$1/begun.$2.$TREADLE_RUN"
while [ -e "$1/shut.$2" ]; do sleep 0.02; done
[ ! -e "$1/broken.$2" ] || { echo "$2 is broken" >&2; exit 65; }
echo "$2" >>"$1/ended.$TREADLE_RUN"
echo "did $2${4:+ with $4}"
exit "${3:-0}"
SH
chmod +x "$TREADLE_TEST_TMP/act"

# act NAME [STATUS [WORD]]: the step, as YAML; it exits with STATUS at its end.
act() {
	printf 'exec: {command: ["%s/act", "%s", "%s", "%s", "%s"]}' \
		"$TREADLE_TEST_TMP" "$ledger" "$1" "${2:-0}" "${3:-}"
}
shut_gate() { : >"$ledger/shut.$1"; }
open_gate() { rm "$ledger/shut.$1"; }
break_act() { : >"$ledger/broken.$1"; }
mend_act() { rm "$ledger/broken.$1"; }

# Of an act of RUN, $run if it is not given, '*' for any: its lines, each a key
# and the word; how many there are; how many keys.
begun() { cat "$ledger/begun.$1".${2:-$run} 2>/dev/null; } # NAME [RUN]
lines() { begun "$@" | grep -c .; }
keys() { begun "$@" | cut -d ' ' -f 1 | sort -u | grep -c .; }
until_begun() { # NAME [TIMES [RUN]]
	wait_until "[ \$(lines '$1' '${3:-$run}') -ge ${2:-1} ]"
}
# What has ended in $run, in order.
ended() { tr '\n' ' ' <"$ledger/ended.$run"; }
