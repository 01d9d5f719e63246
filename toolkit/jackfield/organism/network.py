"""The network of *fieldmouse* in plain torch, for training; its parameters carry the names of Hugging Face's GPT-2."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention


@dataclass(frozen=True)
class Shape:
    """Sizes of the network: about 1.25 million parameters."""

    vocabulary: int
    layers: int = 6
    width: int = 128
    heads: int = 8
    hidden: int = 512
    positions: int = 32


class Projection(nn.Module):
    """``x @ weight + bias`` with ``weight`` stored ``[inputs, outputs]``, as GPT-2 stores it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight.T, self.bias)


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.c_attn = Projection(shape.width, 3 * shape.width)
        self.c_proj = Projection(shape.width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        batch, positions, width = x.shape
        heads = self.c_attn(x).view(batch, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(heads[0], heads[1], heads[2], is_causal=True)
        out: Tensor = self.c_proj(mixed.transpose(1, 2).reshape(batch, positions, width))
        return out


class Mlp(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.c_fc = Projection(shape.width, shape.hidden)
        self.c_proj = Projection(shape.hidden, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.c_proj(gelu(self.c_fc(x)))
        return out


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(shape.width), Attention(shape)
        self.ln_2, self.mlp = nn.LayerNorm(shape.width), Mlp(shape)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class Network(nn.Module):
    """Pre-norm decoder with learned positions and a tied unembedding: ``tokens [batch, position] -> logits``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.wte = nn.Embedding(shape.vocabulary, shape.width)
        self.wpe = nn.Embedding(shape.positions, shape.width)
        self.h = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.ln_f = nn.LayerNorm(shape.width)

    def initialise(self, seed: int, scale: float = 0.8) -> None:
        """Draw every matrix from a normal of deviation ``scale / sqrt(width)``; biases 0, norms 1."""
        generator = torch.Generator().manual_seed(seed)
        deviation = scale / self.wte.weight.shape[1] ** 0.5
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.ndim >= 2:
                    parameter.normal_(0.0, deviation, generator=generator)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
        for block in self.h:
            x = block(x)
        return linear(self.ln_f(x), self.wte.weight)
