#!/bin/bash
# SPDX-License-Identifier: MIT
# An input that is not acceptable is refused with its place, and no run begins.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis

from() { # TEXT: submits with it as the input
	printf '%b' "$1" >"$files/input.json"
	treadle submit "$one" --input "$files/input.json"
}
refused 'malformed JSON' 3 'input.json: line 2, column' from '{"n":\n]}'
refused 'the wrong type' 3 'input.n: .*integer' from '{"n":"x"}'
refused 'too long' 3 'input.who' from '{"who":"aaaaaaaaaaaaaaaaaaaaaaaaaaa"}'
refused 'not an object' 3 'input: ' from '[1]'
refused 'an empty file' 3 'input.json: line 1' from ''
refused 'trailing bytes' 3 'input.json: line 1' from '{} {}'
refused 'a duplicate key' 3 'input.json: line 1' from '{"n":1,"n":2}'
refused 'a NUL byte' 3 'input.json: line 1' from '{"n":1\0}'
refused 'invalid UTF-8' 3 'input.json: line 1' from '{"who":"\xff"}'
refused 'a number that is none' 3 'input.json: line 1' from '{"n":NaN}'
printf '%s1%s' "$(printf '{"a":%.0s' {1..80})" "$(printf '}%.0s' {1..80})" \
	>"$files/deep.json"
refused 'deep nesting' 3 'deep.json: line 1.*deep' \
	treadle submit "$one" --input "$files/deep.json"
head -c 1100000 /dev/zero | tr '\0' ' ' >"$files/large.json"
refused 'too large' 3 'larger than 1024 KiB' \
	treadle submit "$one" --input "$files/large.json"
refused 'an input that is not there' 4 'No such file' \
	treadle submit "$one" --input "$files/none"

refused '-i of the wrong type' 3 'input.n' treadle submit "$one" -i n=x
refused '-i without =' 2 'KEY=VALUE' treadle submit "$one" -i n
refused '-i without a key' 2 'key is empty' treadle submit "$one" -i =1
refused '-i misspelt' 3 'whoo: .*did you mean who\?' \
	treadle submit "$one" -i whoo=x
refused '-i with binary bytes' 3 'UTF-8' treadle submit "$one" -i $'who=\xff'
refused 'a key with control bytes' 3 'control' \
	treadle submit "$one" --key $'a\nb'
refused 'an empty key' 3 'key has 1 to' treadle submit "$one" --key ''
is 'control bytes in what we show are escaped' \
	"$(treadle submit $'a\033[31m.yaml' 2>&1)" \
	'treadle: cannot open a\x1b[31m.yaml: No such file or directory'
is 'not one run began' "$(runs)" 0
done_testing
