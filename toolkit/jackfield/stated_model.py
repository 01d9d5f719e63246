"""The model that a run states it was made on, loaded again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jackfield.errors import ResultError
from jackfield.loading import LoadRequest

if TYPE_CHECKING:
    from jackfield.hooked_model import HookedModel, ModelIdentity
    from jackfield.registry import Registry

__all__ = ["load_stated", "require_stated"]


def load_stated(identity: ModelIdentity, registry: Registry, instead: str | None = None) -> HookedModel:
    """Load a model by what a run states of it.

    Parameters
    ----------
    identity
        What the run states.
    registry
        The plugins that load it.
    instead
        Where the model is now, if its name does not lead to it.

    Raises
    ------
    ResultError
        If it is another model now.
    """
    dtype: Any = identity.dtype.removeprefix("torch.")
    model = registry.load_model(LoadRequest(instead or identity.name, dtype))
    require_stated(model, identity)
    return model


def require_stated(model: HookedModel, identity: ModelIdentity) -> None:
    """Raise ``ResultError`` unless a model is the one that a run states."""
    for what in ("architecture", "dtype", "weights", "tokenizer"):
        then, now = getattr(identity, what), getattr(model.identity, what)
        if then != now:
            raise ResultError(f"it was made on a model whose {what} is {then}; that of {model.name} is {now}")
