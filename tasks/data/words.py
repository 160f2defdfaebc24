"""Cutting a text into words as the English treebanks do: clitics and punctuation are words of their own."""

from __future__ import annotations

import re

# Tried in this order at every place. What is longer and rarer comes first.
_WORD = re.compile(
    r"""
    (?: https?:// | www\. ) [^\s<>]* [^\s<>.,;:!?)\]'"]       # addresses
  | [\w.+-]+ @ [\w-]+ (?: \. [\w-]+ )+
  | [:;=] [-']? [()DPp/|]+ (?! \w )                           # :-)
  | (?: [A-Za-z] \. ){2,}                                     # U.S.
  | \b (?: Mr | Mrs | Ms | Dr | Prof | St | Jr | Sr | Inc | Ltd | Co | Corp | Gen | Sen | Gov | vs | etc ) \. (?= \s )
  | \d+ (?: [.,:/] \d+ )+                                     # 1,000.50
  | \w{2,} (?: \. \w{2,} )+                                   # the name of a file or a host
  | can (?= not \b )
  | \w+? (?= n['’]t \b )                                      # do n't
  | n['’]t \b
  | ['’] (?: s | m | d | re | ve | ll ) \b
  | \w+
  | \.{2,} | -{2,} | !{2,} | \?{2,} | [!?]{2,} | \*{2,} | ={2,} | _{2,}
  | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)


def split_words(text: str) -> list[str]:
    """The words of ``text``, none of them empty."""
    return _WORD.findall(text)
