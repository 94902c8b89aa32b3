# SPDX-License-Identifier: MIT
"""
Tidy: removes what attempts that were killed have left half-made.

Request   {file, out, work}
Answer    {removed}: how many files

Only temporary files whose writer is dead go: those in the run's own folder, and
in `out` those that were to become `file`. Finished files stay where they are: a
run that is taken up again goes on with them.
"""
import os

import handler


def tidy(request):
  work, out = request['work'], request['out']
  removed = 0
  if os.path.isdir(out):
    removed += handler.clear_leftovers(
      out, handler.temporary_of(request['file']))
  for folder in (work, f'{work}/ingest', f'{work}/pages'):
    if os.path.isdir(folder):
      removed += handler.clear_leftovers(folder)
  return {'removed': removed}


if __name__ == '__main__':
  handler.run(tidy)
