# SPDX-License-Identifier: MIT
"""
Cover: composes the cover and the index for the pages that were made.

Request   {pages, pairs, title, work}: the answers of Page; all that was planned
Answer    {pages, captions}: the pages' file names in `work`/pages, in reading
          order; [{number, caption}] of those between cover and index

A page keeps the number of its pair. Where one is missing there is a gap in the
numbers, and the index says so.
"""
import textwrap

import handler
from handler import DATA, Failure
from paper import (CARD_H, CARD_W, CARDS, INK, MARGIN, PAGE_H, PAGE_W,
                   PIXELS_PER_MM, QUIET, folder_of, frame, image, legible, text,
                   write_page)


def compose(request):
  pages = request['pages']
  if not pages:
    raise Failure(DATA, 'no page is left for the book')
  folder = folder_of(request)
  cards = [page['card'] for page in pages if page['card']]
  write_page(folder, 'cover.svg', cover(request['title'], len(pages), cards))
  write_page(folder, 'index.svg',
             index(request['pairs'], {page['number'] for page in pages}))
  return {'pages': ['cover.svg', *(page['file'] for page in pages),
                    'index.svg'],
          'captions': [{'number': page['number'], 'caption': page['caption']}
                       for page in pages]}


def cover(title, count, cards):
  body = [f'<rect width="{PAGE_W}" height="{PAGE_H}" fill="#ffd45e"/>',
          '<circle cx="20" cy="12" r="60" fill="#ffe08a"/>',
          '<circle cx="205" cy="120" r="75" fill="#ffca3e"/>',
          '<circle cx="10" cy="260" r="70" fill="#ffca3e"/>']
  title = legible(title).strip() or 'My picture book'
  lines = textwrap.wrap(title, max(18, len(title) // 3 + 6))[:3]
  longest = max(len(line) for line in lines)
  size = min(24, 320 / longest, 41 / len(lines))
  y = 34 + size * (0.8 - len(lines) * 0.525)
  body += [text(PAGE_W / 2, y + i * size * 1.05, size, line)
           for i, line in enumerate(lines)]
  pictures = '1 picture' if count == 1 else f'{count} pictures'
  body.append(text(PAGE_W / 2, 66, 8.5, f'{pictures} to colour'))

  top = 76 + (CARDS - len(cards)) // 2 * CARD_H / 2
  tilts = (-3, 2.5, 2, -2.5, -2, 3)
  for i, card in enumerate(cards):
    row, column = divmod(i, 2)
    alone = i == len(cards) - 1 and column == 0
    x = (PAGE_W - CARD_W) / 2 if alone else 15 + column * (CARD_W + 12)
    y = top + row * (CARD_H - 1.5)
    w, h = card['width'] / PIXELS_PER_MM, card['height'] / PIXELS_PER_MM
    body += [f'<g transform="rotate({tilts[i]} {x + CARD_W / 2} '
             f'{y + CARD_H / 2}) translate({x} {y}) scale(0.93)">',
             f'<rect x="1.2" y="1.6" width="{CARD_W}" height="{CARD_H}" '
             'rx="4" fill="#b98a00" opacity="0.35"/>',
             frame(0, 0, CARD_W, CARD_H, 4, '#ffffff', 'none'),
             image(card['file'], (CARD_W - w) / 2, (CARD_H - h) / 2, w, h),
             '</g>']

  body += [text(MARGIN + 4, 281, 7, 'This book belongs to', 'start'),
           f'<path d="M88 282 H{PAGE_W - MARGIN - 4}" stroke="{INK}" '
           'stroke-width="0.6" stroke-dasharray="0.1 2" '
           'stroke-linecap="round"/>']
  return body


def index(pairs, made):
  step = min(9, 210 / len(pairs))
  size = step * 0.55
  body = [text(PAGE_W / 2, 34, 13, 'The pictures in this book')]
  for number, pair in enumerate(pairs, 1):
    y = 54 + (number - 1) * step
    source = ' · '.join(short(pair[of]['name']) for of in ('drawing', 'photo'))
    is_made = number in made
    body += [
      text(MARGIN + 10, y, size, str(number), 'end', QUIET),
      text(MARGIN + 14, y, size, pair['drawing']['caption'], 'start',
           INK if is_made else QUIET),
      text(PAGE_W - MARGIN, y, size * 0.72,
           source if is_made else 'not in this book', 'end', QUIET, 'normal'),
    ]
  body.append(text(PAGE_W / 2, PAGE_H - 8, 4.2, 'Made step by step, with '
                   'Treadle', fill=QUIET, weight='normal'))
  return body


def short(name):
  return name if len(name) <= 40 else '…' + name[-39:]


if __name__ == '__main__':
  handler.run(compose)
