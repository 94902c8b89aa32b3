#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# goal: the house stays in order (what is checked, and why: docs/STYLE.md)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work
count=0 failed=0

# The check holds if its command prints nothing.
check() {
	local name=$1 complaints
	shift
	complaints=$("$@" 2>&1)
	count=$((count + 1))
	if [ -z "$complaints" ]; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		head -n 60 <<<"$complaints" | sed 's/^/# /'
		failed=1
	fi
}

files() {
	find . -name .git -prune -o -path ./build -prune -o -type f \
		\( "$@" \) -print | sed 's|^\./||' | sort
}

files -name '*.c' >"$work/c"
files -name '*.h' >"$work/h"
files -name '*.lua' >"$work/lua"
files -name '*.c' -o -name '*.h' -o -name '*.def' >"$work/code"
files -name '*.c' -o -name '*.h' -o -name '*.def' -o -name '*.lua' \
	-o -name '*.sh' -o -name '*.yaml' -o -name '*.md' -o -name Makefile \
	>"$work/text"

# --- code without comments and without what is in quotes ---------------------

strip() {
	awk '
	FNR == 1 { in_comment = 0 }
	{
		out = ""
		quote = ""
		for (i = 1; i <= length($0); i++) {
			c = substr($0, i, 1)
			pair = substr($0, i, 2)
			if (in_comment) {
				if (pair == "*/") { in_comment = 0; i++ }
			} else if (quote) {
				if (c == "\\") i++
				else if (c == quote) { quote = ""; out = out c }
			} else if (pair == "/*") {
				in_comment = 1
				i++
			} else {
				if (c == "\"" || c == "\047") quote = c
				out = out c
			}
		}
		print FILENAME ":" FNR ":" out
	}' "$@"
}
mapfile -t code <"$work/code"
strip "${code[@]}" >"$work/stripped"

in_code() {
	grep -E -- "$1" "$work/stripped" || true
}

# --- lengths -------------------------------------------------------------------

file_lengths() {
	while read -r file; do
		case $file in
		*.c) max=500 ;;
		*.h) max=150 ;;
		*.lua) max=300 ;;
		esac
		lines=$(wc -l <"$file")
		[ "$lines" -le "$max" ] || echo "$file: $lines lines (of $max)"
	done < <(cat "$work/c" "$work/h" "$work/lua")
}

