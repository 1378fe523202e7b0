"""Opening closed regions: an analysis is frozen and rehearsed, stages are requested, approved and opened."""
