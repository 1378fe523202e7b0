"""The combinatorial estimate: single tracks in groups, weights, cuts on built pairs, errors of the U-statistic."""
