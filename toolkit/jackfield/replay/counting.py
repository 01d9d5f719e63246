"""How many multiply-adds the matrix products of a forward pass take, counted at little cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

__all__ = ["CountingProducts"]


class CountingProducts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts while it is entered, by the formulas of torch's own counter, which also keeps account of modules.

    Examples
    --------
    >>> import torch
    >>> with CountingProducts() as counted:
    ...     _ = torch.ones(2, 3) @ torch.ones(3, 5)
    >>> counted.multiply_adds
    30
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.multiply_adds = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        answer = func(*args, **options)
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.multiply_adds += count(*args, **options, out_val=answer) // 2
        return answer
