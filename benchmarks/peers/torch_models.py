"""The networks of models.py in PyTorch: channels first, logits out."""

import torch
from torch import nn


def mlp_mnist():
    """Dense 784-64-64-10."""
    return nn.Sequential(
        nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )


def cnn_mnist():
    """Two convolutions with pools and two dense layers."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1600, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def conv1d_ts():
    """Three blocks of convolution, normalization and ReLU over time."""
    layers = []
    for channels in (1, 64, 64):
        layers += [nn.Conv1d(channels, 64, 3, padding=1), nn.BatchNorm1d(64), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 10))


def _normed(channels, filters, kernel, stride=1, groups=1, padding=None, epsilon=1e-3):
    padding = kernel // 2 if padding is None else padding
    conv = nn.Conv2d(channels, filters, kernel, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(filters, eps=epsilon))


class Residual(nn.Module):
    """body(x) + shortcut(x), through a ReLU where asked."""

    def __init__(self, body, shortcut, relu=True):
        super().__init__()
        self.body, self.shortcut, self.relu = body, shortcut, relu

    def forward(self, x):
        """The block."""
        y = self.body(x) + self.shortcut(x)
        return torch.relu(y) if self.relu else y


def resnet20_cifar():
    """ResNet-20."""
    layers, channels = [_normed(3, 16, 3), nn.ReLU()], 16
    for filters in (16, 32, 64):
        for block in range(3):
            stride = 2 if filters > 16 and block == 0 else 1
            body = nn.Sequential(
                _normed(channels, filters, 3, stride), nn.ReLU(), _normed(filters, filters, 3)
            )
            short = _normed(channels, filters, 1, 2) if stride == 2 else nn.Identity()
            layers.append(Residual(body, short))
            channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def resnet50():
    """ResNet-50 with the strides where Keras has them."""
    layers = [_normed(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for filters, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            stride = first if block == 0 else 1
            wide = 4 * filters
            body = nn.Sequential(
                _normed(channels, filters, 1, stride),
                nn.ReLU(),
                _normed(filters, filters, 3),
                nn.ReLU(),
                _normed(filters, wide, 1),
            )
            short = _normed(channels, wide, 1, stride) if block == 0 else nn.Identity()
            layers.append(Residual(body, short))
            channels = wide
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def mobilenet_v2():
    """MobileNetV2 of width 1."""
    layers, channels = [_normed(3, 32, 3, 2), nn.ReLU6()], 32
    for expansion, filters, repeats, first in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for repeat in range(repeats):
            stride = first if repeat == 0 else 1
            wide = expansion * channels
            body = [_normed(channels, wide, 1), nn.ReLU6()] if expansion > 1 else []
            body += [_normed(wide, wide, 3, stride, wide), nn.ReLU6(), _normed(wide, filters, 1)]
            block = nn.Sequential(*body)
            same = stride == 1 and channels == filters
            layers.append(Residual(block, nn.Identity(), relu=False) if same else block)
            channels = filters
    layers += [_normed(320, 1280, 1), nn.ReLU6()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))


class Recurrent(nn.Module):
    """Embedding, a recurrent layer, and a dense one on its last step or on all."""

    def __init__(self, embedding, recurrent, head, all_steps=False):
        super().__init__()
        self.embedding, self.recurrent, self.head = embedding, recurrent, head
        self.all_steps = all_steps

    def forward(self, x):
        """Logits."""
        y = self.recurrent(self.embedding(x))[0]
        return self.head(y if self.all_steps else y[:, -1])


def lstm_text():
    """Embedding, LSTM, one logit."""
    recurrent = nn.LSTM(128, 128, batch_first=True)
    return Recurrent(nn.Embedding(20000, 128), recurrent, nn.Linear(128, 1))


def gru_seq():
    """GRU, one number."""
    return Recurrent(nn.Identity(), nn.GRU(16, 64, batch_first=True), nn.Linear(64, 1))


def bilstm_tagger():
    """Embedding, LSTM both ways, logits a step."""
    recurrent = nn.LSTM(64, 64, batch_first=True, bidirectional=True)
    return Recurrent(nn.Embedding(10000, 64), recurrent, nn.Linear(128, 20), all_steps=True)
