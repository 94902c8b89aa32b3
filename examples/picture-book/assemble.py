# SPDX-License-Identifier: MIT
"""
Assemble: binds the pages into one PDF.

Request   {pages, date, work}
Answer    {book, sha256, pages}: the file's name in `work`, its hash, its pages
"""
import hashlib
import os
import subprocess

import handler
from handler import DATA, UNAVAILABLE, Failure

BOOK = 'book.pdf'


def assemble(request):
  folder = os.path.join(request['work'], 'pages')
  names = request['pages']
  for name in names:
    if not os.path.isfile(handler.inside(folder, name)):
      raise Failure(DATA, f'{name} is missing in {folder}')
  # The date is that of the newest image, so that the same images make the same
  # book, byte for byte.
  environment = {**os.environ, 'SOURCE_DATE_EPOCH': str(request['date'])}
  try:
    done = subprocess.run(['rsvg-convert', '--format', 'pdf', *names],
                          cwd=folder, env=environment, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
  except FileNotFoundError:
    raise Failure(UNAVAILABLE, 'rsvg-convert is not installed') from None
  if done.returncode != 0:
    raise Failure(1, f'rsvg-convert ended with {done.returncode}')
  handler.write_file(os.path.join(request['work'], BOOK), done.stdout)
  return {'book': BOOK, 'sha256': hashlib.sha256(done.stdout).hexdigest(),
          'pages': len(names)}


if __name__ == '__main__':
  handler.run(assemble)
