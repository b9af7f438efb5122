"""Reconstruction: the floor, and trainings that give one image for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import halves
from torch import Tensor, nn

from lordbench.data import ImageSet
from lordbench.evaluation.collapse import has_collapsed, l1, mean_image
from lordbench.experiments.reconstruction import Reconstruction
from lordbench.training import Codes, Context, DataSpec, Method
