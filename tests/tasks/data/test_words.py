"""Texts cut into words."""

import pytest

from tasks.data.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I can't, don't and cannot.", "I ca n't , do n't and can not ."),
        ('It’s the dogs\' "well-known" toy.', 'It ’s the dogs \' " well - known " toy .'),
        ("Mr. Smith left the U.S. at 3:30 for $1,000.50!", "Mr. Smith left the U.S. at 3:30 for $ 1,000.50 !"),
        ("See http://a.org/b?c=1, or mail a.b@c.org.", "See http://a.org/b?c=1 , or mail a.b@c.org ."),
        ("Really??? Well... :)", "Really ??? Well ... :)"),
        ("We'll say they've gone, she'd said", "We 'll say they 've gone , she 'd said"),
        ("  ", ""),
    ],
)
def test_clitics_and_punctuation_are_words(text: str, words: str) -> None:
    assert split_words(text) == words.split()
