# SPDX-License-Identifier: MIT
"""
Page: composes one page of the book: a drawing, a photo, crayons in its colours.

Request   {pair, number, of, work}: the page is the `number`th `of` so many
Answer    {number, file, caption, card}: the page's file in `work`/pages, and
          {file, width, height} of its small picture for the cover, or null

The photo lends the page its colours: the crayons beside it show what to look
for. A picture that can't be decoded any more spoils this page, and no other.
"""
import colorsys
import io
import os

from PIL import Image, ImageChops, ImageDraw, ImageFilter

import handler
from handler import DATA, NO_INPUT, Failure
from paper import (CARD_H, CARD_W, CARDS, INK, MARGIN, PAGE_H, PAGE_W,
                   PIXELS_PER_MM, QUIET, folder_of, frame, image, text,
                   write_page)

# Millimetres, unless they say otherwise.
ART_W, ART_H, ART_PAD = 180, 166, 7
PHOTO_W, PHOTO_H = 76, 57
PHOTO_PIXELS = 600, 450
CRAYONS = 6


def compose(request):
  pair, number = request['pair'], request['number']
  ingested = os.path.join(request['work'], 'ingest')
  folder = folder_of(request)
  art = open_picture(ingested, pair['drawing'])
  photo = cut(open_picture(ingested, pair['photo']), PHOTO_W / PHOTO_H)
  art = fit(art, (ART_W - 2 * ART_PAD, ART_H - 2 * ART_PAD))
  colours = palette(photo)
  art_file, photo_file = f'art-{number:02}.png', f'photo-{number:02}.jpg'
  write_picture(folder, art_file, art)
  write_picture(folder, photo_file, photo)
  card = None
  if is_on_cover(number, request['of']):
    card = write_card(folder, number, art, colours)
  file = f'page-{number:02}.svg'
  write_page(folder, file,
             page(pair, number, art, art_file, photo_file, colours))
  return {'number': number, 'file': file,
          'caption': pair['drawing']['caption'], 'card': card}


