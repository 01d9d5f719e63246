"""What no linter checks: the habits of library code, read from its syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [
    ROOT / "toolkit" / "jackfield",
    ROOT / "circuits" / "jackfield_circuits",
    ROOT / "plugins" / "jackfield_plugins",
]
SITES = ROOT / "toolkit" / "jackfield" / "sites.py"
LONGEST_MODULE = 400

HOOK_NAME = re.compile(r"\bblocks\.|\bhook_(?!impl|spec|name)|\buse_(attn|hook|split)_|\bln_final\b|\bunembed\.")
PICKLERS = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
PICKLING_CALLS = ("torch.load", "torch.save", "np.save", "read_pickle", "to_pickle")

Offences = Iterator[tuple[int, str]]
Finder = Callable[[ast.AST], Offences]


@cache
def sources() -> dict[Path, ast.Module]:
    files = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in files}


def docstrings(tree: ast.AST) -> set[int]:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, owners) and node.body]
    return {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}


def hook_names(tree: ast.AST) -> Offences:
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in skipped:
            continue
        if isinstance(node.value, str) and HOOK_NAME.search(node.value):
            yield node.lineno, node.value


def prints(tree: ast.AST) -> Offences:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "rich.print"}:
            yield node.lineno, ast.unparse(node)


def asserts(tree: ast.AST) -> Offences:
    return ((node.lineno, ast.unparse(node)) for node in ast.walk(tree) if isinstance(node, ast.Assert))


def pickles(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=aliases):
            return bool(PICKLERS & {alias.name.partition(".")[0] for alias in aliases})
        case ast.ImportFrom(module=str(module)):
            return module.partition(".")[0] in PICKLERS
        case ast.Call(func=function):
            return ast.unparse(function).endswith(PICKLING_CALLS)
        case ast.keyword(arg="allow_pickle", value=value):
            return ast.unparse(value) != "False"
    return False


def pickling(tree: ast.AST) -> Offences:
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.expr | ast.keyword) and pickles(node):
            yield node.lineno, ast.unparse(node)


def global_seeding(tree: ast.AST) -> Offences:
    seeders = {"torch.manual_seed", "random.seed", "np.random.seed", "numpy.random.seed", "torch.seed"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in seeders:
            yield node.lineno, ast.unparse(node)


RULES: dict[str, tuple[Finder, str]] = {
    "hook names are spelled in jackfield.sites alone": (hook_names, 'run(f"blocks.{layer}.attn.hook_z")'),
    "library code prints nothing": (prints, "print('found')"),
    "library code raises instead of asserting": (asserts, "assert score > 0"),
    "nothing is pickled or unpickled": (pickling, "weights = torch.load(path)"),
    "no global generator is seeded": (global_seeding, "torch.manual_seed(0)"),
}


@pytest.mark.parametrize("rule", RULES)
def test_library_code_keeps_the_rule(rule: str) -> None:
    find, _ = RULES[rule]
    offences = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path, tree in sources().items()
        if not (find is hook_names and path == SITES)
        for line, text in find(tree)
    ]
    assert not offences, rule + ":\n" + "\n".join(offences)


@pytest.mark.parametrize("rule", RULES)
def test_a_breach_of_the_rule_would_be_found(rule: str) -> None:
    find, breach = RULES[rule]
    assert list(find(ast.parse(breach)))


@pytest.mark.parametrize(
    "statement",
    ["import pickle", "from dill import loads", "np.load(path, allow_pickle=True)", "frame.to_pickle(path)"],
)
def test_pickling_is_found_in_its_other_forms(statement: str) -> None:
    assert list(pickling(ast.parse(statement)))


def test_a_hook_name_in_a_docstring_is_no_offence() -> None:
    assert not list(hook_names(ast.parse('"""Like blocks.0.hook_resid_pre."""')))


def test_a_module_is_about_one_noun_and_of_readable_length() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert not {path: length for path, length in lengths.items() if length > LONGEST_MODULE}
    assert not [path for path in lengths if path.stem.lstrip("_") in {"common", "helpers", "misc", "util", "utils"}]


def test_every_module_opens_with_what_it_is_about() -> None:
    bare = [
        str(path.relative_to(ROOT)) for path, tree in sources().items() if tree.body and not ast.get_docstring(tree)
    ]
    assert not bare
