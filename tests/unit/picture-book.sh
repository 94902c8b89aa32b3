#!/bin/bash
# SPDX-License-Identifier: MIT
# goal: the picture book's handlers take any input and survive any kill
# What `ok` evaluates is quoted so that it is expanded there.
# shellcheck disable=SC2016
set -u

here=$(cd "$(dirname "$0")/../../examples/picture-book" && pwd)
python=/usr/bin/python3
tuxpaint=/usr/share/tuxpaint

for program in rsvg-convert pdfinfo pdftotext pdftoppm jq; do
	command -v $program >/dev/null ||
		{ echo "1..0 # SKIP $program is not installed"; exit 0; }
done
$python -c 'import PIL' 2>/dev/null ||
	{ echo "1..0 # SKIP python3-pil is not installed"; exit 0; }

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
count=0

# ok NAME COMMAND...: one test; what the command says is shown if it fails
ok() {
	local name=$1
	shift
	count=$((count + 1))
	if "$@" >"$tmp/said" 2>&1; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' "$tmp/said" "$tmp/log"
	fi
}

wait_until() {
	local tries=200
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

# step NAME: request on stdin, answer on stdout, as a worker would call it
step() {
	env -i PATH=/usr/bin:/bin HOME="$tmp" LANG=C.UTF-8 \
		$python -B "$here/$1.py" 2>"$tmp/log"
}

# exits CODE COMMAND...
exits() {
	local want=$1 got=0
	shift
	"$@" || got=$?
	[ $got -eq "$want" ] || { echo "exit code $got, not $want"; return 1; }
}

# answers REQUEST STEP CODE: the step ends with CODE
answers() {
	exits "$3" step "$2" <<<"$1"
}

ingest() {
	jq -nc --arg i "$1" --arg w "$2" '{images: $i, work: $w}' | step ingest
}

# refused NAME REASON: ingest says so of one file in $tmp/bad
refused() {
	jq -e --arg n "$1" --arg r "$2" \
		'.[] | select(.name == $n and .reason == $r)' \
		"$tmp/bad-work/ingest/refused.json" ||
		{ cat "$tmp/bad-work/ingest/refused.json"; return 1; }
}

# book IMAGES WORK PAGES_MAX: all steps up to verify; requests stay in WORK
book() {
	mkdir -p "$2"
	ingest "$1" "$2" >"$2/1" || return
	jq --argjson n "$3" '{drawings, photos, pages_max: $n, skip: []}' \
		"$2/1" | step pair >"$2/2" || return
	pages "$2" || return
	bind "$2"
}

# page_request WORK NUMBER
page_request() {
	jq -c --arg w "$1" --argjson n "$2" '{pair: .pairs[$n - 1], number: $n,
		of: .pairs | length, work: $w}' "$1/2"
}

# pages WORK: all of them
pages() {
	local n
	for n in $(seq "$(jq '.pairs | length' "$1/2")"); do
		page_request "$1" "$n" | step page >"$1/page-$n" || return
	done
}

# bind WORK: the steps behind the pages, with those that were made
bind() {
	jq -s --arg w "$1" --slurpfile p "$1/2" \
		'{pages: ., pairs: $p[0].pairs, title: "A test", work: $w}' \
		"$1"/page-* | step cover >"$1/3" || return
	jq --arg w "$1" --slurpfile i "$1/1" \
		'{pages, date: $i[0].newest, work: $w}' "$1/3" |
		step assemble >"$1/4" || return
	jq --arg w "$1" --slurpfile p "$1/3" \
		'. + {captions: $p[0].captions, work: $w}' "$1/4" >"$1/verify"
	step verify <"$1/verify" >"$1/5"
}

# publish_request WORK OUT
publish_request() {
	jq -c --arg w "$1" --arg o "$2" \
		'. + {file: "test.pdf", out: $o, work: $w}' "$1/4"
}

visible() {
	find "$1" -mindepth 1 ! -name '.*' | grep -q .
}

invisible() {
	! visible "$1"
}

empty() {
	[ -z "$(ls -A "$1")" ]
}

has_part() {
	compgen -G "$1/.part-*" >/dev/null
}

cat >"$tmp/make.py" <<'PY'
import struct
import sys
import zlib
from PIL import Image, ImageDraw

