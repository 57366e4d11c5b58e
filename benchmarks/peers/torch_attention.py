"""The networks of attention_models.py in PyTorch, with its fused attention."""

import torch
from attention_models import HEADS, INNER, STEPS, TOKENS, WIDTH
from torch import nn


class Transformer(nn.Module):
    """A block of a transformer on tokens and positions."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, WIDTH)
        self.positions = nn.Parameter(torch.rand(STEPS, WIDTH) * 0.1 - 0.05)
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.first, self.second = (nn.LayerNorm(WIDTH, eps=1e-6) for _ in range(2))
        self.inner = nn.Sequential(nn.Linear(WIDTH, INNER), nn.ReLU(), nn.Linear(INNER, WIDTH))
        self.head = nn.Sequential(nn.Linear(WIDTH, 20), nn.ReLU(), nn.Linear(20, 2))

    def forward(self, x):
        """Logits."""
        x = self.tokens(x) + self.positions
        query, key, value = (
            dense(x).unflatten(2, (HEADS, WIDTH // HEADS)).transpose(1, 2)
            for dense in (self.query, self.key, self.value)
        )
        y = nn.functional.scaled_dot_product_attention(query, key, value)
        x = self.first(x + self.out(y.transpose(1, 2).flatten(2)))
        x = self.second(x + self.inner(x))
        return self.head(x.mean(1))


def transformer_text():
    """Two classes of text."""
    return Transformer()
