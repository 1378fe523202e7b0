"""Opening closed regions: where the frozen analysis, the people of the policy and the sealed events meet."""
