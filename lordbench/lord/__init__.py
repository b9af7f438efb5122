"""LORD: latent optimization for representation disentanglement (Gabbay & Hoshen, ICLR 2020)."""

from lordbench.lord.method import Lord, LordConfig

__all__ = ["Lord", "LordConfig"]