# A function is what stands between a { and a } in the first column. Before
# it: its head, from the last empty line, directive or end of something on.
# Neither the error nor what a callback is given back counts as a parameter;
# what a library calls (on_...) has the parameters that the library wants, and
# store_... those of the Redis Function.
functions() {
	awk -F: '
	{
		file = $1
		line = $0
		sub(/^[^:]*:[^:]*:/, "", line)
	}
	line == "{" { start = $2; signature = head; next }
	line == "}" && start {
		name = signature
		sub(/\(.*/, "", name)
		sub(/.*[ *]/, "", name)
		if ($2 - start > 60)
			print file ":" start ": " name ": " $2 - start " lines"
		parameters = signature
		sub(/^[^(]*\(/, "", parameters)
		sub(/,[ \t]*struct error \*err/, "", parameters)
		sub(/,[ \t]*void \*arg/, "", parameters)
		depth = 0
		commas = 0
		for (i = 1; i <= length(parameters); i++) {
			c = substr(parameters, i, 1)
			depth += (c == "(") - (c == ")")
			commas += (c == "," && !depth)
		}
		if (commas >= 5 && name !~ /^(on|store)_/)
			print file ":" start ": " name ": " commas + 1 \
				" parameters"
		start = 0
		head = ""
		next
	}
	start && line ~ /^\t\t\t\t+(if|for|while|switch|do)( |$)/ {
		print file ":" $2 ": nested more than three levels deep"
	}
	line ~ /^(#|$)/ || line ~ /[;}]$/ { head = ""; next }
	!start { head = head " " line }
	' "$work/stripped"
}

# --- doors and floors ----------------------------------------------------------

# Who includes what he should not: a header, and the only files that may.
door() {
	grep -nE "#include <$1" $(cat "$work/c" "$work/h") |
		grep -vE "^($2):" || true
}

doors() {
	door 'hiredis/' 'common/resp\.c|tests/helpers/fault/link\.c'
	door 'msgpack' 'common/msgpack\.c'
	door 'yaml\.h' 'common/yaml\.c'
	door 'gcrypt' 'common/crypto\.c|tests/helpers/s3_signature\.h'
	door 'curl/' 'common/http[a-z_]*\.[ch]'
	door 'microhttpd' 'coordinator/http\.c'
	door 'jq\.h' 'common/expression\.c'
}

# "..." is a header of treadle/ or of one's own program, whose folder may hold
# one more; only tests look inside.
own_headers() {
	grep -nE '#include "' $(grep -vE '^(tests|bench)/' "$work/code") |
		while IFS=: read -r file line text; do
			header=${text#*\"} header=${header%\"*}
			case $header in
			treadle/* | library.inc) ;;
			../*/* | */*/*) echo "$file:$line: $header is far off" ;;
			../*) [[ $file == */*/* ]] ||
				echo "$file:$line: $header is another program's" ;;
			*/*) [ -e "${file%/*}/$header" ] ||
				echo "$file:$line: $header is of another folder" ;;
			*) [ -f "${file%/*}/$header" ] ||
				echo "$file:$line: $header is not of this folder" ;;
			esac
		done
}

# A loop is made in one place, and closed with nothing left on it. Tests look
# themselves at what uv_loop_close() says; benches end in the midst of it all.
loops() {
	in_code '\buv_loop_(init|close)\(' |
		grep -vE '^(common/loop|tests/.*|bench/.*)\.[ch]:'
	grep -lE '\b(uv_)?loop_init\(' $(cat "$work/c" "$work/h" |
		grep -v '^bench/') |
		xargs grep -LE '\b(uv_)?loop_close\(' |
		sed 's/$/: its loop stays open/'
}

# Inside of common a file includes what is on its own floor or below.
floors() {
	awk '
	BEGIN {
		split("base:0 arena:1 text:1 url:1 clock:1 loop:1 value:2 json:2 " \
			"msgpack:2 yaml:2 log:2 histogram:2 config:3 " \
			"option:3 crypto:3 blob:3 template:3 schema:3 retry:3 " \
			"redis:4 workflow:4 address:4 http:4 blobs:5 store:5", list, " ")
		for (i in list) {
			split(list[i], pair, ":")
			floor[pair[1]] = pair[2]
		}
	}
	function noun(path) {
		sub(/.*\//, "", path)
		sub(/[_.].*/, "", path)
		return path
	}
	/#include "treadle\/.*\.h"/ {
		split($0, part, "\"")
		mine = noun(FILENAME)
		theirs = noun(part[2])
		if ((mine in floor) && (theirs in floor) &&
		    floor[theirs] > floor[mine])
			print FILENAME ":" FNR ": " mine " is below " theirs
	}' $(grep -E '^(common|include/treadle)/' "$work/code")
}

# --- the compilers -------------------------------------------------------------

flags='-std=c11 -D_GNU_SOURCE -DTREADLE_TEST -DTREADLE_VERSION="0" -Iinclude
	-Ibuild/gen -Wall -Wextra -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wvla -Wpointer-arith
	-Wundef -Wconversion -Wno-sign-conversion -Werror -fsyntax-only'
if pkg-config --exists msgpack-c; then msgpack=msgpack-c; else msgpack=msgpack; fi
flags="$flags $(pkg-config --cflags hiredis libuv yaml-0.1 $msgpack libgcrypt \
	libcurl libmicrohttpd cmocka 2>/dev/null)"
export flags

# Prints what the compiler says of each file that is named on standard input.
compiles() {
	xargs -P "$(nproc)" -n 8 sh -c 'for file; do
		'"$1"' $flags '"$2"' "$file" 2>&1 | head -n 5
	done' sh
}

headers_alone() {
	while read -r header; do
		name=$work/alone/${header//\//-}.c
		mkdir -p "$work/alone"
		echo "#include \"$PWD/$header\"" >"$name"
		echo "$name"
	done <"$work/h" >"$work/alone.list"
	compiles gcc '' <"$work/alone.list"
	if command -v clang >/dev/null; then
		compiles clang '' <"$work/alone.list"
	fi
}

# --- tables and documents --------------------------------------------------------

functions_agree() {
	grep -oE '^FUNCTION\([a-z_]+' include/treadle/functions.def |
		sed 's/.*(//' | sort >"$work/declared"
	grep -oE "^public\('[a-z_]+" common/lua/register.lua |
		sed "s/.*'//" | sort >"$work/registered"
	diff "$work/declared" "$work/registered" |
		sed -n 's/^< /not registered in register.lua: /p
			s/^> /not declared in functions.def: /p'
	while read -r name; do
		grep -qE "\`(treadle_)?$name\`" docs/INTERNALS.md ||
			echo "not explained in docs/INTERNALS.md: $name"
	done <"$work/declared"
	grep -oE 'treadle_[a-z]+' docs/INTERNALS.md | sed 's/treadle_//' |
		sort -u | comm -23 - "$work/declared" |
		sed 's/^/in docs\/INTERNALS.md, but not declared: /'
}

reference_is_current() {
	local treadle=${TREADLE_BUILD:-build/test}/treadle
	if [ -x "$treadle" ] && [ -f docs/CONFIG.md ]; then
		TREADLE_CONFIG=/dev/null "$treadle" config --reference |
			diff - docs/CONFIG.md
		TREADLE_CONFIG=/dev/null "$treadle" config --defaults |
			diff - config/treadle.yaml
	fi
}

# --- small ones ------------------------------------------------------------------

banned_calls() {
	in_code '\b(strcpy|strcat|sprintf|strtok|atoi|atol|gets|alloca)\('
	in_code '\b(system|popen)\('
}

bare_memory() {
	in_code '\b(malloc|calloc|realloc|strdup|strndup)\(' |
		grep -vE '^(common/base|tests/e2e/exhaust)\.c:'
}

left_for_later() {
	xargs -a "$work/text" grep -nE '\b(TODO|XXX|FIXME|HACK)\b' |
		grep -v '^tests/lint\.sh:'
}

unlicensed() {
	xargs -a "$work/code" awk \
		'FNR == 1 && !/SPDX-License-Identifier: MIT/ { print FILENAME }'
}

bare_sleeps() {
	grep -nE '^[[:blank:]]*sleep ' tests/e2e/[0-9]*.sh tests/lua/[0-9]*.sh tests/storm/*.sh
}

# What it says depends on its version.
unformatted() {
	cat "$work/c" "$work/h" | xargs clang-format --dry-run -Werror 2>&1 |
		grep 'error:'
}

clang_complaints() {
	compiles clang -Wno-macro-redefined <"$work/c"
}

check 'files are short' file_lengths
check 'functions are short, shallow and take few parameters' functions
check 'each library has one door' doors
check 'programs do not include each other' own_headers
check 'common includes downwards only' floors
check 'each loop that is made is closed' loops
check 'no banned call' banned_calls
check 'memory comes from base.c' bare_memory
check 'no comment of the other kind' in_code '//'
check 'nothing is left for later' left_for_later
check 'no trailing blanks' xargs -a "$work/text" grep -nE '[[:blank:]]+$'
check 'each file names its licence' unlicensed
check 'tests wait for something, not for a while' bare_sleeps
check 'functions.def, register.lua and INTERNALS.md agree' functions_agree
check 'generated documents are current' reference_is_current
check 'each header compiles alone' headers_alone
if command -v clang >/dev/null; then
	check 'clang has nothing to say' clang_complaints
fi
if clang-format --version 2>/dev/null | grep -q 'version 14'; then
	check 'clang-format has nothing to say' unformatted
fi
echo "1..$count"
exit $failed
