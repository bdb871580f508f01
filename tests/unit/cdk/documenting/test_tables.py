"""Parts of a document that a program writes: each between its markers, the rest untouched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_cdk.documenting.tables import MarkerError, filled, listed, table

PAGE = "# A page\n\n<!-- made: keys -->\n<!-- end of keys -->\n\nMore.\n"


def test_a_part_stands_between_its_markers_and_can_be_written_anew():
    once = filled(PAGE, {"keys": "old"})
    assert once == "# A page\n\n<!-- made: keys -->\nold\n<!-- end of keys -->\n\nMore.\n"
    assert filled(once, {"keys": "new"}) == filled(PAGE, {"keys": "new"})


@given(st.text(alphabet=st.characters(exclude_characters="<")))
def test_writing_a_part_again_changes_nothing(content: str):
    once = filled(PAGE, {"keys": content})
    assert filled(once, {"keys": content}) == once


@pytest.mark.parametrize("page", ["no markers", "<!-- made: keys -->\nnever ended", "<!-- end of keys -->"])
def test_a_part_without_a_place_is_told(page: str):
    with pytest.raises(MarkerError, match=r"no place for keys: write <!-- made: keys --> and <!-- end of keys -->"):
        filled(page, {"keys": ""})


def test_a_place_that_nothing_fills_is_told():
    with pytest.raises(MarkerError, match=r"nothing makes the part keys .* take its markers out"):
        filled(PAGE, {})


def test_a_bar_in_a_cell_does_not_end_it():
    assert table(["a", "b"], [["1|2", "3"]]).splitlines()[-1] == r"| 1\|2 | 3 |"


@pytest.mark.parametrize(
    ("words", "sentence"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), ([], "")]
)
def test_words_are_listed_as_a_sentence_has_them(words: list[str], sentence: str):
    assert listed(words) == sentence
