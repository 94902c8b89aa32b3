#!/bin/bash
# SPDX-License-Identifier: MIT
# The picture book is published whole and once, whoever dies; or not at all.
. "$(dirname "$0")/lib.sh"

python=/usr/bin/python3
for tool in rsvg-convert pdfinfo pdftotext pdftoppm pdffonts; do
	command -v $tool >/dev/null || skip_all "$tool is not installed"
done
$python -c 'import PIL' 2>/dev/null || skip_all 'python3-pil is not installed'

book=$ROOT/examples/picture-book
images=$TREADLE_TEST_TMP/images out=$TREADLE_TEST_TMP/out
mkdir "$images" "$out"
$python -B - "$images" <<'PY'
import sys
from PIL import Image, ImageDraw

W, H = 480, 400
for i, name in enumerate(('fish', 'hat', 'moon')):
  picture = Image.new('L', (W, H), 255)
  for j in range(4):
    box = (40 + 20 * i, 30 + 30 * j, 440 - 40 * j, 370 - 20 * i)
    ImageDraw.Draw(picture).ellipse(box, outline=0, width=3)
  picture.save(f'{sys.argv[1]}/{name}.png')
for i, name in enumerate(('sea', 'wood')):
  rows = [bytes((x * 255 // W, (y + 90 * i) % 256, x * y % 256))
          for y in range(H) for x in range(W)]
  photo = Image.frombytes('RGB', (W, H), b''.join(rows))
  photo.save(f'{sys.argv[1]}/{name}.jpg')
PY

# The handlers as they are, but each notes that it begins, and some stop when
# the first file is written but has not got its name, until `go.NAME` exists.
handlers=$TREADLE_TEST_TMP/handlers
cp -r "$book" "$handlers"
cat >"$handlers/watched.py" <<'PY'
import contextlib
import os
import runpy
import sys
import time

import handler

tmp = os.environ['TMP_OF_TEST']
name = os.path.basename(sys.argv[0])[:-3]
with open(f'{tmp}/begun', 'a') as f:
  f.write(name + '\n')
new_file = handler.new_file


@contextlib.contextmanager
def new_file_and_stop(path):
  with new_file(path) as f:
    yield f
    if name in ('pages', 'assemble', 'publish'):
      f.flush()
      open(f'{tmp}/half.{name}', 'w').close()
      while not os.path.exists(f'{tmp}/go.{name}'):
        time.sleep(0.02)


handler.new_file = new_file_and_stop
runpy.run_path(f'{os.path.dirname(__file__)}/real/{name}.py',
               run_name='__main__')
PY
mkdir "$handlers/real"
for step in ingest pair pages assemble verify publish; do
	mv "$handlers/$step.py" "$handlers/real"
	echo 'import watched' >"$handlers/$step.py"
done
export TMP_OF_TEST=$TREADLE_TEST_TMP
submit() { # HANDLERS OUT
	treadle submit "$book/workflow.yaml" -i images="$images" -i out="$2" \
		-i work="$TREADLE_TEST_TMP/work" -i handlers="$1" \
		-i title=Test -i pages_max=1
}
begun() { grep -cx "$1" "$TREADLE_TEST_TMP/begun"; } # STEP
until_half() {					     # STEP: it has done a part
	wait_until "[ -e '$TREADLE_TEST_TMP/half.$1' ] ||
		[ \"\$(run_state $run)\" = failed ]" 60
	rm "$TREADLE_TEST_TMP/half.$1" || fail "$1 was never begun"
}
go_on() { touch "$TREADLE_TEST_TMP/go.$1"; } # STEP

export TREADLE_WORKER_LEASE=1s TREADLE_COORDINATOR_LEAD=1s
export TREADLE_WORKER_ENVIRONMENT=PATH,HOME,LANG,TZ,TMP_OF_TEST
start_redis --appendfsync always
start_coordinator
first=$COORDINATOR
start_coordinator
start_worker
run=$(submit "$handlers" "$out")

until_half pages
crash "$WORKER"
start_worker
until_half pages
go_on pages
until_half assemble
crash "$first"
start_coordinator
go_on assemble
until_half publish
ok 'of a book that is half written nothing is seen' [ -z "$(ls "$out")" ]
like 'though it is there' "$(ls -A "$out")" '^\.part-'
crash "$WORKER"
start_worker
until_half publish
kill_redis
restart_redis
go_on publish
until_state "$run" done 60

is 'the book is there, and nothing else' "$(ls -A "$out")" book.pdf
like 'it is whole' "$(pdfinfo "$out/book.pdf")" 'Pages: +3'
is 'it is the one that was verified' "$(sha256sum <"$out/book.pdf")" \
	"$(step_field "$run" verify output | jq -r .sha256)  -"
is 'what was killed was begun again, and nothing else' \
	"$(for step in ingest pair pages assemble verify publish; do
		begun $step
	done | xargs)" '1 1 2 1 1 2'
is 'each step is committed once' \
	"$(redis HGET 'treadle:{0}:counters' steps_done)" 7
is 'no attempt was counted for it' "$(ask status "$run" |
	jq -c '[.steps[].attempt] | unique')" '[1]'
like 'the run tells where it is' "$(treadle status "$run" --output)" \
	"\"book\":\"$out/book.pdf\""

# A book that lacks a page: verify refuses it, and nothing is published.
faulty=$TREADLE_TEST_TMP/faulty
cp -r "$book" "$faulty"
sed -i 's/, \*names\]/, *names[:-1]]/' "$faulty/assemble.py"
ok 'the fault is in' eval "! cmp -s '$book/assemble.py' '$faulty/assemble.py'"
mkdir "$TREADLE_TEST_TMP/none"
run=$(submit "$faulty" "$TREADLE_TEST_TMP/none")
until_state "$run" failed 60
is 'a book that is not as promised fails' \
	"$(ask status "$run" | jq -r .reason.step)" verify
like 'and says why' "$(treadle status "$run")" 'has 2 pages, promised were 3'
is 'publish never began' "$(step_field "$run" publish attempt)" 0
is 'nothing is half published' "$(ls -A "$TREADLE_TEST_TMP/none")" ''
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