good, bad, elsewhere = sys.argv[1:]


def drawing(path, shift, **how):
  picture = Image.new('L', (600, 450), 255)
  draw = ImageDraw.Draw(picture)
  for i in range(6):
    box = (40 + 30 * i + shift, 30 + 20 * i, 540 - 30 * i, 420 - 20 * i)
    draw.ellipse(box, outline=0, width=3)
  picture.save(path, **how)


def photo(path, shift):
  rows = [bytes((x * 255 // 600, (y + shift) % 256, (x * y + shift) % 256))
          for y in range(450) for x in range(600)]
  Image.frombytes('RGB', (600, 450), b''.join(rows)).save(path, 'JPEG')


def svg(path, inner, before=''):
  with open(path, 'w') as f:
    f.write(f'<?xml version="1.0"?>{before}<svg width="600" height="450" '
            'xmlns="http://www.w3.org/2000/svg" '
            f'xmlns:xlink="http://www.w3.org/1999/xlink">{inner}</svg>')


rings = ''.join(f'<circle cx="300" cy="225" r="{r}" fill="none" '
                'stroke="black" stroke-width="3"/>' for r in range(40, 220, 30))
drawing(f'{good}/big_fish2.png', 0)
drawing(f'{good}/hat_1.png', 5)
drawing(f'{good}/hat_2.png', 9)
svg(f'{good}/old <moon> & star.svg', rings)
photo(f'{good}/sea.jpg', 0)
photo(f'{good}/wood.jpg', 90)

drawing(f'{bad}/sound.png', 0)
photo(f'{bad}/sound.jpg', 0)
with open(f'{bad}/noise.png', 'wb') as f:
  f.write(bytes(range(7, 250)) * 20)
for name in ('text.png', 'text.svg', 'text.jpg'):
  with open(f'{bad}/{name}', 'w') as f:
    f.write('Once upon a time there was no picture at all.\n' * 40)
drawing(f'{bad}/is-a-png.jpg', 1, format='PNG')
drawing(f'{bad}/is-a-gif.png', 1, format='GIF')
photo(f'{elsewhere}/secret.jpg', 3)
with open(f'{bad}/sound.jpg', 'rb') as f:
  whole = f.read()
with open(f'{bad}/truncated.jpg', 'wb') as f:
  f.write(whole[:len(whole) // 2])
with open(f'{bad}/huge.png', 'wb') as f:
  f.truncate(21 << 20)


def chunk(kind, data):
  check = zlib.crc32(kind + data)
  return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', check)


with open(f'{bad}/bomb.png', 'wb') as f:
  f.write(b'\x89PNG\r\n\x1a\n'
          + chunk(b'IHDR', struct.pack('>IIBBBBB', 50000, 50000, 8, 2, 0, 0, 0))
          + chunk(b'IDAT', zlib.compress(bytes(1 << 24), 9))
          + chunk(b'IEND', b''))

svg(f'{bad}/entity.svg', rings + '<text y="90">&secret;</text>',
    f'<!DOCTYPE svg [<!ENTITY secret SYSTEM "file://{elsewhere}/secret.txt">]>')
laughs = ''.join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
svg(f'{bad}/laughs.svg', '<text>&l9;</text>',
    f'<!DOCTYPE svg [<!ENTITY l0 "ha">{laughs}]>')
uses = ''.join(f'<g id="u{i}">{f"<use xlink:href=%s#u{i - 1}%s/>" * 12}</g>'
               .replace('%s', '"') for i in range(1, 12))
svg(f'{bad}/uses.svg', f'<defs><g id="u0">{rings}</g>{uses}</defs>'
    '<use xlink:href="#u11"/>')
svg(f'{bad}/local.svg', f'<image xlink:href="file://{elsewhere}/secret.jpg" '
    'width="600" height="450"/>')
svg(f'{bad}/style.svg', '<style>@import "other.css";</style>' + rings)
svg(f'{bad}/include.svg', '<i:include xmlns:i="http://www.w3.org/2001/XInclude"'
    ' href="x"/>' + rings)
PY

# A server that writes down whether anybody ever called.
cat >"$tmp/listen.py" <<'PY'
import os
import socket
import sys

server = socket.create_server(('127.0.0.1', 0))
with open(sys.argv[1] + '/port.new', 'w') as f:
  f.write(str(server.getsockname()[1]))
os.rename(sys.argv[1] + '/port.new', sys.argv[1] + '/port')
server.accept()
open(sys.argv[1] + '/called', 'w').close()
PY

mkdir "$tmp/good" "$tmp/bad" "$tmp/elsewhere" "$tmp/none" "$tmp/out"
: >"$tmp/log"
$python -B "$tmp/make.py" "$tmp/good" "$tmp/bad" "$tmp/elsewhere" ||
	{ echo "Bail out! cannot make the images"; exit 1; }

if [ -d $tuxpaint/starters ]; then
	skip=
else
	skip="# SKIP tuxpaint-data is not installed"
fi

echo "1..59"

# The good path

ok "a folder of images becomes a book" book "$tmp/good" "$tmp/w1" 3
ok "the book has cover, pages and index" \
	test "$(jq .pages "$tmp/w1/5")" = 5
ok "captions come from the names, one of each series first" \
	jq -e '[.pairs[].drawing.caption] == ["Big fish", "Hat", "Old moon star"]' \
	"$tmp/w1/2"
ok "the same images make the same bytes" eval \
	'book "$tmp/good" "$tmp/w2" 3 && cmp "$tmp/w1/book.pdf" "$tmp/w2/book.pdf"'
ok "a step run again gives the same answer" eval \
	'ingest "$tmp/good" "$tmp/w1" | cmp - "$tmp/w1/1" &&
	page_request "$tmp/w1" 2 | step page | cmp - "$tmp/w1/page-2"'
ok "no step leaves temporary files" eval \
	'! find "$tmp/w1" -name ".*" | grep .'
ok "the book is published under the name wanted" eval \
	'publish_request "$tmp/w1" "$tmp/out/new" | step publish >/dev/null &&
	cmp "$tmp/w1/book.pdf" "$tmp/out/new/test.pdf"'
ok "publishing it again changes nothing" eval \
	'before=$(stat -c %i-%y "$tmp/out/new/test.pdf") &&
	publish_request "$tmp/w1" "$tmp/out/new" | step publish >/dev/null &&
	test "$(stat -c %i-%y "$tmp/out/new/test.pdf")" = "$before"'
ok "progress is told in JSON lines on the descriptor named" eval \
	'jq -nc --arg i "$tmp/good" --arg w "$tmp/w2" "{images: \$i, work: \$w}" |
	TREADLE_FD=3 $python -B "$here/ingest.py" 3>"$tmp/fd3" >/dev/null &&
	jq -es "length > 0 and all(.[]; .progress >= 0 and .message != null)" \
		"$tmp/fd3"'
ok "a closed descriptor is no reason to fail" eval \
	'jq -nc --arg i "$tmp/good" --arg w "$tmp/w2" "{images: \$i, work: \$w}" |
	TREADLE_FD=3 $python -B "$here/ingest.py" 3>&- >/dev/null'

# What ingest refuses

$python -B "$tmp/listen.py" "$tmp" &
listener=$!
wait_until test -f "$tmp/port"
sed "s|file://[^\"]*|http://127.0.0.1:$(cat "$tmp/port")/x.png|" \
	"$tmp/bad/local.svg" >"$tmp/bad/remote.svg"
ln -s "$tmp/elsewhere/secret.jpg" "$tmp/bad/escape.jpg"
ln -s ../elsewhere/secret.jpg "$tmp/bad/dotdot.jpg"
ln -s nowhere.jpg "$tmp/bad/dangling.jpg"
ln -s "$tmp/elsewhere" "$tmp/bad/folder"
ln -s . "$tmp/bad/circle"
mkfifo "$tmp/bad/pipe.png"
touch "$tmp/bad/notes.txt" "$tmp/bad/empty.png" "$tmp/bad/"$'new\nline.png'

bad() {
	ingest "$tmp/bad" "$tmp/bad-work" >"$tmp/bad-answer"
}
ok "one bad file doesn't spoil the good ones" bad
ok "only the sound images are kept" jq -e \
	'[.drawings, .photos | length] == [1, 1]' "$tmp/bad-answer"
ok "other files are skipped and counted" jq -e '.skipped == 1' "$tmp/bad-answer"
while read -r name reason; do
	ok "$name is refused: $reason" refused "$name" "$reason"
done <<'END'
noise.png not_an_image
text.png not_an_image
text.svg not_an_image
empty.png not_an_image
is-a-png.jpg wrong_extension
is-a-gif.png wrong_extension
escape.jpg outside
dotdot.jpg outside
folder link_to_folder
circle link_to_folder
dangling.jpg unreadable
pipe.png not_a_file
huge.png too_large
truncated.jpg broken
bomb.png too_many_pixels
entity.svg entities
laughs.svg entities
local.svg external_reference
remote.svg external_reference
style.svg external_reference
include.svg external_reference
new\nline.png bad_name
END
ok "nested copies of copies are refused in time" eval \
	'refused uses.svg broken || refused uses.svg too_complex'
# The check looked at them first; the renderer alone must not follow them either.
renders_nothing() {
	local f
	for f in local remote; do
		(cd "$here" && $python -B -c 'import sys, svg
sys.stdout.buffer.write(svg.render(sys.stdin.buffer.read(), 400))') \
			<"$tmp/bad/$f.svg" >"$tmp/$f.png" || return 1
		$python -c 'import sys
from PIL import Image
alpha = Image.open(sys.argv[1]).convert("RGBA").getchannel("A")
sys.exit(alpha.getextrema() != (0, 0))' "$tmp/$f.png" || return 1
	done
}
ok "the renderer itself opens nothing" renders_nothing
ok "nothing was fetched over the network" test ! -e "$tmp/called"
kill $listener 2>/dev/null
wait $listener 2>/dev/null

# What fails for good

none=$(jq -nc --arg i "$tmp/none" --arg w "$tmp/w3" '{images: $i, work: $w}')
within=$(jq -nc --arg i "$tmp/good" '{images: $i, work: ($i + "/work")}')
escape='{"book": "../w1/book.pdf", "sha256": "", "file": "b.pdf", "out": "", "work": "/"}'
ok "an empty folder is bad data" answers "$none" ingest 65
ok "a work folder within the images is refused" answers "$within" ingest 64
ok "a path in place of a name is refused" answers "$escape" publish 64

# Verify

with_book() {
	cp -r "$tmp/w1" "$tmp/w4"
	$python -c 'import sys
from PIL import Image
size, pages = (int(sys.argv[2]), int(sys.argv[3])), int(sys.argv[4])
Image.new("L", size).save(sys.argv[1], "PDF", resolution=72, save_all=True,
  append_images=[Image.new("L", size)] * (pages - 1))' "$tmp/w4/book.pdf" "$@"
	jq --arg w "$tmp/w4" \
		--arg s "$(sha256sum <"$tmp/w4/book.pdf" | cut -d' ' -f1)" \
		'. + {work: $w, sha256: $s}' "$tmp/w1/verify" |
		exits 65 step verify && cat "$tmp/log"
	rm -r "$tmp/w4"
}
ok "verify refuses a wrong number of pages" eval \
	'with_book 595 842 4 | grep "has 4 pages"'
ok "verify refuses paper that is not A4" eval \
	'with_book 612 792 5 | grep "not A4"'
ok "verify refuses pages without captions" eval \
	'with_book 595 842 5 | grep "lacks its caption"'

# Pictures damaged after they were taken

# damaged KIND HOW CODE: with the KIND of picture of page 2 so, there is no page
damaged() {
	local work=$tmp/w8 file
	rm -rf "$work"
	cp -r "$tmp/w1" "$work"
	rm "$work"/pages/*-02.* "$work/page-2"
	file=$work/ingest/$(jq -r --arg k "$1" '.pairs[1][$k].file' "$work/2")
	case $2 in
	noise) seq 1000 >"$file" ;;
	half) truncate -s $(($(stat -c %s "$file") / 2)) "$file" ;;
	gone) rm "$file" ;;
	esac
	answers "$(page_request "$work" 2)" page "$3" &&
		[ ! -e "$work/pages/page-02.svg" ]
}
while read -r kind how code; do
	ok "a $kind that is $how spoils its page for good" \
		damaged "$kind" "$how" "$code"
done <<'END'
photo noise 65
photo half 65
photo gone 66
drawing half 65
END
ok "the others make a book" bind "$tmp/w8"
ok "it has a page less" jq -e '.pages == 4' "$tmp/w8/5"
index_of() {
	pdftotext -layout -f 4 "$1/book.pdf" - | tr -s ' '
}
ok "and keeps its numbers; the index tells which one is missing" eval \
	'index_of "$tmp/w8" | grep -x "2 Hat not in this book" &&
	index_of "$tmp/w8" | grep "^3 Old moon star .*sea.jpg"'
ok "a book without any page is none" answers \
	"$(jq -c --arg w "$tmp/w8" '{pages: [], pairs, title: "", work: $w}' \
		"$tmp/w8/2")" cover 65

# Publish, killed

killed_half_way() {
	local work=$tmp/w5 pid
	mkdir -p "$work" "$tmp/out/half"
	mkfifo "$work/book.pdf"
	cp "$tmp/w1/4" "$work"
	publish_request "$work" "$tmp/out/half" >"$work/request"
	$python -B "$here/publish.py" <"$work/request" >/dev/null 2>&1 &
	pid=$!
	exec 9>"$work/book.pdf"
	head -c 1000 "$tmp/w1/book.pdf" >&9
	wait_until has_part "$tmp/out/half" || return 1
	kill -9 $pid
	wait $pid 2>/dev/null
	exec 9>&-
	has_part "$tmp/out/half" && invisible "$tmp/out/half"
}
ok "publish killed half-way shows nothing" killed_half_way
ok "the next attempt publishes and clears up" eval \
	'publish_request "$tmp/w1" "$tmp/out/half" | step publish >/dev/null &&
	cmp "$tmp/w1/book.pdf" "$tmp/out/half/test.pdf" &&
	! has_part "$tmp/out/half"'

killed_anywhere() {
	local ms
	publish_request "$tmp/w1" "$tmp/out/any" >"$tmp/request"
	for ms in 20 30 40 45 50 55 60 65 70 80 90; do
		rm -f "$tmp/out/any/test.pdf"
		timeout -s KILL 0.0$ms $python -B "$here/publish.py" \
			<"$tmp/request" >/dev/null 2>&1
		[ ! -e "$tmp/out/any/test.pdf" ] ||
			cmp "$tmp/w1/book.pdf" "$tmp/out/any/test.pdf" ||
			return 1
	done
}
ok "publish killed at any instant shows all or nothing" killed_anywhere

tidy() { # WORK OUT
	jq -nc --arg w "$1" --arg o "$2" \
		'{file: "test.pdf", out: $o, work: $w}' | step tidy
}
tidies() {
	local work=$tmp/w9 out=$tmp/out/tidy
	mkdir "$out"
	cp -r "$tmp/w1" "$work"
	(cd "$work" && find . | sort) >"$tmp/before"
	touch "$work/.part-book.pdf-x" "$work/pages/.part-art-01.png-x" \
		"$work/ingest/.part-refused.json-x" "$out/.part-test.pdf-x" \
		"$out/.part-other.pdf-x" "$out/.part-test.pdf-y" "$out/mine"
	exec 9>"$out/.part-test.pdf-y"
	flock 9
	tidy "$work" "$out" | jq -e '.removed == 4' || return 1
	exec 9>&-
	(cd "$work" && find . | sort) | cmp - "$tmp/before" &&
		[ "$(ls -A "$out" | xargs)" = \
			".part-other.pdf-x .part-test.pdf-y mine" ]
}
ok "tidy removes what the dead have left half-made, and nothing else" tidies
ok "where there is nothing there is nothing to tidy" eval \
	'tidy "$tmp/no-work" "$tmp/no-out" | jq -e ".removed == 0"'

changed() {
	mkdir "$tmp/out/changed"
	cp -r "$tmp/w1" "$tmp/w6"
	echo >>"$tmp/w6/book.pdf"
	publish_request "$tmp/w6" "$tmp/out/changed" |
		exits 65 step publish && empty "$tmp/out/changed"
}
ok "a book changed after it was verified is not published" changed

# The real thing

if [ -n "$skip" ]; then
	ok "Tux Paint's pictures become a book $skip" true
else
	ok "Tux Paint's pictures become a book" \
		book $tuxpaint/starters "$tmp/w7" 4
fi
