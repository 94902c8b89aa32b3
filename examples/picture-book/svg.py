# SPDX-License-Identifier: MIT
"""
SVG from strangers: what it may contain, and how it becomes pixels.

Two walls. `check` refuses a drawing that names anything outside itself.
`render` hands the bytes over on stdin, where the renderer has no base address
and so resolves no reference at all, and gives it little time and memory.
"""
import re
import resource
import subprocess
from xml.parsers import expat

from handler import UNAVAILABLE, Failure

SECONDS_MAX = 10
MEMORY_MAX = 1 << 30

OWN = r'#|data:image/(?:png|jpe?g);base64,'
OWN_HREF = re.compile(rf'\s*(?:$|{OWN})', re.I)
FOREIGN_URL = re.compile(rf'url\(\s*["\']?\s*(?!{OWN})|@import', re.I)


class Refused(Exception):
  """The drawing is not for us; the argument is the reason's name."""


def is_svg(data):
  """Whether this is XML whose outermost element is `svg`."""
  root = []
  parser = expat.ParserCreate(namespace_separator=' ')

  def on_start(name, _attributes):
    root.append(name)
    parser.StartElementHandler = None

  parser.StartElementHandler = on_start
  try:
    parser.Parse(data, True)
  except expat.ExpatError:
    pass
  return bool(root) and root[0] in ('svg', 'http://www.w3.org/2000/svg svg')


def check(data):
  def refuse(*_):
    raise Refused('external_reference')

  def on_entity(*_):
    raise Refused('entities')

  def on_start(name, attributes):
    element = name.rpartition(' ')[2]
    if element == 'include':
      refuse()
    for key, value in attributes.items():
      # A link is only followed by a reader who clicks on it.
      is_href = key.rpartition(' ')[2] == 'href' and element != 'a'
      if is_href and not OWN_HREF.match(value):
        refuse()
      if FOREIGN_URL.search(value):
        refuse()

  def on_text(text):
    if FOREIGN_URL.search(text):
      refuse()

  def on_instruction(target, _data):
    if target == 'xml-stylesheet':
      refuse()

  parser = expat.ParserCreate(namespace_separator=' ')
  parser.buffer_text = True
  parser.EntityDeclHandler = on_entity
  parser.StartElementHandler = on_start
  parser.CharacterDataHandler = on_text
  parser.ProcessingInstructionHandler = on_instruction
  try:
    parser.Parse(data, True)
  except expat.ExpatError:
    raise Refused('broken') from None


def render(data, size):
  """The drawing as PNG bytes, fitted into a square of `size` pixels."""
  command = ['rsvg-convert', '--format', 'png', '--keep-aspect-ratio',
             '--width', str(size), '--height', str(size)]
  try:
    done = subprocess.run(command, input=data, capture_output=True,
                          timeout=SECONDS_MAX, preexec_fn=limit, check=False)
  except FileNotFoundError:
    raise Failure(UNAVAILABLE, 'rsvg-convert is not installed') from None
  except subprocess.TimeoutExpired:
    raise Refused('too_complex') from None
  if done.returncode != 0 or not done.stdout:
    raise Refused('broken' if done.returncode >= 0 else 'too_complex')
  return done.stdout


def limit():
  resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
  resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
  resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
