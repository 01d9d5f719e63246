"""A result comes whole, with units and controls, and reads back as it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr

from jackfield.errors import ResultError
from jackfield.hooked_model import ModelIdentity
from jackfield.provenance import Provenance, versions
from jackfield.results import AnalysisResult, read_header
from jackfield.statistics import Estimate

PROVENANCE = Provenance(
    analysis="sample", analysis_version="1", config={"layers": [0, 2], "level": 0.95, "name": "é"},
    model=ModelIdentity("tiny", "GPT2LMHeadModel", "float32", "ab12", "cd34"), task="ioi", metric="logit_difference",
    seed=7, pairs=20, drawn=24, prompts="ab12", packages={"torch": "2.6"},
)  # fmt: skip
CHANGED: dict[str, Any] = {
    "analysis": "other", "analysis_version": "2", "config": {"layers": [0, 3], "level": 0.95, "name": "é"},
    "model": replace(PROVENANCE.model, weights="ab13"), "task": "induction", "metric": "rank", "seed": 8, "pairs": 21,
    "drawn": 25, "prompts": "ab13", "packages": {"torch": "2.7"},
}  # fmt: skip


class SampleResult(AnalysisResult):
    variables: ClassVar[tuple[str, ...]] = ("effect", "label")

    def to_frame(self) -> Any:
        raise NotImplementedError

    def plot(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def summary(self) -> list[str]:
        raise NotImplementedError

    def to_circuit(self) -> Any:
        raise NotImplementedError


class OtherResult(SampleResult):
    variables: ClassVar[tuple[str, ...]] = ("effect", "share")


def dataset() -> xr.Dataset:
    effect = np.random.default_rng(0).normal(size=(2, 3))
    effect[0, 1] = np.nan
    return xr.Dataset(
        {
            "effect": (("layer", "place"), effect, {"unit": "logits"}),
            "label": ("place", ["a0.h1<q>", "m0", "é"], {"unit": "name"}),
            "kept": ("place", [True, False, True], {"unit": "yes or no"}),
        },
        coords={"layer": [0, 2], "place": ["x", "y", "z"]},
        attrs={"direction": "noising"},
    )


def result(**changes: Any) -> SampleResult:
    parts: dict[str, Any] = {
        "data": dataset(),
        "baselines": {
            "clean": Estimate(3.0, 2.5, 3.25, 20, "logits"),
            "corrupted": Estimate(-1.0, -2.0, 0.5, 20, "logits"),
        },
        "controls": {"random": "another prompt's activation"},
        "provenance": PROVENANCE,
    }
    return SampleResult(**{**parts, **changes})


def test_a_result_reads_back_as_it_was_written(tmp_path: Path) -> None:
    written = result()
    written.save(tmp_path / "deep" / "sample.nc")
    read = SampleResult.load(tmp_path / "deep" / "sample.nc")
    xr.testing.assert_identical(read.data, written.data)
    assert {name: variable.dtype.kind for name, variable in read.data.data_vars.items()} == {
        "effect": "f", "label": written.data["label"].dtype.kind, "kept": "b",
    }  # fmt: skip
    assert read.baselines == written.baselines
    assert read.controls == written.controls
    assert read.provenance == written.provenance
    assert read.provenance.digest == written.provenance.digest


def test_saving_leaves_the_result_as_it_was_and_one_file(tmp_path: Path) -> None:
    written = result()
    written.save(tmp_path / "sample.nc")
    xr.testing.assert_identical(written.data, dataset())
    assert [path.name for path in tmp_path.iterdir()] == ["sample.nc"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "sample.nc"
    result().save(path)
    before = path.read_bytes()
    unwritable = dataset().assign(what=("place", np.array([{}, {}, {}], dtype=object), {"unit": "none"}))
    with pytest.raises((TypeError, ValueError)):
        result(data=unwritable).save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["sample.nc"]


def test_the_header_can_be_read_alone(tmp_path: Path) -> None:
    result().save(tmp_path / "sample.nc")
    header = read_header(tmp_path / "sample.nc")
    assert header["analysis"] == "sample"
    assert header["provenance"] == json.loads(json.dumps(PROVENANCE.as_dict()))


def test_a_result_without_one_of_its_variables_is_refused() -> None:
    with pytest.raises(ResultError, match="a sample result lacks label"):
        result(data=dataset().drop_vars("label"))


def test_a_result_without_a_control_is_refused() -> None:
    with pytest.raises(ResultError, match="a sample result comes without a control"):
        result(controls={})


def test_a_variable_without_a_unit_is_refused() -> None:
    data = dataset()
    del data["kept"].attrs["unit"]
    with pytest.raises(ResultError, match="variable kept of a sample result has no unit"):
        result(data=data)


def test_a_dimension_without_coordinate_is_refused() -> None:
    with pytest.raises(ResultError, match="dimension layer of a sample result has no coordinate"):
        result(data=dataset().drop_vars("layer"))


@pytest.mark.parametrize("keep", [0, 100, 2000, -50])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "sample.nc"
    result().save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ResultError, match=r"sample.nc is not a jackfield result"):
        SampleResult.load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"none.nc is not a jackfield result: FileNotFoundError"):
        SampleResult.load(tmp_path / "none.nc")


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (None, "is not a jackfield result: KeyError"),
        ("{", "JSONDecodeError"),
        ("[]", "its header is a list"),
        (3, "TypeError"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, header: object, complaint: str) -> None:
    path = tmp_path / "other.nc"
    dataset().assign_attrs({} if header is None else {"jackfield": header}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ResultError, match=complaint):
        SampleResult.load(path)


@pytest.mark.parametrize(
    "header",
    [
        {"baselines": [], "controls": {"a": "b"}, "provenance": PROVENANCE.as_dict()},
        {"baselines": {"clean": {"value": 3}}, "controls": {"a": "b"}, "provenance": PROVENANCE.as_dict()},
        {"baselines": {}, "controls": {"a": "b"}, "provenance": {"analysis": "sample"}},
        {"baselines": {}, "controls": {"a": "b"}},
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: dict[str, Any]) -> None:
    path = tmp_path / "damaged.nc"
    dataset().assign_attrs(jackfield=json.dumps(header)).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ResultError, match="does not hold a SampleResult"):
        SampleResult.load(path)


def test_a_result_of_another_kind_is_refused(tmp_path: Path) -> None:
    result().save(tmp_path / "sample.nc")
    with pytest.raises(ResultError, match="a sample result lacks share"):
        OtherResult.load(tmp_path / "sample.nc")


@pytest.mark.parametrize("field", [field.name for field in fields(Provenance)])
def test_the_digest_changes_with_every_field(field: str) -> None:
    assert replace(PROVENANCE, **{field: CHANGED[field]}).digest != PROVENANCE.digest


def test_the_digest_stays_the_same_everywhere() -> None:
    reordered = replace(PROVENANCE, config=dict(reversed(PROVENANCE.config.items())))
    assert reordered.digest == PROVENANCE.digest == "3f87d135b76c7925"
    assert Provenance.from_dict(json.loads(json.dumps(PROVENANCE.as_dict()))) == PROVENANCE


def test_versions_are_those_installed() -> None:
    from importlib.metadata import version

    assert versions()["torch"] == version("torch")
    assert {"jackfield", "transformers", "transformer-lens", "numpy"} <= set(versions())
