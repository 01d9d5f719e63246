"""Features of a sparse autoencoder that was trained beforehand, read from a local folder."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from jackfield.errors import ConfigError
from jackfield_plugins.causal_alignment.bases import Basis

__all__ = ["Dictionary"]

_CONFIG, _WEIGHTS = "cfg.json", "sae_weights.safetensors"
_PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")


class Dictionary(Basis):
    """Features of a sparse autoencoder, and what its reconstruction leaves out.

    An activation's own features and error give it back. To write all features of another activation is not to write
    that activation, since the error stays. The autoencoder is a constant: it is neither trained nor counted.

    Parameters
    ----------
    sae
        An inference autoencoder of sae-lens, with ``encode`` and ``decode``.
    """

    def __init__(self, sae: Any) -> None:
        super().__init__()
        self._held = (sae.eval().requires_grad_(False),)

    @classmethod
    def read(cls, folder: Path | str, like: Float[Tensor, "prompt d_model"]) -> Dictionary:
        """Read an autoencoder that sae-lens saved; nothing is fetched and nothing is unpickled.

        Parameters
        ----------
        folder
            Where ``cfg.json`` and ``sae_weights.safetensors`` are.
        like
            Activations that it is for: they fix width, number format and device.

        Raises
        ------
        ConfigError
            If there is no such folder or file, they cannot be read, the width is another one, or the autoencoder
            scales or reshapes activations when it runs.
        """
        path = Path(folder)
        _require_files(path)
        from safetensors import SafetensorError

        try:
            sae: Any = _autoencoders().load_from_disk(path, device="cpu").to(like.device, like.dtype)
        except (KeyError, OSError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
            raise ConfigError(f"{path} holds no autoencoder that sae-lens reads: {error}") from error
        widths = {sae.cfg.d_in, sae.W_dec.shape[1]}
        if widths != {like.shape[1]}:
            found = " to ".join(map(str, sorted(widths)))
            raise ConfigError(
                f"the autoencoder in {path} is for activations of {found}, and these have {like.shape[1]}"
            )
        for option in ("normalize_activations", "reshape_activations"):
            if (value := getattr(sae.cfg, option, "none")) != "none":
                raise ConfigError(
                    f"the autoencoder in {path} has {option} {value!r}, so that its features alone do not give an "
                    "activation back; fold it into the weights, as sae-lens can, and save it again"
                )
        return cls(sae)

    @property
    def features(self) -> int:
        return int(self._sae.cfg.d_sae)

    def spell(self, activation: Tensor) -> tuple[Tensor, Tensor]:
        features: Tensor = self._sae.encode(activation)
        return features, activation - self._sae.decode(features)

    def unspell(self, features: Tensor, error: Tensor) -> Tensor:
        found: Tensor = self._sae.decode(features) + error
        return found

    @property
    def _sae(self) -> Any:
        """The autoencoder, held where it is no part of this module, so that training passes it by."""
        return self._held[0]


def _autoencoders() -> Any:
    """The class by which sae-lens reads autoencoders; it is slow to import, and imports what is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from sae_lens import SAE

    return SAE


def _require_files(path: Path) -> None:
    if not path.is_dir():
        raise ConfigError(f"there is no folder {path} to read an autoencoder from; sae-lens saves one with save_model")
    if missing := [name for name in (_CONFIG, _WEIGHTS) if not (path / name).is_file()]:
        pickles = sorted(file.name for file in path.iterdir() if file.suffix in _PICKLES)
        hint = f"; {', '.join(pickles)} may hold code and is not read" if pickles else ""
        raise ConfigError(f"{path} lacks {' and '.join(missing)}, which sae-lens writes with save_model{hint}")
