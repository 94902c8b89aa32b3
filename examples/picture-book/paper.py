# SPDX-License-Identifier: MIT
"""
The paper of the book: its measures, and what is drawn on every page.

A page is an SVG file of its own. Lines and photos are pixels, all else is
vectors and text.
"""
import os
from xml.sax.saxutils import escape

import handler

# Millimetres, unless they say otherwise: A4, upright.
PAGE_W, PAGE_H, MARGIN = 210, 297, 15
PIXELS_PER_MM = 300 / 25.4
CARD_W, CARD_H, CARDS = 84, 63, 6
FONT = "'Comic Neue', 'DejaVu Sans', sans-serif"
INK, QUIET, LINE = '#2b2b33', '#6d6d7a', '#d9d9e0'


def folder_of(request):
  return handler.make_folder(os.path.join(request['work'], 'pages'))


def write_page(folder, name, body):
  svg = (f'<svg xmlns="http://www.w3.org/2000/svg" '
         f'width="{PAGE_W}mm" height="{PAGE_H}mm" '
         f'viewBox="0 0 {PAGE_W} {PAGE_H}" font-family="{FONT}">\n'
         f'<rect width="{PAGE_W}" height="{PAGE_H}" fill="#ffffff"/>\n'
         + '\n'.join(body) + '\n</svg>\n')
  handler.write_file(os.path.join(folder, name), svg.encode())


def text(x, y, size, words, anchor='middle', fill=INK, weight='bold'):
  return (f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:.2f}" '
          f'text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">'
          f'{escape(legible(words))}</text>')


def legible(words):
  """Without control characters, which XML cannot hold."""
  return ''.join(c if c.isprintable() else ' ' for c in words)


def image(name, x, y, w, h):
  return (f'<image href="{name}" x="{x:.2f}" y="{y:.2f}" '
          f'width="{w:.2f}" height="{h:.2f}"/>')


def frame(x, y, w, h, r, fill='none', stroke=LINE):
  return (f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{r}" '
          f'fill="{fill}" stroke="{stroke}" stroke-width="0.7"/>')
