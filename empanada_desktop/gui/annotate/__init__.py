"""The room Annotate: which label is painted with, what its tools mind, deeds between planes. Document and views in."""
