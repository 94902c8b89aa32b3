#!/bin/bash
# SPDX-License-Identifier: MIT
# What is misspelt or misplaced is refused in one line that says what would do.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"

refused 'an unknown verb names the nearest' 2 'did you mean submit' \
	treadle sumbit "$one"
refused 'an unknown flag names the nearest' 2 'did you mean --json' \
	treadle list --jsn
refused 'also among the options of all' 2 'did you mean --redis-url' \
	treadle list --redis-ulr x
refused 'a flag of another verb is unknown' 2 'treadle help queues' \
	treadle queues --dry-run
refused 'a flag without its value' 2 '--key KEY' treadle submit "$one" --key
refused 'a switch with a value' 2 '--json takes no value' \
	treadle list --json=yes
refused 'a missing operand' 2 'treadle status RUN' treadle status
refused 'one too many' 2 '"b" is too much' treadle status abcd b
refused 'no verb at all' 2 'treadle help' treadle --json
refused 'a number that is none' 2 'from 1 to' treadle list --limit many
refused 'zero where it makes no sense' 2 'from 1 to' treadle list --limit 0
refused 'a duration that is none' 2 '90s' treadle list --older yesterday
refused 'a state that is none' 2 'did you mean failed' \
	treadle list --state fialed
refused 'a class that is none' 2 'help failures' treadle dead --class nice
refused 'an unknown subverb' 2 'did you mean retry' treadle dead rety
refused 'an option out of its range' 2 'batch' \
	treadle submit "$one" --producer-batch 100000
refused 'two flags that exclude each other' 2 'exclude each other' \
	treadle submit "$one" --bulk "$one" --wait
refused 'a flag that needs another' 2 'needs --bulk' \
	treadle submit "$one" --quiet
refused 'help on nothing that is' 2 'no help on nonsense' \
	treadle help nonsense

echo 'redis: {ulr: redis://localhost}' >"$files/bad.yaml"
refused 'an unknown key of the configuration' 3 'bad.yaml:1.*redis.url' \
	treadle list --config "$files/bad.yaml"
refused 'an unknown option in the environment' 3 'TREADLE_REDIS_URL' \
	env TREADLE_REDIS_ULR=x "$TREADLE_BUILD/treadle" list

treadle >/dev/null
is 'treadle alone shows help, but is no success' $? 2
ok 'help works with a bad configuration' \
	treadle --config "$files/bad.yaml" submit --help
like 'flags may stand before and behind, with = or without' \
	"$(treadle --redis-prefix=x status --explain abcd --redis-timeout 1s)" \
	'treadle_find 1 .x:\{0\}. abcd.*treadle_status 1 .x:\{0\}. RUN'
done_testing
