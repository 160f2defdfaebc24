"""The shared encoder of `speech`: causal convolutions over a spectrogram."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from tasks.data.speech_audio import MELS

STRIDE = 3  # frames of the spectrogram for one of the features, which is 30 ms
BLOCKS = 5


class SpeechEncoder(nn.Module):
    """Causal convolutions: frame k of the features sees frames up to 3k + 2 of the spectrogram, and none after them.

    A sound begins with silence. Every convolution pads its input on the left with the first frame, as if the silence
    had lasted forever. With zeros instead, the first frame would differ from all others, and CTC would soon learn to
    guess the first word there.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(MELS, width, 5, STRIDE)
        self.second = nn.Conv1d(width, width, 5)
        self.blocks = nn.ModuleList(ResidualConvolution(width, 2**level) for level in range(BLOCKS))

    def forward(self, mel: Tensor, frames: Tensor) -> Tensor:
        """Features (N, T // 3, width), 0 in padding.

        Args:
            mel: spectrograms (N, T, MELS) of any floating type.
            frames: (N,), how many frames are no padding.
        """
        length = used = mel.shape[1] // STRIDE
        if mel.device.type == "cpu":  # elsewhere, to ask for the longest would wait for the device
            used = max(1, int(frames.max()) // STRIDE)
        hidden = mel[:, : used * STRIDE].float().transpose(1, 2)
        hidden = relu(causal(self.first, hidden))
        hidden = relu(causal(self.second, hidden))
        for block in self.blocks:
            hidden = block(hidden)
        within = torch.arange(used, device=mel.device) < (frames // STRIDE)[:, None]
        return pad(hidden.transpose(1, 2) * within[..., None], (0, 0, 0, length - used))


class ResidualConvolution(nn.Module):
    """x + relu(conv(norm(x))) of x (N, width, T), over three frames that are ``dilation`` apart.

    Every frame is normalised alone: a mean over frames would carry later sounds to earlier features.
    """

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, width, 3, dilation=dilation)

    def forward(self, hidden: Tensor) -> Tensor:
        """As large as ``hidden``."""
        normed = self.norm(hidden.transpose(1, 2)).transpose(1, 2)
        return hidden + relu(causal(self.convolution, normed))


def causal(convolution: nn.Conv1d, hidden: Tensor) -> Tensor:
    """A convolution whose last input is the present frame, with the first frame of ``hidden`` (N, C, T) to its left."""
    span = convolution.dilation[0] * (convolution.kernel_size[0] - 1) + 1
    return convolution(pad(hidden, (span - convolution.stride[0], 0), mode="replicate"))


class MeanOverFrames(nn.Module):
    """The mean (N, H) of features (N, T, H) over frames that are not all 0, as those of padding are."""

    def forward(self, features: Tensor) -> Tensor:
        """The mean."""
        return features.sum(1) / features.any(-1).sum(1, keepdim=True).clamp(min=1)