def is_on_cover(number, of):
  return number - 1 in {i * of // CARDS for i in range(CARDS)}


def write_card(folder, number, art, colours):
  card = fit(colour_in(art, bright(colours)), (CARD_W - 8, CARD_H - 8))
  file = f'card-{number:02}.png'
  write_picture(folder, file, card)
  return {'file': file, 'width': card.width, 'height': card.height}


# Pictures

def open_picture(folder, entry):
  path = handler.inside(folder, entry['file'])
  try:
    with open(path, 'rb') as f:
      data = f.read()
  except FileNotFoundError:
    raise Failure(NO_INPUT, f'{path} is missing') from None
  try:
    with Image.open(io.BytesIO(data), formats=['PNG']) as picture:
      picture.load()
      return picture
  except MemoryError:
    raise
  except Exception as e:
    # There is no telling what a decoder says to bytes that are damaged.
    raise Failure(DATA, f'{path} cannot be decoded: {e}') from None


def write_picture(folder, name, picture):
  out = io.BytesIO()
  if name.endswith('.jpg'):
    picture.save(out, 'JPEG', quality=90, subsampling=0)
  else:
    picture.save(out, 'PNG')
  handler.write_file(os.path.join(folder, name), out.getvalue())


def fit(picture, box):
  """As large as `box`, in print resolution. Lines come out black, smooth and
  strong enough for a child, whatever they were drawn with."""
  room = [mm * PIXELS_PER_MM for mm in box]
  if picture.mode != 'L':
    scale = min(room[0] / picture.width, room[1] / picture.height)
    return picture.resize(scaled(picture, scale), Image.LANCZOS)

  ink = picture.point(lambda v: 255 if v < 225 else 0).getbbox()
  picture = picture.crop(ink or (0, 0, *picture.size))
  scale = min(room[0] / picture.width, room[1] / picture.height)
  picture = picture.resize(scaled(picture, scale), Image.BICUBIC)
  if scale > 1.2:
    # Pixels of the source must not show as steps.
    picture = picture.filter(ImageFilter.GaussianBlur(scale * 0.55))
  darkest = darkness(picture)
  picture = picture.point(
    lambda v: clamp(((v - darkest) / (256 - darkest) - 0.4) * 255 / 0.35))
  return strengthen(picture)


def strengthen(picture):
  """Thin lines become half a millimetre wide; thick ones stay."""
  thick = picture.filter(ImageFilter.MaxFilter(7))
  thick = thick.filter(ImageFilter.MinFilter(7))
  thin = ImageChops.lighter(picture, ImageChops.invert(thick))
  return ImageChops.darker(picture, thin.filter(ImageFilter.MinFilter(5)))


def scaled(picture, scale):
  return (max(1, round(picture.width * scale)),
          max(1, round(picture.height * scale)))


def clamp(v):
  return max(0, min(255, round(v)))


def darkness(grey):
  """The value that the darkest hundredth of a picture does not exceed."""
  left = grey.width * grey.height / 100
  for value, count in enumerate(grey.histogram()):
    left -= count
    if left < 0:
      return min(value, 200)
  return 0


def cut(photo, aspect):
  """The middle of a photo, in the aspect wanted, without black bars."""
  light = photo.convert('L').point(lambda v: 255 if v > 24 else 0)
  rows = light.resize((1, photo.height), Image.BOX)
  box = rows.point(lambda v: 255 if v > 8 else 0).getbbox()
  if box and box[3] - box[1] > photo.height / 2:
    photo = photo.crop((0, box[1], photo.width, box[3]))
  width = min(photo.width, photo.height * aspect)
  height = width / aspect
  x, y = (photo.width - width) / 2, (photo.height - height) / 2
  photo = photo.crop([round(v) for v in (x, y, x + width, y + height)])
  return photo.resize(PHOTO_PIXELS, Image.LANCZOS)


def palette(photo):
  """The colours of a photo: common ones, lively ones, unlike each other."""
  small = photo.resize((96, 72), Image.BOX).quantize(32, Image.MEDIANCUT)
  flat = small.getpalette()
  found = [(n, tuple(flat[3 * i:3 * i + 3])) for n, i in small.getcolors()]

  def worth(n, colour):
    _h, saturation, value = hsv(colour)
    return n ** 0.5 * (0.25 + saturation) * (0.3 + value)

  chosen = []
  for _ in range(CRAYONS):
    chosen.append(max(found, key=lambda f: (
      worth(*f) * min([distance(f[1], c) for c in chosen] or [1]), f))[1])
  return sorted(chosen, key=lambda c: (sum(c), c))


def hsv(colour):
  return colorsys.rgb_to_hsv(*(v / 255 for v in colour))


def distance(a, b):
  return sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5


def bright(colours):
  """The same hues, light enough to see lines on."""
  light = []
  for colour in colours:
    h, s, v = hsv(colour)
    s = min(0.8, s + 0.2) if s > 0.08 else s
    light.append(tuple(round(x * 255) for x in
                       colorsys.hsv_to_rgb(h, s, 0.75 + v / 4)))
  return light


def colour_in(art, colours):
  """What a child might make of it: every closed field gets a colour, the
  paper around the drawing stays white."""
  small = art.copy()
  small.thumbnail((420, 420), Image.BOX)
  fields = Image.new('L', (small.width + 2, small.height + 2), 255)
  fields.paste(small.point(lambda v: 255 if v > 140 else 0), (1, 1))
  # Values 1 and up are fields; 0 is ink, 255 not seen yet.
  ImageDraw.floodfill(fields, (0, 0), 1)
  paint = [(255, 255, 255)] * 256
  value = 2
  for y in range(1, fields.height - 1, 3):
    for x in range(1, fields.width - 1, 3):
      if fields.getpixel((x, y)) == 255 and value < 250:
        ImageDraw.floodfill(fields, (x, y), value)
        paint[value] = colours[value * 5 % len(colours)]
        value += 1
  layers = [fields.point([c[i] for c in paint]) for i in range(3)]
  colour = Image.merge('RGB', layers)
  # Let the paint run under the lines, or a white seam would show.
  colour = colour.filter(ImageFilter.MinFilter(3))
  colour = colour.crop((1, 1, fields.width - 1, fields.height - 1))
  colour = colour.resize(art.size, Image.BICUBIC)
  return ImageChops.multiply(colour, art.convert('RGB'))


# Drawings

def crayon(x, y, colour, w=9, h=40):
  """A crayon that stands on y + h and points up."""
  r, g, b = colour
  body = f'rgb({r},{g},{b})'
  dark = f'rgb({r * 3 // 4},{g * 3 // 4},{b * 3 // 4})'
  tip = (f'M{x + 1:.1f} {y + 10} L{x + w * 0.36:.1f} {y + 1} '
         f'Q{x + w / 2:.1f} {y - 0.6:.1f} {x + w * 0.64:.1f} {y + 1} '
         f'L{x + w - 1:.1f} {y + 10} Z')
  return (f'<g stroke="{INK}" stroke-width="0.35" stroke-linejoin="round">'
          f'<path d="{tip}" fill="{body}"/>'
          f'<rect x="{x:.1f}" y="{y + 10}" width="{w}" height="{h - 10}" '
          f'rx="1" fill="{body}"/>'
          f'<rect x="{x:.1f}" y="{y + 13}" width="{w}" height="1.6" '
          f'fill="{dark}" stroke="none"/>'
          f'<rect x="{x:.1f}" y="{y + h - 5}" width="{w}" height="1.6" '
          f'fill="{dark}" stroke="none"/></g>')


def page(pair, number, art, art_file, photo_file, colours):
  w, h = art.width / PIXELS_PER_MM, art.height / PIXELS_PER_MM
  left, top, below = MARGIN, MARGIN, 218
  caption = pair['drawing']['caption']
  body = [
    image(art_file, left + (ART_W - w) / 2, top + (ART_H - h) / 2, w, h),
    frame(left, top, ART_W, ART_H, 6),
    text(PAGE_W / 2, 203, min(15, 300 / len(caption)), caption),
    '<clipPath id="photo">' + frame(left, below, PHOTO_W, PHOTO_H, 4)
    + '</clipPath>',
    '<g clip-path="url(#photo)">'
    + image(photo_file, left, below, PHOTO_W, PHOTO_H) + '</g>',
    frame(left, below, PHOTO_W, PHOTO_H, 4),
    text(left + PHOTO_W / 2, below + PHOTO_H + 6, 4.2,
         pair['photo']['caption'], fill=QUIET, weight='normal'),
    text(148, below + 6.5, 6, 'Colours from the photo', fill=QUIET),
  ]
  step = 15
  first = 148 - (step * (CRAYONS - 1) + 9) / 2
  body += [crayon(first + i * step, below + 14, c)
           for i, c in enumerate(colours)]
  body.append(text(PAGE_W / 2, PAGE_H - 8, 5, str(number), fill=QUIET))
  return body


if __name__ == '__main__':
  handler.run(compose)
