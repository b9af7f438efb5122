"""Blocks that methods share: encoder, AdaIN generator, reconstruction losses, feature networks."""
