"""Finding and reconstructing pairs of lines within given bounds; without cuts and weights of an analysis."""
