#!/bin/bash
# SPDX-License-Identifier: MIT
# validate says of each file whether it can run, and if not, where and why.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"

is 'a good one' "$(treadle validate "$one")" "$one: ok, 1 step"
is 'from standard input' "$(treadle validate - <"$one")" \
	'standard input: ok, 1 step'
cat >"$files/out.yaml" <<'END'
name: out
steps: {a: {pass: {}}, b: {pass: {}}}
output: {}
END
is 'an output is not a step' "$(treadle validate "$files/out.yaml")" \
	"$files/out.yaml: ok, 2 steps"
is 'nor is it as JSON' \
	"$(treadle validate --json "$files/out.yaml" | jq .steps)" 2
is 'as JSON' "$(treadle validate --json "$one" | jq -c '[.ok,.workflow,.steps]')" \
	'[true,"one",1]'

cat >"$files/bad.yaml" <<'END'
name: bad
steps:
  ship:
    needs: [pack]
    pass: {}
END
refused 'a need that does not exist, with file and line' 3 \
	'bad.yaml:[34]: .*ship.*pack' treadle validate "$files/bad.yaml"
is 'a bad one does not hide the others' \
	"$(treadle validate "$files/bad.yaml" "$one" 2>/dev/null)" \
	"$one: ok, 1 step"
is 'as JSON a bad one is an object too' \
	"$(treadle validate --json "$files/bad.yaml" | jq .ok)" false

refused 'a file that is not there' 4 'No such file' \
	treadle validate "$files/none.yaml"
refused 'a folder' 3 'is a folder' treadle validate "$files"
refused 'a name that is not there' 4 'config/workflows' treadle validate none
ok 'a name that is' treadle validate ask

yaml() { printf '%b' "$2" >"$files/$1.yaml"; }
head='name: a\nsteps:\n  b:\n'
yaml alias "${head}    pass: {value: &x 1}\n  c:\n    pass: {value: *x}\n"
refused 'aliases' 3 'alias.yaml:4' treadle validate "$files/alias.yaml"
yaml twice "${head}    pass: {}\n    pass: {}\n"
refused 'duplicate keys' 3 'twice.yaml:5' treadle validate "$files/twice.yaml"
yaml nul "${head}    pass: {value: \"a\\0b\"}\n"
refused 'NUL bytes' 3 'nul.yaml' treadle validate "$files/nul.yaml"
head -c 4096 /dev/urandom >"$files/binary.yaml"
refused 'binary bytes' 3 'binary.yaml' treadle validate "$files/binary.yaml"
printf "${head}    pass: {value: %s}\n" \
	"$(printf '[%.0s' {1..100})$(printf ']%.0s' {1..100})" \
	>"$files/deep.yaml"
refused 'deep nesting' 3 'deep.yaml:4' treadle validate "$files/deep.yaml"
yaml brace 'name: "a{b}"\nsteps: {c: {pass: {}}}\n'
refused 'names with braces' 3 'brace.yaml:1' treadle validate \
	"$files/brace.yaml"
yaml slash 'name: a\nsteps: {"c/d": {pass: {}}}\n'
refused 'names with slashes' 3 'slash.yaml:2' treadle validate \
	"$files/slash.yaml"
yaml cut "${head}    pass: {value: \"open\n"
refused 'malformed YAML' 3 'cut.yaml' treadle validate "$files/cut.yaml"
head -c 2000000 /dev/zero | tr '\0' '#' >"$files/large.yaml"
refused 'too large' 3 'larger than' treadle validate "$files/large.yaml"
done_testing
