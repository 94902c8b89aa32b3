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

ATTEMPTS = 5  # as the workflow says

def tidy(request):
  work, out = request['work'], request['out']
  removed = 0
  if os.path.isdir(out):
    removed += handler.clear_leftovers(
      out, handler.temporary_of(request['file']))
  for folder in (work, f'{work}/ingest', f'{work}/pages'):
    if os.path.isdir(folder):
      removed += handler.clear_leftovers(folder)
  if os.path.isdir(out) and is_written(out, request['file']):
    raise handler.Failure(handler.TRY_AGAIN, 'somebody is still writing')
  return {'removed': removed}


def is_written(folder, file):
  """Whether the writer of a half-made file has still to die: at the last
  attempt it is somebody else's, who is at work."""
  prefix = handler.temporary_of(file)
  is_last = int(os.environ.get('TREADLE_ATTEMPT', ATTEMPTS)) >= ATTEMPTS
  return not is_last and any(n.startswith(prefix) for n in os.listdir(folder))


if __name__ == '__main__':
  handler.run(tidy)
