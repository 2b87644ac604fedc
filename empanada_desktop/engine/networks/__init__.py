"""The panoptic networks: encoders, decoders, heads."""
