"""The core plugin goes through the registry as a stranger's would, and is light."""

from __future__ import annotations

import subprocess
import sys

from jackfield import builtins
from jackfield.loading import LoadRequest
from jackfield.metrics import BUILT_IN
from jackfield.registry import Registry


def test_everything_built_in_comes_through_the_registry() -> None:
    registry = Registry({"core": builtins})
    (record,) = registry.records
    assert record.status == "loaded"
    assert not record.warnings
    assert set(registry.tasks()) == {task.name for task in builtins.register_tasks()}
    assert set(registry.metrics()) == {metric.name for metric in BUILT_IN}
    assert set(registry.causal_models()) == {
        "equality", "hierarchical_equality", "between", "ioi", "greater_than", "modular_sum",
    }  # fmt: skip
    assert set(registry.models()) == {"fieldmouse", "smollm2-135m"}
    assert set(registry.exporters()) == {"graphml", "json", "gexf", "dot", "csv", "eap-ig"}


def test_the_registry_loads_models_through_the_plugin(untrained: object) -> None:
    model = Registry({"core": builtins}).load_model(LoadRequest(str(untrained)))
    assert model.name == str(untrained)


def test_listing_what_is_built_in_loads_no_torch() -> None:
    code = (
        "import sys; from jackfield import builtins as b; "
        "list(b.register_tasks()), list(b.list_models()), list(b.register_metrics()); "
        "dict(b.register_causal_models()), dict(b.register_exporters()); "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
