"""LORD: latent optimization for representation disentanglement (Gabbay & Hoshen, ICLR 2020)."""

from lordbench.lord.config import LordConfig
from lordbench.lord.method import Lord

__all__ = ["Lord", "LordConfig"]
