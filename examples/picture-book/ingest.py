# SPDX-License-Identifier: MIT
"""
Ingest: walks a folder of images and keeps what a colouring book can use.

Request   {images, work}
Answer    {drawings, photos, refused, unused, skipped, newest}

What is kept is decoded and written anew into `work`/ingest, so that no later
step ever reads a file of unknown origin. A drawing is told from a photo by what
it looks like, not by its folder. One bad file spoils nothing: it is refused,
counted with its reason, and the walk goes on.
"""
import collections
import hashlib
import io
import json
import os
import stat
import sys

from PIL import Image, ImageChops, ImageFilter, ImageOps

import handler
import svg
from handler import DATA, NO_INPUT, USAGE, Failure

FILE_BYTES_MAX = 20 << 20
PIXELS_MAX = 40_000_000
KEPT_MAX = 300           # of each kind: the answer is a small checkpoint
REFUSED_LISTED_MAX = 20  # the whole list is in ingest/refused.json

SIDE_MIN = 360           # smaller pictures look poor on paper
DRAWING_SIZE = 2000
PHOTO_SIZE = 1200
LOOK_SIZE = 400

KINDS = {'.png': 'PNG', '.jpg': 'JPEG', '.jpeg': 'JPEG', '.svg': 'SVG'}
MAGIC = [(b'\x89PNG\r\n\x1a\n', 'PNG'), (b'\xff\xd8\xff', 'JPEG'),
         (b'GIF8', 'GIF'), (b'BM', 'BMP'), (b'RIFF', 'WEBP'),
         (b'II*\0', 'TIFF'), (b'MM\0*', 'TIFF'), (b'\x1f\x8b', 'gzip')]

Image.MAX_IMAGE_PIXELS = PIXELS_MAX


class Refused(Exception):
  """A file is not taken; the argument is the reason's name."""


def ingest(request):
  root = os.path.realpath(request['images'])
  if not os.path.isdir(root):
    raise Failure(NO_INPUT, f'{request["images"]} is not a folder')
  work = os.path.realpath(request['work'])
  if is_below(root, work):
    # A second attempt would take the first one's results for images.
    raise Failure(USAGE, f'the work folder {work} lies within the images')
  folder = handler.make_folder(os.path.join(work, 'ingest'))

  names, skipped, refused = walk(root)
  kept = {'drawing': [], 'photo': []}
  unused = newest = 0
  seen = set()
  for number, name in enumerate(names):
    if number % 25 == 0:
      handler.progress(number / len(names), f'image {number} of {len(names)}')
    try:
      data, changed_at = read(root, name)
      digest = hashlib.sha256(data).hexdigest()
      kind, picture = look(name, data)
    except Refused as e:
      refused.append({'name': name, 'reason': str(e)})
      continue
    if not kind or digest in seen or len(kept[kind]) == KEPT_MAX:
      unused += 1
      continue
    seen.add(digest)
    file = f'{kind}-{digest[:16]}.png'
    handler.write_file(os.path.join(folder, file), as_png(picture))
    kept[kind].append({'name': name, 'file': file, 'vivid': vivid(picture)})
    newest = max(newest, changed_at)

  handler.write_file(os.path.join(folder, 'refused.json'),
                     json.dumps(refused, indent=1).encode())
  for entry in refused:
    print(f'refused {entry["name"]}: {entry["reason"]}', file=sys.stderr)
  for kind in kept:
    if not kept[kind]:
      raise Failure(DATA, f'no {kind} among the {len(names)} images '
                          f'in {request["images"]}')
  reasons = collections.Counter(entry['reason'] for entry in refused)
  return {'drawings': kept['drawing'], 'photos': kept['photo'],
          'refused': {'count': len(refused), 'reasons': reasons,
                      'first': refused[:REFUSED_LISTED_MAX]},
          'unused': unused, 'skipped': skipped, 'newest': newest}


def walk(root):
  """Names of all images below `root` in a fixed order, a count of all other
  files, and what is refused unread."""
  names, refused, skipped = [], [], 0

  def on_error(e):
    if e.filename == root:
      raise Failure(NO_INPUT, str(e))
    refused.append({'name': printable(os.path.relpath(e.filename, root)),
                    'reason': 'unreadable'})

  for folder, folders, files in os.walk(root, onerror=on_error):
    for name in list(folders):
      path = os.path.join(folder, name)
      # Links to folders are not followed: they may lead out, or in a circle.
      if os.path.islink(path):
        refused.append({'name': printable(os.path.relpath(path, root)),
                        'reason': 'link_to_folder'})
      if os.path.islink(path) or name.startswith('.'):
        folders.remove(name)
    for file in files:
      name = os.path.relpath(os.path.join(folder, file), root)
      if file.startswith('.') or extension(file) not in KINDS:
        skipped += 1
      elif not name.isprintable():
        refused.append({'name': printable(name), 'reason': 'bad_name'})
      else:
        names.append(name)
  return sorted(names), skipped, sorted(refused, key=lambda r: r['name'])


