"""Signal yields, acceptance and exclusion in mass and coupling."""
