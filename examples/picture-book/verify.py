# SPDX-License-Identifier: MIT
"""
Verify: looks at the book as a reader would, and trusts no earlier step.

Request   {book, sha256, pages, captions, work}
Answer    {pages, paper, fonts, sha256}

`captions` holds a {number, caption} for each page but the cover and the index.
The book has the promised bytes and pages; each page is A4, shows its caption
and its number, and is not blank; every font is embedded.
"""
import hashlib
import os
import re
import subprocess

import handler
from handler import DATA, UNAVAILABLE, Failure

A4 = (595.28, 841.89)
POINTS_OFF_MAX = 1


def verify(request):
  book = handler.inside(request['work'], request['book'])
  if not os.path.isfile(book):
    raise Failure(DATA, f'{book} is missing')
  check_bytes(book, request['sha256'])
  check_pages(book, request['pages'])
  check_words(book, request['pages'], request['captions'])
  check_ink(book, request['pages'])
  return {'pages': request['pages'], 'paper': 'A4',
          'fonts': check_fonts(book), 'sha256': request['sha256']}


def poppler(*command):
  try:
    done = subprocess.run(command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=False)
  except FileNotFoundError:
    raise Failure(UNAVAILABLE, f'{command[0]} is not installed') from None
  if done.returncode != 0:
    raise Failure(DATA, f'{command[0]} cannot read the book')
  return done.stdout


def check_bytes(book, sha256):
  with open(book, 'rb') as f:
    found = hashlib.sha256(f.read()).hexdigest()
  if found != sha256:
    raise Failure(DATA, f'the book has hash {found}, promised was {sha256}')


def check_pages(book, pages):
  info = poppler('pdfinfo', '-f', '1', '-l', '9999', book).decode()
  found = int(re.search(r'^Pages:\s+(\d+)', info, re.M)[1])
  if found != pages:
    raise Failure(DATA, f'the book has {found} pages, promised were {pages}')
  sizes = re.findall(r'^Page +\d+ size: +([\d.]+) x ([\d.]+)', info, re.M)
  if len(sizes) != pages:
    raise Failure(DATA, f'only {len(sizes)} of {pages} pages have a size')
  for number, size in enumerate(sizes, 1):
    if any(abs(float(s) - a) > POINTS_OFF_MAX for s, a in zip(size, A4)):
      raise Failure(DATA, f'page {number} is {size[0]} x {size[1]} points, '
                          'not A4')


def check_words(book, pages, captions):
  text = poppler('pdftotext', '-enc', 'UTF-8', '-layout', book, '-').decode()
  texts = [' '.join(t.split()) for t in text.split('\f')]
  if len(captions) != pages - 2:
    raise Failure(DATA, f'{len(captions)} captions for {pages} pages: there '
                        'should be one for each but the cover and the index')
  for page, promised in zip(texts[1:], captions):
    number, caption = promised['number'], promised['caption']
    if ' '.join(caption.split()) not in page:
      raise Failure(DATA, f'page {number} lacks its caption "{caption}"')
    if str(number) not in page.split():
      raise Failure(DATA, f'page {number} lacks its number')


def check_ink(book, pages):
  """Draws each page tiny and grey; a page without any dark spot is blank."""
  for number in range(1, pages + 1):
    handler.progress(number / pages, f'page {number} of {pages}')
    drawn = poppler('pdftoppm', '-gray', '-r', '20', '-f', str(number),
                    '-l', str(number), book)
    pixels = drawn.split(b'\n', 3)[3]
    dark = sum(v < 160 for v in pixels) / len(pixels)
    if dark < 0.005:
      raise Failure(DATA, f'page {number} of the file looks blank')


def check_fonts(book):
  rows = poppler('pdffonts', book).decode().splitlines()[2:]
  fonts = set()
  for row in rows:
    name, embedded = row.split()[0], row.split()[-5]
    if embedded != 'yes':
      raise Failure(DATA, f'font {name} is not embedded')
    fonts.add(name.partition('+')[2] or name)
  return sorted(fonts)


if __name__ == '__main__':
  handler.run(verify)
