"""What is said to hold a word does not hang on how many words were asked for before."""

from pathlib import Path

import pytest

from rewriter.python.file_texts import MANY_WORDS, Texts

SOURCE = "from parts import *\n\nlast = list(model.named_children())[-1]\n"


@pytest.mark.parametrize("asked", [0, MANY_WORDS + 1])
def test_words_stand_by_themselves(tmp_path: Path, asked: int) -> None:
    (tmp_path / "file.py").write_text(SOURCE)
    texts = Texts([tmp_path])
    for number in range(asked):
        texts.holding(f"other{number}")
    found = {word: bool(texts.holding(word)) for word in ("named_children", "children", "*", "last", "as")}
    assert found == {"named_children": True, "children": False, "*": True, "last": True, "as": False}
