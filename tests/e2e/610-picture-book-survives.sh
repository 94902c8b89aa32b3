#!/bin/bash
# SPDX-License-Identifier: MIT
# The picture book is published whole and once, whoever dies; or not at all. What
# it can do without it does without, and a retry has only the rest to do.
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
for i, name in enumerate(('fish', 'hat', 'kite', 'moon', 'nest')):
  picture = Image.new('L', (W, H), 255)
  for j in range(4):
    box = (40 + 10 * i, 30 + 30 * j, 440 - 40 * j, 370 - 10 * i)
    ImageDraw.Draw(picture).ellipse(box, outline=0, width=3)
  picture.save(f'{sys.argv[1]}/{name}.png')
for i, name in enumerate(('sea', 'wood')):
  rows = [bytes((x * 255 // W, (y + 90 * i) % 256, x * y % 256))
          for y in range(H) for x in range(W)]
  photo = Image.frombytes('RGB', (W, H), b''.join(rows))
  photo.save(f'{sys.argv[1]}/{name}.jpg')
PY

# The handlers as they are, but each notes that it begins. Where `shut.NAME.FILE`
# exists it stops when FILE is written but has not got its name; where `die.NAME`
# does it dies there. Before `pair` the files named in `damage` become half.
handlers=$TREADLE_TEST_TMP/handlers
cp -r "$book" "$handlers"
cat >"$handlers/watched.py" <<'PY'
import contextlib
import os
import runpy
import shutil
import signal
import sys
import time

import handler

tmp = os.environ['TMP_OF_TEST']
name = os.path.basename(sys.argv[0])[:-3]
with open(f'{tmp}/begun', 'a') as f:
  f.write(name + '\n')
if name == 'pair' and os.path.exists(f'{tmp}/damage'):
  with open(f'{tmp}/damage') as f:
    for file in f.read().split():
      path = f'{tmp}/work/{os.environ["TREADLE_RUN"]}/ingest/{file}'
      shutil.copy(path, f'{tmp}/sound')
      os.truncate(path, os.path.getsize(path) // 2)
new_file = handler.new_file


@contextlib.contextmanager
def new_file_and_stop(path):
  with new_file(path) as f:
    yield f
    f.flush()
    if os.path.exists(f'{tmp}/die.{name}'):
      os.kill(os.getpid(), signal.SIGKILL)
    shut = f'{tmp}/shut.{name}.{os.path.basename(path)}'
    if os.path.exists(shut):
      open(f'{tmp}/half.{name}', 'w').close()
    while os.path.exists(shut):
      time.sleep(0.02)


handler.new_file = new_file_and_stop
runpy.run_path(f'{os.path.dirname(__file__)}/real/{name}.py',
               run_name='__main__')
PY
mkdir "$handlers/real" "$TREADLE_TEST_TMP/sound"
programs='ingest pair page cover assemble verify publish tidy'
for step in $programs; do
	mv "$handlers/$step.py" "$handlers/real"
	echo 'import watched' >"$handlers/$step.py"
done
export TMP_OF_TEST=$TREADLE_TEST_TMP
submit() { # HANDLERS OUT PAGES
	treadle submit "$book/workflow.yaml" -i images="$images" -i out="$2" \
		-i work="$TREADLE_TEST_TMP/work" -i handlers="$1" \
		-i title=Test -i pages_max="$3"
}
begun() { grep -cx "$1" "$TREADLE_TEST_TMP/begun"; } # STEP
until_half() {					     # STEP: it has done a part
	wait_until "[ -e '$TREADLE_TEST_TMP/half.$1' ] ||
		[ \"\$(run_state $run)\" = failed ]" 60
	rm "$TREADLE_TEST_TMP/half.$1" || fail "$1 was never begun"
}
shut() { touch "$TREADLE_TEST_TMP/shut.$1"; }	# STEP.FILE
go_on() { rm "$TREADLE_TEST_TMP/shut.$1"; }	# STEP.FILE
all_begun() {
	local step
	for step in $programs; do
		begun "$step"
	done | xargs
}
temporary() { find "$out" "$TREADLE_TEST_TMP/work" -name '.part-*'; }
pages_of() { pdfinfo "$1" | awk '/^Pages:/ { print $2 }'; } # BOOK
ingested() { # NAME: its file
	echo "drawing-$(sha256sum <"$images/$1.png" | cut -c1-16).png"
}
restore() { # NAME
	cp "$TREADLE_TEST_TMP/sound/$(ingested "$1")" \
		"$TREADLE_TEST_TMP/work/$run/ingest"
}

export TREADLE_WORKER_LEASE=1s TREADLE_COORDINATOR_LEAD=1s
export TREADLE_WORKER_ENVIRONMENT=PATH,HOME,LANG,TZ,TMP_OF_TEST
start_redis --appendfsync always
start_coordinator
first=$COORDINATOR
start_coordinator
start_worker
shut page.art-01.png
shut assemble.book.pdf
shut publish.book.pdf
run=$(submit "$handlers" "$out" 1)

until_half page
crash "$WORKER"
start_worker
until_half page
go_on page.art-01.png
until_half assemble
crash "$first"
start_coordinator
go_on assemble.book.pdf
until_half publish
ok 'of a book that is half written nothing is seen' [ -z "$(ls "$out")" ]
like 'though it is there' "$(ls -A "$out")" '^\.part-'
crash "$WORKER"
start_worker
until_half publish
kill_redis
restart_redis
go_on publish.book.pdf
until_state "$run" done 60

is 'the book is there, and nothing else' "$(ls -A "$out")" book.pdf
like 'it is whole' "$(pdfinfo "$out/book.pdf")" 'Pages: +3'
is 'it is the one that was verified' "$(sha256sum <"$out/book.pdf")" \
	"$(step_field "$run" verify output | jq -r .sha256)  -"
is 'what was killed was begun again, and nothing else' \
	"$(all_begun)" '1 1 2 1 1 1 2 1'
is 'each step is committed once' \
	"$(redis HGET 'treadle:{0}:counters' steps_done)" 10
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
run=$(submit "$faulty" "$TREADLE_TEST_TMP/none" 1)
until_state "$run" failed 60
is 'a book that is not as promised fails' \
	"$(ask status "$run" | jq -r .reason.step)" verify
like 'and says why' "$(treadle status "$run")" 'has 2 pages, promised were 3'
is 'publish never began' "$(step_field "$run" publish attempt)" 0
is 'nothing is half published' "$(ls -A "$TREADLE_TEST_TMP/none")" ''

# One drawing of five is damaged after it was taken in: the book does without.
rm "$out/book.pdf"
: >"$TREADLE_TEST_TMP/begun"
ingested hat >"$TREADLE_TEST_TMP/damage"
run=$(submit "$handlers" "$out" 5)
until_state "$run" done 60
is 'a book does without a page that can not be made' \
	"$(pages_of "$out/book.pdf")" 6
is 'the run says how many are missing' \
	"$(treadle status "$run" --output | jq -r .missing)" 1
is 'what fails for good is not tried again' "$(begun page)" 5
restore hat
treadle retry "$run" --from pages/1 || fail 'the page was not retried'
until_state "$run" done 60
is 'once it can be made the book has it' "$(pages_of "$out/book.pdf")" 7
is 'the other pages were not made again' "$(begun page)" 6

# Two are too many. The run fails, and goes on when one of them is there.
rm "$out/book.pdf"
: >"$TREADLE_TEST_TMP/begun"
ingested fish >>"$TREADLE_TEST_TMP/damage"
run=$(submit "$handlers" "$out" 5)
until_state "$run" failed 60
like 'more than one page of five is too many' "$(treadle status "$run")" \
	'drawing-.*cannot be decoded'
is 'there is no book' "$(ls -A "$out")" ''
restore fish
restore hat
touch "$TREADLE_TEST_TMP/die.publish"
treadle retry "$run" || fail 'the run was not retried'
until_state "$run" failed 60
is 'a retry makes only the pages that are missing' "$(begun page)" 6
is 'publish died whenever it was tried' "$(begun publish)" 3
is 'what it left half-made is gone' "$(temporary)" ''
rm "$TREADLE_TEST_TMP/die.publish"

shut publish.book.pdf
treadle retry "$run" || fail 'the run was not retried'
until_half publish
ok 'a run is cancelled while it publishes' treadle cancel "$run"
until_state "$run" cancelled 60
is 'nothing is half published then either' "$(ls -A "$out")" ''
go_on publish.book.pdf
treadle retry "$run" || fail 'the run was not retried'
until_state "$run" done 60
is 'in the end there is the book' "$(ls -A "$out")" book.pdf
is 'with all pages but the one that was done without' \
	"$(pages_of "$out/book.pdf")" 6
is 'everything before was made once' "$(all_begun | cut -d ' ' -f 1-7)" '1 1 6 1 1 1 5'
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
