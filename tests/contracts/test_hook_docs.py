"""The page about hooks documents exactly the hooks that exist, as they are, and its example works."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from jackfield.hookspecs import PROJECT, SPECIFICATIONS
from jackfield.registry import Registry
from jackfield_circuits import Circuit, Edge, Evidence

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")


class Documented(NamedTuple):
    """A hook as the page shows it."""

    group: str
    name: str
    signature: str
    first_result_wins: bool


def specifications() -> Iterator[tuple[type, str, Callable[..., object]]]:
    for group in SPECIFICATIONS:
        for name, function in vars(group).items():
            if hasattr(function, f"{PROJECT}_spec"):
                yield group, name, function


def signature_of(function: Callable[..., object]) -> str:
    """The signature without ``self`` and without the quotes around annotations."""
    signature = inspect.signature(function)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    return str(signature.replace(parameters=parameters)).replace("'", "")


def documented(page: str) -> list[Documented]:
    """Every third-level heading with the code fence under it and the second-level heading above it."""
    hooks = []
    for chapter in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        group = chapter.partition("\n")[0]
        for section in re.split(r"^### ", chapter, flags=re.MULTILINE)[1:]:
            name, _, body = section.partition("\n")
            (fence,) = re.findall(r"^```python\n(.*?)\n```$", body, flags=re.MULTILINE | re.DOTALL)
            assert fence.startswith(f"def {name}(")
            hooks.append(Documented(group, name, fence.removeprefix(f"def {name}"), "**First result wins.**" in body))
    return hooks


def test_the_page_documents_exactly_the_hooks_that_exist() -> None:
    declared = [
        Documented(group.__name__, name, signature_of(function), getattr(function, f"{PROJECT}_spec")["firstresult"])
        for group, name, function in specifications()
    ]
    assert len(declared) == 13
    assert documented(PAGE) == declared


def test_a_changed_signature_would_be_noticed() -> None:
    (hook,) = documented("# Hooks\n\n## Group\n\n### one\n\n```python\ndef one(a: int) -> None\n```\n\nText.\n")
    assert hook == Documented("Group", "one", "(a: int) -> None", False)


@pytest.mark.parametrize(("group", "name", "function"), [pytest.param(*one, id=one[1]) for one in specifications()])
def test_a_specification_tells_authors_what_it_takes_and_returns(
    group: type, name: str, function: Callable[..., object]
) -> None:
    text = inspect.getdoc(function) or ""
    takes = [parameter for parameter in inspect.signature(function).parameters if parameter != "self"]
    returns = inspect.signature(function).return_annotation != "None"
    assert ("Parameters\n----------" in text) == bool(takes)
    assert ("Returns\n-------" in text) == returns
    assert all(re.search(rf"^{parameter}$", text, flags=re.MULTILINE) for parameter in takes)
    assert f">>> @hookimpl\n... def {name}(" in text
    assert inspect.getdoc(group)


def test_the_example_is_a_plugin_that_works(tmp_path: Path) -> None:
    source = PAGE.split("```python\n", 1)[1].split("```", 1)[0]
    module = ModuleType("jackfield_edge_table")
    exec(compile(source, "hooks.md", "exec"), vars(module))  # noqa: S102
    registry = Registry({"edge-table": module})
    assert [record.hooks for record in registry.records] == [("register_exporters",)]

    def claim(score: float) -> Evidence:
        return Evidence(plugin="p", method="m", metric="d", unit="logits", score=score, n=4, run="r")

    weak, strong = Edge.parse("input->m0", [claim(0.25)]), Edge.parse("m0->logits", [claim(-2.0)])
    circuit = Circuit(edges=[weak, strong, Edge.parse("input->logits")], runs={"r": {}})
    registry.exporter("edges")(circuit, tmp_path / "edges.tsv")
    assert (tmp_path / "edges.tsv").read_text() == "m0->logits\t2.000\ninput->m0\t0.250\ninput->logits\t0.000\n"
