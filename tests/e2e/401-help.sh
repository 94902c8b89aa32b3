#!/bin/bash
# SPDX-License-Identifier: MIT
# Help explains every verb, and teaches by example.
. "$(dirname "$0")/lib.sh"

verbs=$(treadle help | sed -n 's/^  \([a-z]*\) .*/\1/p')
like 'the overview names the verbs' "$verbs" 'submit.*status.*dead.*version'

for verb in $verbs; do
	text=$(treadle help "$verb")
	is "$verb --help says the same" "$(treadle "$verb" --help)" "$text"
	examples=$(sed '1,/^examples:/d' <<<"$text" | grep -c '^  ')
	like "help $verb: synopsis, paragraph, two examples" \
		"$(head -n 1 <<<"$text")$examples" "^treadle $verb - .*[2-9]\$"
	is "help $verb fits 80 columns" \
		"$(grep -vE '^(usage|  )' <<<"$text" | awk 'length > 80')" ''
done

for topic in options steps failures codes; do
	ok "help $topic" treadle help "$topic"
done
like 'steps lists every kind' "$(treadle help steps)" 'exec:.*http:.*pass:.*wait:'
like 'version' "$(treadle version)" '^treadle [0-9]+\.[0-9]+\.[0-9]+$'
like 'version --json' "$(treadle version --json | jq -r .version)" '^[0-9.]+$'
is '--version' "$(treadle --version)" "$(treadle version)"
done_testing
