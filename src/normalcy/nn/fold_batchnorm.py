"""Batch normalisation folded into the convolutions before it: the same function at inference, with a pass less per layer."""

from __future__ import annotations

import copy
from itertools import pairwise

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

from normalcy.nn.encoder import Encoder


def folded(encoder: Encoder) -> Encoder:
    """A copy of an encoder for inference alone, equal up to rounding; the original stays as it is.

    In every module, a convolution and the batch normalisation defined right after it become one convolution. That is how
    the encoders here are written: their layers run in the order in which they are defined.
    """
    out = copy.deepcopy(encoder).eval()
    for module in out.modules():
        for (name, conv), (after, norm) in list(pairwise(module.named_children())):
            if isinstance(conv, _ConvNd) and isinstance(norm, _BatchNorm):
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                setattr(module, after, nn.Identity())
    return out.requires_grad_(False)
