# SPDX-License-Identifier: MIT
"""
What every step of the picture book shares: the contract of an `exec` step.

The request is JSON on stdin, the answer JSON on stdout, the log stderr. The
exit code says what a failure means: 75 may pass, 64 to 78 otherwise will not.

Any step may be killed at any instant and be run again, even while a lost
earlier attempt still runs. So a file gets its name only when it is complete,
and the same request always makes the same bytes.
"""
import contextlib
import errno
import fcntl
import json
import os
import re
import sys
import tempfile

USAGE, DATA, NO_INPUT, UNAVAILABLE, CANT_CREATE = 64, 65, 66, 69, 73
TRY_AGAIN = 75

# These may be gone at the next attempt.
PASSING = {errno.EAGAIN, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENFILE,
           errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.ESTALE,
           errno.ETIMEDOUT}

TEMPORARY = '.part-'


class Failure(Exception):
  def __init__(self, code, message):
    super().__init__(message)
    self.code = code


def run(step):
  """Performs `step(request)` under the contract and ends the program."""
  try:
    request = json.load(sys.stdin)
    if not isinstance(request, dict):
      raise ValueError('not an object')
  except ValueError as e:
    sys.exit(complain(USAGE, f'the request is not a JSON object: {e}'))
  try:
    answer = step(request)
  except Failure as e:
    sys.exit(complain(e.code, str(e)))
  except KeyError as e:
    sys.exit(complain(USAGE, f'the request lacks {e}'))
  except MemoryError:
    sys.exit(complain(TRY_AGAIN, 'out of memory'))
  except OSError as e:
    passing = e.errno in PASSING
    sys.exit(complain(TRY_AGAIN if passing else CANT_CREATE, str(e)))
  json.dump(answer, sys.stdout, separators=(',', ':'))
  print()


def complain(code, message):
  print(f'{os.path.basename(sys.argv[0])}: {message}', file=sys.stderr)
  return code


def progress(fraction, message):
  """Tells the worker how far we are; silently, where nobody listens."""
  with contextlib.suppress(KeyError, ValueError, OSError):
    line = {'progress': round(fraction, 3), 'message': message}
    os.write(int(os.environ['TREADLE_FD']), (json.dumps(line) + '\n').encode())


def inside(folder, name):
  """The path of a plain file name in `folder`; anything else is refused."""
  if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._-]*', name):
    raise Failure(USAGE, f'{name!r} is not a plain file name')
  return os.path.join(folder, name)


def make_folder(path):
  os.makedirs(path, exist_ok=True)
  return path


@contextlib.contextmanager
def new_file(path):
  """
  A file object whose content appears at `path` at once and complete, or never.

  The temporary file is locked while its writer lives. That is how a later
  attempt tells what a dead one left from what a living one still writes.
  """
  folder, name = os.path.split(path)
  prefix = temporary_of(name)
  clear_leftovers(folder, prefix)
  fd, temporary = tempfile.mkstemp(prefix=prefix, dir=folder)
  try:
    with os.fdopen(fd, 'wb') as f:
      fcntl.flock(f, fcntl.LOCK_EX)
      yield f
      f.flush()
      umask = os.umask(0)
      os.umask(umask)
      os.fchmod(f.fileno(), 0o666 & ~umask)
      os.fsync(f.fileno())
      os.rename(temporary, path)
  except FileNotFoundError as e:
    # Taken for a leftover in the instant before it was locked.
    raise Failure(TRY_AGAIN, str(e)) from None
  except BaseException:
    with contextlib.suppress(FileNotFoundError):
      os.unlink(temporary)
    raise
  fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
  try:
    os.fsync(fd)
  finally:
    os.close(fd)


def temporary_of(name):
  """How the names begin of what is to become the file `name`."""
  return f'{TEMPORARY}{name}-'


def clear_leftovers(folder, prefix=TEMPORARY):
  """Removes temporary files whose writer is dead. Returns how many."""
  removed = 0
  for entry in os.listdir(folder):
    if not entry.startswith(prefix):
      continue
    path = os.path.join(folder, entry)
    with contextlib.suppress(FileNotFoundError, BlockingIOError):
      with open(path, 'rb') as f:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
        removed += 1
  return removed


def write_file(path, content):
  with new_file(path) as f:
    f.write(content)
