# SPDX-License-Identifier: MIT
"""
Pair: chooses the drawings of the book and gives each a photo and a caption.

Request   {drawings, photos, pages_max, skip}
Answer    {pairs}

Writes nothing. The choice is for variety and never left to chance: one of each
series (`hat_1`, `hat_2`) before a second one, spread evenly over the alphabet,
and the most colourful photos.
"""
import os
import re

import handler
from handler import DATA, Failure

# Words of a file name that say nothing to a child.
NOISE = {'icon', 'back', 'copy', 'image', 'img', 'picture', 'page', 'final'}
CAPTION_MAX = 40


def pair(request):
  drawings = choose(request['drawings'], request['pages_max'],
                    set(request.get('skip', [])))
  if not drawings:
    raise Failure(DATA, 'every drawing is on the list of those to skip')
  if not request['photos']:
    raise Failure(DATA, 'there is no photo to pair the drawings with')
  vivid = sorted(request['photos'], key=lambda p: (-p['vivid'], p['name']))
  photos = match(drawings, sorted(vivid[:len(drawings)], key=by_words))
  return {'pairs': [{'drawing': described(d), 'photo': described(p)}
                    for d, p in zip(drawings, photos)]}


def words(name):
  stem = os.path.splitext(os.path.basename(name))[0]
  stem = re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', stem)
  return [w for w in re.split(r'[\W_\d]+', stem.lower()) if w]


def caption(name):
  useful = [w for w in words(name) if w not in NOISE] or words(name)
  text = ' '.join(useful) or 'A picture'
  if len(text) > CAPTION_MAX:
    text = text[:CAPTION_MAX - 1].rstrip() + '…'
  return text[0].upper() + text[1:]


def described(entry):
  return {'name': entry['name'], 'file': entry['file'],
          'caption': caption(entry['name'])}


def by_words(entry):
  return words(entry['name']), entry['name']


def choose(drawings, pages_max, skip):
  best = {}
  for d in sorted(drawings, key=lambda d: d['name']):
    stem, kind = os.path.splitext(d['name'])
    series = (words(d['name']) or [''])[0]
    # The same drawing twice: the one that can be scaled is the better one.
    if series not in skip and (stem not in best or kind == '.svg'):
      best[stem] = {**d, 'series': series,
                    'folder': os.path.dirname(d['name'])}

  in_folder, in_series = {}, {}
  for d in best.values():
    in_folder[d['folder']] = in_folder.get(d['folder'], 0) + 1
  for d in sorted(best.values(), key=by_words):
    in_series.setdefault(d['series'], []).append(d)
  for series in in_series.values():
    for place, d in enumerate(series):
      # First of its series first; then the folder that is rich in drawings.
      d['rank'] = (place, -in_folder[d['folder']], d['folder'])

  chosen = []
  for rank in sorted({d['rank'] for d in best.values()}):
    equals = sorted((d for d in best.values() if d['rank'] == rank),
                    key=by_words)
    room = min(pages_max - len(chosen), len(equals))
    chosen += [equals[i * len(equals) // room] for i in range(room)]
  return sorted(chosen, key=by_words)


def match(drawings, photos):
  """A photo for each drawing: one that shares a word if there is any, else the
  next one; none a second time before all were used once."""
  given, left = {}, []
  for at, d in enumerate(drawings):
    left = left or list(photos)
    shared = [p for p in left if set(words(p['name'])) & set(words(d['name']))]
    if shared:
      given[at] = shared[0]
      left.remove(shared[0])
  for at in range(len(drawings)):
    if at not in given:
      left = left or list(photos)
      given[at] = left.pop(0)
  return [given[at] for at in range(len(drawings))]


if __name__ == '__main__':
  handler.run(pair)
