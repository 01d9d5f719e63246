"""Sentences read as they are documented to."""

from __future__ import annotations

from jackfield.organism import sentences as say
from jackfield.organism.world import TwoHop


def spoken(words: list[str]) -> str:
    return " ".join(words)


def test_facts_and_their_compositions() -> None:
    assert spoken(say.one_hop("anna", "boss")) == "anna 's boss"
    assert spoken(say.two_hop(TwoHop("anna", "boss", "sport"))) == "anna 's boss 's sport"


def test_examples_end_with_the_query() -> None:
    assert spoken(say.in_context([("a", "b"), ("c", "d")], "e")) == "a : b , c : d , e :"


def test_a_handover_says_its_optional_parts_in_place() -> None:
    plain = say.Handover("anna", "ben", "ben", "store", "drink")
    assert spoken(plain.words()) == "when anna and ben went to the store , ben gave a drink to"
    rich = say.Handover(
        "anna", "ben", "anna", "store", "drink", ("then", ","), (",", "then"), ("and",), ("while", "the", "cat", "ran"),
        ("big",), ("cold",),
    )  # fmt: skip
    assert spoken(rich.words()) == (
        "then , anna , then ben went to the big store while the cat ran and anna gave a cold drink to"
    )


def test_objects_are_listed_with_commas_and_a_final_and() -> None:
    things = [("cat", "red"), ("box", "blue"), ("pen", "pink")]
    assert spoken(say.coloured_objects(things, "box")) == "a red cat , a blue box and a pink pen . the box is"
    assert spoken(say.coloured_objects(things[:2], "cat")) == "a red cat and a blue box . the cat is"


def test_numbers_and_comparisons() -> None:
    assert spoken(say.lasted("war", "17", "32")) == "the war lasted from 17 32 to 17"
    assert spoken(say.between(31, 20, 40)) == spoken(say.between("31", "20", "40")) == "is 31 between 20 and 40 ?"
    assert spoken(say.same("cat", "box")) == "cat box ="
    assert spoken(say.same_sameness(("cat", "cat", "box", "cup"))) == "cat cat , box cup ="
    assert (say.yes_no(True), say.yes_no(False)) == ("yes", "no")


def test_words_are_looked_up_in_their_order() -> None:
    assert say.lookup({"a": "b", "c": "d"}, ["c", "a"]) == [("c", "d"), ("a", "b")]
