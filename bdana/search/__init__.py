"""The search of an analysis folder: samples to results, backgrounds, checks, what was opened, output and skims."""
