# SPDX-License-Identifier: MIT
"""
Publish: puts the verified book where readers look for it, whole or not at all.

Request   {book, sha256, file, out, work}
Answer    {book, bytes, sha256}

The book is copied next to its final place under a hidden name, flushed to the
disk and renamed: readers see the old book or the new one, never half of one.
"""
import hashlib
import os

import handler
from handler import CANT_CREATE, DATA, NO_INPUT, Failure

CHUNK = 1 << 20


def publish(request):
  source = handler.inside(request['work'], request['book'])
  out = handler.make_folder(os.path.abspath(request['out']))
  target = handler.inside(out, request['file'])
  if os.path.isdir(target):
    raise Failure(CANT_CREATE, f'{target} is a folder')
  # An attempt that died after the rename has done all there is to do.
  if not is_published(target, request['sha256']):
    copy(source, target, request['sha256'])
  return {'book': target, 'bytes': os.path.getsize(target),
          'sha256': request['sha256']}


def is_published(target, sha256):
  try:
    with open(target, 'rb') as f:
      return hashlib.file_digest(f, 'sha256').hexdigest() == sha256
  except FileNotFoundError:
    return False


def copy(source, target, sha256):
  digest = hashlib.sha256()
  with handler.new_file(target) as new:
    try:
      book = open(source, 'rb')
    except FileNotFoundError:
      raise Failure(NO_INPUT, f'{source} is missing') from None
    with book:
      while chunk := book.read(CHUNK):
        digest.update(chunk)
        new.write(chunk)
    if digest.hexdigest() != sha256:
      raise Failure(DATA, f'{source} is not the book that was verified')


if __name__ == '__main__':
  handler.run(publish)