def extension(name):
  return os.path.splitext(name)[1].lower()


def printable(name):
  return name.encode('unicode_escape', 'backslashreplace').decode()


def is_below(root, path):
  return os.path.commonpath([root, path]) == root


def read(root, name):
  """The bytes of a regular file within `root`, and when it was changed."""
  path = os.path.realpath(os.path.join(root, name))
  if not is_below(root, path):
    raise Refused('outside')
  try:
    # Not to be kept waiting by a pipe that is called an image.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
  except OSError:
    raise Refused('unreadable') from None
  with os.fdopen(fd, 'rb') as f:
    # What was opened counts, whatever became of the path in the meantime.
    if not is_below(root, os.readlink(f'/proc/self/fd/{fd}')):
      raise Refused('outside')
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
      raise Refused('not_a_file')
    data = f.read(FILE_BYTES_MAX + 1)
  if len(data) > FILE_BYTES_MAX:
    raise Refused('too_large')
  return data, int(status.st_mtime)


def look(name, data):
  """('drawing' | 'photo' | None, the picture), once it was decoded in full."""
  kind = kind_of(data)
  if not kind:
    raise Refused('not_an_image')
  if kind != KINDS[extension(name)]:
    raise Refused('wrong_extension')
  if kind == 'SVG':
    return look_at_svg(data)
  picture = decode(data, kind)
  if min(picture.size) < SIDE_MIN:
    return None, None
  if is_drawing(on_white(picture, LOOK_SIZE)):
    return 'drawing', on_white(picture, DRAWING_SIZE).convert('L')
  if is_photo(picture):
    return 'photo', on_white(picture, PHOTO_SIZE)
  return None, None


def look_at_svg(data):
  try:
    svg.check(data)
    small = decode(svg.render(data, LOOK_SIZE), 'PNG')
    if not is_drawing(on_white(small, LOOK_SIZE)):
      return None, None
    large = decode(svg.render(data, DRAWING_SIZE), 'PNG')
  except svg.Refused as e:
    raise Refused(str(e)) from None
  return 'drawing', on_white(large, DRAWING_SIZE).convert('L')


def kind_of(data):
  for magic, kind in MAGIC:
    if data.startswith(magic):
      return kind
  return 'SVG' if svg.is_svg(data) else None


def decode(data, kind):
  try:
    picture = Image.open(io.BytesIO(data), formats=[kind])
    # The header tells, before a single pixel is unpacked.
    if picture.width * picture.height > PIXELS_MAX:
      raise Refused('too_many_pixels')
    picture.load()
    return ImageOps.exif_transpose(picture)
  except (Refused, MemoryError):
    raise
  except (Image.DecompressionBombError, Image.DecompressionBombWarning):
    raise Refused('too_many_pixels') from None
  except Exception:
    # There is no telling what a decoder says to bytes that mean it harm.
    raise Refused('broken') from None


def on_white(picture, size):
  picture = picture.convert('RGBA')
  picture.thumbnail((size, size), Image.LANCZOS)
  paper = Image.new('RGBA', picture.size, 'white')
  paper.alpha_composite(picture)
  return paper.convert('RGB')


def share(grey, low, high):
  """How much of a grey picture lies in low <= value < high."""
  return sum(grey.histogram()[low:high]) / (grey.width * grey.height)


def vivid(picture):
  """How much of a picture has a colour worth the name."""
  _hue, saturation, value = picture.convert('HSV').split()
  colour = ImageChops.darker(saturation, value)
  return round(share(colour, 61, 256), 3)


def is_drawing(picture):
  """Lines on white: no colour, no shading, no large black areas."""
  grey = picture.convert('L')
  # What is left when everything thinner than five pixels is gone.
  solid = grey.filter(ImageFilter.MaxFilter(5))
  edges = grey.filter(ImageFilter.FIND_EDGES)
  return (vivid(picture) < 0.012 and share(grey, 230, 256) > 0.6
          and share(solid, 0, 200) < 0.075 and share(solid, 90, 235) < 0.025
          and share(edges, 60, 256) > 0.03)


def is_photo(picture):
  """Opaque, many tones, not on white paper."""
  if picture.mode in ('RGBA', 'LA', 'PA') or 'transparency' in picture.info:
    if picture.convert('RGBA').getchannel('A').getextrema()[0] < 255:
      return False
  small = on_white(picture, LOOK_SIZE)
  tones = small.getcolors(2000)  # None: more than that
  return tones is None and share(small.convert('L'), 230, 256) < 0.4


def as_png(picture):
  out = io.BytesIO()
  picture.save(out, 'PNG')
  return out.getvalue()


if __name__ == '__main__':
  handler.run(ingest)
