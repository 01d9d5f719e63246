"""What is built holds what it should, and what is declared is pinned."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.util import find_spec, resolve_name
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from jackfield.registry import Registry

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = {"jackfield": "toolkit", "jackfield_circuits": "circuits", "jackfield_plugins": "plugins"}
DECLARED = [
    *PROJECT["project"]["dependencies"],
    *(line for group in PROJECT["dependency-groups"].values() for line in group),
]


def modules_imported_by_init(package: str) -> set[str]:
    tree = ast.parse((ROOT / ROOMS[package] / package / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules = {resolve_name("." * node.level + (node.module or ""), package) for node in imports}
    return {name for name in modules if name.startswith(f"{package}.")}


def modules_in_the_reference() -> set[str]:
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md")]
    return set(re.findall(r"^::: ([\w.]+)$", "\n".join(pages), flags=re.MULTILINE))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return Path(next(iter(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"]))))


@pytest.fixture(scope="module")
def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    split = [line.partition("==") for line in lines if not line.startswith("#")]
    return {name: Version(version) for name, _, version in split}


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    present = {
        path.relative_to(ROOT / room).as_posix()
        for package, room in ROOMS.items()
        for path in (ROOT / room / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == present


@pytest.mark.parametrize("package", ROOMS)
def test_a_package_is_typed_and_has_an_init(package: str, wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert {f"{package}/py.typed", f"{package}/__init__.py"} <= set(archive.namelist())


def test_the_wheel_stays_small_enough_to_ship_a_model_in(wheel: Path) -> None:
    assert wheel.stat().st_size < 20_000_000


def test_every_entry_point_names_a_module_that_exists() -> None:
    project = PROJECT["project"]
    targets = [*project["scripts"].values(), *project["entry-points"]["jackfield.plugins"].values()]
    missing = [target for target in targets if find_spec(target.partition(":")[0]) is None]
    assert not missing


def test_every_analysis_package_is_registered_and_documented() -> None:
    shipped = {path.parent.name for path in (ROOT / "plugins" / "jackfield_plugins").glob("*/__init__.py")}
    registered = PROJECT["project"]["entry-points"]["jackfield.plugins"]
    assert shipped == {name for name, module in registered.items() if module == f"jackfield_plugins.{name}"}
    pages = {page.stem for page in (ROOT / "docs" / "plugins").glob("*.md")} - {"index"}
    assert shipped <= pages
    assert pages <= shipped | set(Registry.discover().analyses())


def test_the_reference_covers_every_module_that_a_package_offers_names_from() -> None:
    analyses = {f"jackfield_plugins.{path.parent.name}" for path in (ROOT / "plugins").glob("*/*/__init__.py")}
    offered = analyses.union(*map(modules_imported_by_init, ("jackfield", "jackfield_circuits")))
    assert not sorted(offered - modules_in_the_reference())


def test_the_reference_lists_only_modules_that_exist() -> None:
    assert not [name for name in sorted(modules_in_the_reference()) if find_spec(name) is None]


@pytest.mark.parametrize("declared", DECLARED)
def test_a_declared_dependency_is_pinned_within_its_range(declared: str, pins: dict[str, Version]) -> None:
    requirement = Requirement(declared)
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


def test_the_pins_are_sorted_public_releases(pins: dict[str, Version]) -> None:
    assert list(pins) == sorted(pins, key=str.upper)
    assert not [name for name, version in pins.items() if version.local or version.is_devrelease]
